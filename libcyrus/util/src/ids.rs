//! The numbers that C lets run together, each with a type of its own.

use std::fmt;

macro_rules! number {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl From<$inner> for $name {
            fn from(value: $inner) -> Self {
                Self(value)
            }
        }
    };
}

number! {
    /// A message's unique identifier in its mailbox (RFC 3501 2.3.1.1); 0 is never valid.
    Uid(u32)
}
number! {
    /// A message sequence number, what the client counts from 1 (RFC 3501 2.3.1.2).
    MsgNo(u32)
}
number! {
    /// Position of a record in cyrus.index, from 1, expunged records included.
    RecNo(u32)
}
number! {
    /// A modification sequence (RFC 7162).
    ModSeq(u64)
}
number! {
    /// UIDVALIDITY of a mailbox (RFC 3501 2.3.1.1).
    UidValidity(u32)
}
number! {
    /// Seconds since 1970-01-01T00:00:00Z.
    UnixTime(i64)
}

impl UnixTime {
    /// The clock of the system, now.
    #[must_use]
    pub fn now() -> Self {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Self(since.map_or(0, |d| i64::try_from(d.as_secs()).unwrap_or(i64::MAX)))
    }

    /// As stored in mailbox files: unsigned 32 bits, clamped.
    #[must_use]
    pub fn as_u32(self) -> u32 {
        u32::try_from(self.0.max(0)).unwrap_or(u32::MAX)
    }
}
