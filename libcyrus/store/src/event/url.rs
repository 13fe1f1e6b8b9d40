//! `imap://` URLs of mailboxes and messages (RFC 5092), as C writes them.

use cyrus_util::ids::UidValidity;
use cyrus_util::mutf7;
use std::fmt::Write as _;

/// What is written as `%XX`, besides everything that is not printable ASCII.
const UNSAFE: &[u8] = b" \"#%&+:;<=>?@[\\]^`{|}";

/// The URL of a server, or with `mailbox` (external name) of a mailbox or of one message there.
/// C: `imapurl_toURL()`
pub(super) fn print(
    server: &str,
    mailbox: Option<&[u8]>,
    uidvalidity: Option<UidValidity>,
    uid: Option<u32>,
) -> Vec<u8> {
    let mut url = format!("imap://{server}");
    if let Some(mailbox) = mailbox {
        url.push('/');
        let utf8 = mutf7::to_utf8(mailbox).map_or_else(|| mailbox.to_vec(), String::into_bytes);
        for byte in utf8 {
            if (b' '..=b'~').contains(&byte) && !UNSAFE.contains(&byte) {
                url.push(char::from(byte));
            } else {
                let _ = write!(url, "%{byte:02X}");
            }
        }
    }
    if let Some(UidValidity(number @ 1..)) = uidvalidity {
        let _ = write!(url, ";UIDVALIDITY={number}");
    }
    if let Some(number @ 1..) = uid {
        let _ = write!(url, "/;UID={number}");
    }
    url.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_written_as_c_writes_them() {
        let check = |mailbox: Option<&str>, uidvalidity, uid, expected: &str| {
            let url = print("mail.example", mailbox.map(str::as_bytes), Some(UidValidity(uidvalidity)), uid);
            assert_eq!(String::from_utf8_lossy(&url), expected);
        };
        check(None, 0, None, "imap://mail.example");
        check(Some("user.ann"), 7, None, "imap://mail.example/user.ann;UIDVALIDITY=7");
        check(Some("a/b c"), 7, Some(3), "imap://mail.example/a/b%20c;UIDVALIDITY=7/;UID=3");
        check(Some("&AOk-&-x"), 0, None, "imap://mail.example/%C3%A9%26x");
    }
}
