//! The mails that scripts send: redirected messages, answers of vacation, notices of rejection.
//! C: send_forward(), send_response(), send_rejection() of lmtp_sieve.c

use crate::deliver::Delivery;
use libcyrus::base::VERSION;
use libcyrus::mime::charset::encode_mimeheader;
use libcyrus::net::smtp::{self, Mail, Refusal};
use libcyrus::sieve::run::{Redirect, Vacation};
use libcyrus::sys::time;
use libcyrus::util::datetime::print_rfc5322;
use std::sync::atomic::{AtomicU32, Ordering};

/// What X-Sieve says.
const SIEVE_VERSION: &str = "CMU Sieve 3.0";

/// Id and date of a new mail.
pub struct Stamp {
    /// Message-ID.
    pub id: String,
    /// Date.
    pub date: String,
    /// The same in seconds.
    pub at: i64,
}

impl Stamp {
    /// A fresh one.
    pub(crate) fn new(delivery: &Delivery<'_>) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let at = time::now();
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let server = delivery.lmtpd.config.servername();
        let id = format!("<cmu-sieve-{}-{at}-{count}@{server}>", std::process::id());
        Self { id, date: print_rfc5322(at, time::local(at).utc_offset_s.into()), at }
    }
}

/// Sends a message on to these addresses, without its Return-Path. The body begins with the blank line.
pub(crate) fn forward(
    delivery: &Delivery<'_>,
    userid: Option<&[u8]>,
    redirect: &Redirect,
    to: &[Vec<u8>],
    [header, body]: [&[u8]; 2],
) -> Result<(), Refusal> {
    let header = forwarded(header);
    let mail = Mail {
        from: &delivery.sender.return_path,
        to,
        authid: userid,
        notify: redirect.dsn_notify.as_deref(),
        ret: redirect.dsn_ret.as_deref(),
        by: redirect.deliver_by.as_deref(),
        message: &[&header, body],
    };
    smtp::send(&delivery.lmtpd.config, &mail)
}

fn forwarded(header: &[u8]) -> Vec<u8> {
    let mut out = b"X-Sieve-Action: redirect\r\n".to_vec();
    for line in header.split_inclusive(|&octet| octet == b'\n') {
        let name = line.get(..12).unwrap_or_default();
        if !name.eq_ignore_ascii_case(b"return-path:") {
            out.extend_from_slice(line);
        }
    }
    out
}

/// The answer of a vacation.
pub(crate) fn answer(delivery: &Delivery<'_>, vacation: &Vacation, stamp: &Stamp) -> Vec<u8> {
    let mut out = format!(
        "Message-ID: {}\r\nDate: {}\r\nX-Sieve: {SIEVE_VERSION}\r\nX-Sieve-Action: vacation\r\n",
        stamp.id, stamp.date
    )
    .into_bytes();
    let mut add = |parts: &[&[u8]]| out.extend_from_slice(&parts.concat());
    let from = one_line(&vacation.from);
    if from.contains(&b'<') {
        add(&[b"From: ", from, b"\r\n"]);
    } else {
        add(&[b"From: <", from, b">\r\n"]);
    }
    add(&[b"To: <", one_line(&vacation.to), b">\r\n"]);
    let is_control = |octet: &u8| octet.is_ascii_control();
    let end = vacation.subject.iter().position(is_control).unwrap_or(vacation.subject.len());
    let subject = encode_mimeheader(vacation.subject.get(..end).unwrap_or_default());
    add(&[b"Subject:", if subject.len() > 69 { b"\r\n" } else { b"" }, b" ", &subject, b"\r\n"]);
    add(&[b"In-Reply-To: ", &delivery.message_id, b"\r\n"]);
    add(&[b"Auto-Submitted: auto-replied (vacation)\r\nMIME-Version: 1.0\r\n"]);
    if !vacation.is_mime {
        add(&[b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"]);
    }
    add(&[&vacation.message, b"\r\n"]);
    out
}

/// Up to a line end, which would begin a field of its own.
fn one_line(text: &[u8]) -> &[u8] {
    let end = text.iter().position(|octet| b"\r\n".contains(octet)).unwrap_or(text.len());
    text.get(..end).unwrap_or_default()
}

/// The notice that a message was rejected: what stands before the message and behind it.
pub(crate) fn rejection(
    delivery: &Delivery<'_>,
    recipient: &[u8],
    original_recipient: Option<&[u8]>,
    reason: &[u8],
    stamp: &Stamp,
) -> [Vec<u8>; 2] {
    let config = &delivery.lmtpd.config;
    let server = config.servername();
    let boundary = format!("{}/{server}", std::process::id());
    let mut out = format!(
        "Message-ID: {}\r\nDate: {}\r\nX-Sieve: {SIEVE_VERSION}\r\nX-Sieve-Action: reject\r\n\
         From: Mail Sieve Subsystem <{}>\r\nTo: <",
        stamp.id, stamp.date, delivery.lmtpd.settings.postmaster
    )
    .into_bytes();
    out.extend_from_slice(&delivery.sender.return_path);
    out.extend_from_slice(
        format!(
            ">\r\nMIME-Version: 1.0\r\n\
             Content-Type: multipart/report; report-type=disposition-notification;\r\n\tboundary=\"{boundary}\"\r\n\
             Subject: Automatically rejected mail\r\nAuto-Submitted: auto-replied (rejected)\r\n\
             \r\nThis is a MIME-encapsulated message\r\n\r\n\
             --{boundary}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Disposition: inline\r\n\
             Content-Transfer-Encoding: 8bit\r\n\r\n\
             Your message was automatically rejected by Sieve, a mail\r\nfiltering language.\r\n\r\n\
             The following reason was given:\r\n"
        )
        .as_bytes(),
    );
    out.extend_from_slice(reason);
    out.extend_from_slice(
        format!(
            "\r\n\r\n--{boundary}\r\nContent-Type: message/disposition-notification\r\n\r\n\
             Reporting-UA: {server}; Cyrus {VERSION}/{SIEVE_VERSION}\r\n"
        )
        .as_bytes(),
    );
    if let Some(original) = original_recipient {
        out.extend_from_slice(&[b"Original-Recipient: rfc822; ", original, b"\r\n"].concat());
    }
    out.extend_from_slice(&[b"Final-Recipient: rfc822; ", recipient, b"\r\n"].concat());
    out.extend_from_slice(&[b"Original-Message-ID: ", delivery.message_id.as_slice(), b"\r\n"].concat());
    out.extend_from_slice(
        format!(
            "Disposition: automatic-action/MDN-sent-automatically; deleted\r\n\r\n\
             --{boundary}\r\nContent-Type: message/rfc822\r\n\r\n"
        )
        .as_bytes(),
    );
    [out, format!("\r\n\r\n--{boundary}--\r\n").into_bytes()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_return_path_stays_here() {
        assert_eq!(forwarded(b"Return-Path: <a@b>\r\nX: 1\r\n"), b"X-Sieve-Action: redirect\r\nX: 1\r\n");
        assert_eq!(one_line(b"a\r\nBcc: b"), b"a");
    }
}
