//! The datagram: a number in host order and a mailbox name ended by NUL.

/// What a datagram says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// 0: the sender idles on the mailbox from now on.
    Init,
    /// 1: the sender does not idle any more.
    Done,
    /// 2: the mailbox has changed.
    Notify,
    /// 3: nothing.
    Noop,
    /// Anything else; 4, ALERT, goes only from idled to its clients.
    Other(u64),
}

/// A datagram taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message<'a> {
    /// What it says.
    pub which: Which,
    /// Internal name of the mailbox, without NUL.
    pub mailbox: &'a [u8],
}

impl<'a> Message<'a> {
    /// Takes a datagram apart; `None` when it is too short or the name has no end.
    pub fn decode(bytes: &'a [u8]) -> Option<Message<'a>> {
        let (number, name) = bytes.split_first_chunk::<8>()?;
        let (0, name) = name.split_last()? else { return None };
        let mailbox = name.split(|b| *b == 0).next().unwrap_or_default();
        let which = match u64::from_ne_bytes(*number) {
            0 => Which::Init,
            1 => Which::Done,
            2 => Which::Notify,
            3 => Which::Noop,
            other => Which::Other(other),
        };
        Some(Message { which, mailbox })
    }
}

/// The datagram that tells a client of a change.
pub fn notify(mailbox: &[u8]) -> Vec<u8> {
    encode(2, mailbox)
}

/// The datagram that tells a client to look for words of the administrator.
pub fn alert() -> Vec<u8> {
    encode(4, b".")
}

fn encode(number: u64, mailbox: &[u8]) -> Vec<u8> {
    let mut bytes = number.to_ne_bytes().to_vec();
    bytes.extend_from_slice(mailbox);
    bytes.push(0);
    bytes
}

/// The longest datagram: the number, a name of 1023 bytes, NUL.
pub const MESSAGE_MAX: usize = 8 + 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        let bytes = notify(b"user.alice");
        assert_eq!(bytes.len(), 8 + 10 + 1);
        assert_eq!(Message::decode(&bytes), Some(Message { which: Which::Notify, mailbox: b"user.alice" }));
        assert_eq!(Message::decode(&alert()), Some(Message { which: Which::Other(4), mailbox: b"." }));
    }

    #[test]
    fn the_name_ends_at_the_first_nul_and_must_have_one_at_the_end() {
        let bytes = encode(0, b"a\0b");
        assert_eq!(Message::decode(&bytes).map(|m| m.mailbox), Some(&b"a"[..]));
        for length in 0..=8 {
            assert_eq!(Message::decode(bytes.get(..length).expect("short")), None);
        }
        assert_eq!(Message::decode(b"\x02\0\0\0\0\0\0\0user.x"), None);
    }
}
