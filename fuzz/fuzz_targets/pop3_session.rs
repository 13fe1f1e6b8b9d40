//! Whatever a POP3 client says, the session ends and answers in bounds.
#![no_main]

mod session;

use session::{net, unix};

session_target!(
    cyrus_pop3d::process::Pop3d,
    &[
        net(b""),
        net(b"USER ann\r\nPASS x\r\n"),
        net(b"AUTH "),
        net(b"USER ann\r\nPASS x\r\nSTAT\r\nUIDL\r\n"),
        unix(b"AUTH PLAIN AGFubgB4\r\nDELE 2\r\n"),
    ]
);
