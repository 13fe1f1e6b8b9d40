//! The backends by name, and which of them a file's first bytes give away.

use std::fmt;

/// A database format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Text lines, rewritten as a whole (reference/cyrusdb.md 4).
    Flat,
    /// One file per quota root (reference/cyrusdb.md 5).
    QuotaLegacy,
    /// The older skip list (reference/cyrusdb.md 3).
    Skiplist,
    /// The default (reference/cyrusdb.md 2).
    Twoskip,
}

impl Kind {
    /// The backend an option such as `mboxlist_db` names; `None` when C has none of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "flat" => Some(Self::Flat),
            "quotalegacy" => Some(Self::QuotaLegacy),
            "skiplist" => Some(Self::Skiplist),
            "twoskip" => Some(Self::Twoskip),
            _ => None,
        }
    }

    /// The name options and tools use.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Flat => "flat",
            Self::QuotaLegacy => "quotalegacy",
            Self::Skiplist => "skiplist",
            Self::Twoskip => "twoskip",
        }
    }

    /// The type the first bytes of a file prove; flat and quotalegacy have no magic.
    #[must_use]
    pub fn from_magic(head: &[u8]) -> Option<Self> {
        [(MAGIC_SKIPLIST, Self::Skiplist), (MAGIC_TWOSKIP, Self::Twoskip)]
            .into_iter()
            .find_map(|(magic, kind)| (head.get(..16) == magic.get(..16)).then_some(kind))
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The first 20 octets of a skiplist file.
pub(crate) const MAGIC_SKIPLIST: &[u8; 20] = b"\xa1\x02\x8b\x0dskiplist file\0\0\0";
/// The first 20 octets of a twoskip file.
pub(crate) const MAGIC_TWOSKIP: &[u8; 20] = b"\xa1\x02\x8b\x0dtwoskip file\0\0\0\0";
