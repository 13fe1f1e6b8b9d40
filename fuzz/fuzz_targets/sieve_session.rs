//! Whatever a ManageSieve client says, the session ends and answers in bounds.
#![no_main]

mod session;

session_target!(
    cyrus_timsieved::process::Timsieved,
    &[],
    &[
        b"",
        b"AUTHENTICATE \"PLAIN\" \"AGFubgB4\"\r\n",
        b"AUTHENTICATE \"PLAIN\" \"AGFubgB4\"\r\nPUTSCRIPT \"a\" {5+}\r\nkeep;\r\nSETACTIVE \"a\"\r\n",
        b"AUTHENTICATE \"PLAIN\" \"AGFubgB4\"\r\nCHECKSCRIPT ",
    ]
);
