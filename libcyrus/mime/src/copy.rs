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
pub struct StrictCopy {
    _private: (),
}

impl StrictCopy {
    /// A new message. `allow_nul` is true for a literal8 (RFC 3516).
    #[must_use]
    pub fn new(eight_bit: EightBit, allow_nul: bool) -> Self {
        let _ = (eight_bit, allow_nul);
        todo!()
    }

    /// Looks at the next piece, changing it in place where the rules say so. After a refusal the rest is still
    /// to be read by the caller but need not be kept.
    ///
    /// # Errors
    /// The reason why the message is refused.
    pub fn piece(&mut self, piece: &mut [u8]) -> Result<(), Refusal> {
        let _ = piece;
        todo!()
    }

    /// The message has ended.
    ///
    /// # Errors
    /// The reason why the message is refused.
    pub fn finish(self) -> Result<(), Refusal> {
        todo!()
    }
}
