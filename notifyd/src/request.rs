//! One datagram: `method NUL class NUL priority NUL user NUL mailbox NUL count NUL count*(option NUL)
//! message NUL [filename NUL]` (reference/master-ipc.md 6).

/// A notification, borrowed from its datagram.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request<'d> {
    /// Method, empty for the default.
    pub method: &'d [u8],
    /// `MAIL`, `SIEVE`, `EVENT`.
    pub class: &'d [u8],
    /// Priority.
    pub priority: &'d [u8],
    /// User.
    pub user: &'d [u8],
    /// Mailbox.
    pub mailbox: &'d [u8],
    /// Options of the method.
    pub options: Vec<&'d [u8]>,
    /// The message.
    pub message: &'d [u8],
    /// File of the message.
    pub filename: Option<&'d [u8]>,
}

impl<'d> Request<'d> {
    /// Reads a datagram; `None` when a field is missing. What follows the last field is ignored.
    #[must_use]
    pub fn parse(datagram: &'d [u8]) -> Option<Self> {
        // The last field may lack its NUL: C puts one behind what it received.
        let datagram = datagram.strip_suffix(b"\0").unwrap_or(datagram);
        let mut fields = datagram.split(|&byte| byte == 0);
        let mut next = || fields.next();
        let (method, class, priority) = (next()?, next()?, next()?);
        let (user, mailbox, count) = (next()?, next()?, next()?);
        let count = number(count)?;
        let mut options = Vec::new();
        for _ in 0..count {
            options.push(next()?);
        }
        let message = next()?;
        Some(Self { method, class, priority, user, mailbox, options, message, filename: next() })
    }
}

/// As strtol() reads it; none for a negative number or one that is too large.
fn number(text: &[u8]) -> Option<usize> {
    let text = text.trim_ascii_start();
    let text = text.strip_prefix(b"+").unwrap_or(text);
    if text.first() == Some(&b'-') && text.get(1).is_some_and(|digit| (b'1'..=b'9').contains(digit)) {
        return None;
    }
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit());
    digits.into_iter().try_fold(0_usize, |number, digit| {
        number.checked_mul(10)?.checked_add(usize::from(digit.wrapping_sub(b'0')))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_and_missing_ones_noticed() {
        let request = Request::parse(b"log\0MAIL\0\0ann\0INBOX\x00002\0a\0b\0hello\0").unwrap();
        assert_eq!(request.options, [b"a", b"b"]);
        assert_eq!((request.method, request.message, request.filename), (&b"log"[..], &b"hello"[..], None));
        let request = Request::parse(b"\0EVENT\0\0\0\x00000\0{}\0/tmp/x").unwrap();
        assert_eq!((request.message, request.filename), (&b"{}"[..], Some(&b"/tmp/x"[..])));
        for bad in [
            &b""[..],
            b"log",
            b"log\0MAIL\0\0ann\0INBOX\0",
            b"log\0MAIL\0\0ann\0INBOX\x00000\0",
            b"log\0MAIL\0\0ann\0INBOX\x00002\0a\0b\0",
            b"log\0MAIL\0\0ann\0INBOX\0-1\0a\0b\0c\0",
            b"log\0MAIL\0\0ann\0INBOX\x0099999999999999999999\0a\0b\0c\0",
        ] {
            assert_eq!(Request::parse(bad), None, "{}", bad.escape_ascii());
        }
    }

    #[test]
    fn any_datagram_is_read_without_panic() {
        let mut state = 7_u32;
        for _ in 0..20_000 {
            let mut datagram = Vec::new();
            for _ in 0..40 {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                datagram.push(*b"\0\0\x00019-ax".get((state >> 16) as usize % 8).unwrap_or(&0));
            }
            let _ = Request::parse(&datagram);
        }
    }
}
