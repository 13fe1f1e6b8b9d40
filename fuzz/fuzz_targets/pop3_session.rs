//! Whatever a POP3 client says, the session ends and answers in bounds.
#![no_main]

mod session;

session_target!(
    cyrus_pop3d::process::Pop3d,
    &[],
    &[b"", b"USER ann\r\nPASS x\r\n", b"USER ann\r\nPASS x\r\nSTAT\r\nUIDL\r\n", b"AUTH PLAIN AGFubgB4\r\n"]
);
