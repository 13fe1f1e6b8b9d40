//! Whatever a ManageSieve client says, the session ends and answers in bounds.
#![no_main]

mod session;

use session::{net, unix};

session_target!(
    cyrus_timsieved::process::Timsieved,
    &[
        net(b""),
        net(b"AUTHENTICATE \"PLAIN\" \"AGFubgB4\"\r\n"),
        net(b"AUTHENTICATE "),
        unix(b"AUTHENTICATE \"PLAIN\" \"AGFubgB4\"\r\nPUTSCRIPT \"a\" {5+}\r\nkeep;\r\nSETACTIVE \"a\"\r\n"),
        unix(b"AUTHENTICATE \"PLAIN\" \"AGFubgB4\"\r\nCHECKSCRIPT "),
    ]
);
