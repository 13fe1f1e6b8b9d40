//! Whatever an LMTP client says, the session ends and answers in bounds.
#![no_main]

mod session;

use session::{net, unix};

session_target!(
    cyrus_lmtpd::process::Lmtpd,
    &[
        net(b"LHLO x\r\n"),
        unix(b"LHLO x\r\nMAIL FROM:<ed@example.org>\r\nRCPT TO:<ann>\r\n"),
        net(b"LHLO x\r\nAUTH PLAIN AGFkbWluAHg=\r\n"),
        unix(b"LHLO x\r\nMAIL FROM:<> BODY=8BITMIME SIZE=100\r\nRCPT TO:<ann+sub>\r\nRCPT TO:<nobody>\r\nDATA\r\n"),
        net(b"LHLO x\r\nAUTH "),
        unix(b"LHLO x\r\nMAIL FROM:<ed@example.org>\r\nRCPT TO:<ann>\r\nRCPT TO:<ann+sub>\r\nDATA\r\nSubject: abox\r\n"),
        unix(b""),
    ]
);
