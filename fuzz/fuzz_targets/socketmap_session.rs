//! Whatever an MTA asks of smmapd, the session ends and answers in bounds.
#![no_main]

mod session;

use session::{net, unix};

session_target!(
    cyrus_smmapd::process::Smmapd,
    &[unix(b""), net(b"7:map ann,"), unix(b"24:map ann+sub@mail.example,"),]
);
