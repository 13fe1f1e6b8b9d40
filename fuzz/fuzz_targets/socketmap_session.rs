//! Whatever an MTA asks of smmapd, the session ends and answers in bounds.
#![no_main]

mod session;

session_target!(cyrus_smmapd::process::Smmapd, &[], &[b"", b"7:map ann,", b"24:map ann+sub@mail.example,"]);
