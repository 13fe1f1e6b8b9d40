//! What APPEND and deliveries accept, and what is changed on the way to the spool.

use std::fmt;

/// How 8-bit bytes in header lines are met.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EightBit {
    /// `munge8bit: yes`: each becomes `X`.
    #[default]
    Munge,
    /// Neither option: they stay.
    Pass,
    /// `reject8bit: yes`: the message is refused.
    Reject,
}

/// Why a message is refused. Display gives the sentence of Cyrus's error table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// NUL where none may be.
    ContainsNul,
    /// LF without CR.
    ContainsBareNewline,
    /// 8-bit byte in a header line.
    Contains8Bit,
    /// A header line that is no field.
    BadHeader,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ContainsNul => "Message contains NUL characters",
            Self::ContainsBareNewline => "Message contains bare newlines",
            Self::Contains8Bit => "Message contains non-ASCII characters in headers",
            Self::BadHeader => "Message contains invalid header",
        })
    }
}

/// Checks and changes a message that arrives in pieces. C: message_copy_strict()
#[derive(Clone, Debug)]
#[allow(clippy::struct_excessive_bools, reason = "a line scanner's memory, not options")]
pub struct StrictCopy {
    eight_bit: EightBit,
    allow_nul: bool,
    after_cr: bool,
    is_header: bool,
    is_blank_line: bool,
    line: Line,
    refusal: Option<Refusal>,
}

/// Where the check of field names stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    /// At the start of a line.
    Start,
    /// In a name of so many octets; true while they spell `From`.
    Name(usize, bool),
    /// In the rest of a line.
    Rest,
    /// A header line that is no field was seen.
    Bad,
    /// The header has ended.
    Done,
}

impl StrictCopy {
    /// A new message. `allow_nul` is true for a literal8 (RFC 3516).
    #[must_use]
    pub fn new(eight_bit: EightBit, allow_nul: bool) -> Self {
        Self {
            eight_bit,
            allow_nul,
            after_cr: false,
            is_header: true,
            is_blank_line: true,
            line: Line::Start,
            refusal: None,
        }
    }

    /// Looks at the next piece, changing it in place where the rules say so. After a refusal the rest is still
    /// to be read by the caller but need not be kept.
    ///
    /// # Errors
    /// The reason why the message is refused.
    pub fn piece(&mut self, piece: &mut [u8]) -> Result<(), Refusal> {
        if let Some(refusal) = self.refusal {
            return Err(refusal);
        }
        if !self.allow_nul && memchr::memchr(0, piece).is_some() {
            self.refusal = Some(Refusal::ContainsNul);
        } else {
            let mut seen = 0;
            for c in piece.iter_mut() {
                if !self.is_header {
                    break;
                }
                self.header_octet(c);
                seen += 1;
            }
            self.body(piece.get(seen..).unwrap_or_default());
        }
        self.refusal.map_or(Ok(()), Err)
    }

    fn header_octet(&mut self, c: &mut u8) {
        match *c {
            0 => self.refusal = Some(Refusal::ContainsNul),
            b'\n' => {
                if !self.after_cr {
                    self.refusal = Some(Refusal::ContainsBareNewline);
                }
                self.after_cr = false;
                if self.is_blank_line {
                    self.is_header = false;
                }
                self.is_blank_line = true;
            }
            b'\r' => self.after_cr = true,
            _ => {
                self.after_cr = false;
                self.is_blank_line = false;
                if *c >= 0x80 {
                    match self.eight_bit {
                        EightBit::Munge => *c = b'X',
                        EightBit::Pass => {}
                        EightBit::Reject => {
                            self.refusal.get_or_insert(Refusal::Contains8Bit);
                        }
                    }
                }
            }
        }
        self.line = self.line.next(*c);
    }

    /// In the body only the line ends matter, and the names while C still takes the lines for header lines.
    fn body(&mut self, rest: &[u8]) {
        if self.line != Line::Done && self.line != Line::Bad {
            for &c in rest {
                self.line = self.line.next(c);
            }
        }
        if !self.allow_nul {
            for at in memchr::memchr_iter(b'\n', rest) {
                let before = at.checked_sub(1).and_then(|before| rest.get(before));
                if before.map_or(!self.after_cr, |&c| c != b'\r') {
                    self.refusal = Some(Refusal::ContainsBareNewline);
                    return;
                }
            }
        }
        if let Some(&last) = rest.last() {
            self.after_cr = last == b'\r';
        }
    }

    /// The message has ended.
    ///
    /// # Errors
    /// The reason why the message is refused.
    pub fn finish(self) -> Result<(), Refusal> {
        match (self.refusal, self.line) {
            (Some(refusal), _) => Err(refusal),
            (None, Line::Start | Line::Done) => Ok(()),
            (None, Line::Name(..) | Line::Rest | Line::Bad) => Err(Refusal::BadHeader),
        }
    }
}

impl Line {
    fn next(self, c: u8) -> Self {
        match (self, c) {
            (Self::Done | Self::Bad, _) => self,
            (Self::Start, b'\r') => Self::Done,
            (Self::Start, b' ' | b'\t') => Self::Rest,
            (Self::Start, b':') => Self::Bad,
            (Self::Start, _) => Self::Name(0, true).next(c),
            (Self::Name(..), b':') => Self::Rest,
            (Self::Rest, _) if c != b'\n' => Self::Rest,
            (Self::Rest, _) => Self::Start,
            (Self::Name(4, true), b' ') => Self::Rest,
            (Self::Name(..), 0..=b' ') => Self::Bad,
            (Self::Name(n, is_from), _) => {
                Self::Name(n.saturating_add(1), is_from && b"From".get(n) == Some(&c))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, eight_bit: EightBit, expected: Result<&str, Refusal>) {
        for size in [1, 3, 4096] {
            let mut bytes = text.as_bytes().to_vec();
            let mut copy = StrictCopy::new(eight_bit, false);
            let result =
                bytes.chunks_mut(size).try_for_each(|piece| copy.piece(piece)).and_then(|()| copy.finish());
            assert_eq!(result, expected.map(|_| ()), "{text:?} in pieces of {size}");
            if let Ok(expected) = expected {
                assert_eq!(String::from_utf8_lossy(&bytes), expected);
            }
        }
    }

    #[test]
    fn messages_are_checked_and_munged() {
        check("A: b\r\n\r\nc\r\n", EightBit::Munge, Ok("A: b\r\n\r\nc\r\n"));
        check("A: é\r\n\r\né\r\n", EightBit::Munge, Ok("A: XX\r\n\r\né\r\n"));
        check("A: é\r\n\r\né", EightBit::Pass, Ok("A: é\r\n\r\né"));
        check("A: é\r\n\r\n", EightBit::Reject, Err(Refusal::Contains8Bit));
        check("A: b\n\r\n", EightBit::Munge, Err(Refusal::ContainsBareNewline));
        check("A: b\r\n\r\nc\nd", EightBit::Munge, Err(Refusal::ContainsBareNewline));
        check("A: b\r\n\r\n\0", EightBit::Munge, Err(Refusal::ContainsNul));
        check("no field\r\n\r\n", EightBit::Munge, Err(Refusal::BadHeader));
        check(": x\r\n\r\n", EightBit::Munge, Err(Refusal::BadHeader));
        check("From a b\r\nA: b\r\n\r\n", EightBit::Munge, Ok("From a b\r\nA: b\r\n\r\n"));
        check("A: b\r\n", EightBit::Munge, Ok("A: b\r\n"));
        check("A: b", EightBit::Munge, Err(Refusal::BadHeader));
        check("", EightBit::Munge, Ok(""));
    }
}
