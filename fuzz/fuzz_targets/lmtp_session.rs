//! Whatever an LMTP client says, the session ends and answers in bounds.
#![no_main]

mod session;

session_target!(
    cyrus_lmtpd::process::Lmtpd,
    &["-a"],
    &[
        b"",
        b"LHLO x\r\n",
        b"LHLO x\r\nMAIL FROM:<ed@example.org>\r\nRCPT TO:<ann>\r\n",
        b"LHLO x\r\nMAIL FROM:<> BODY=8BITMIME SIZE=100\r\nRCPT TO:<ann+sub>\r\nRCPT TO:<nobody>\r\nDATA\r\n",
    ]
);
