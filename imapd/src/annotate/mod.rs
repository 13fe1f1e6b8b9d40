//! Annotations of server, mailboxes and messages as clients see and set them (RFC 5464, RFC 5257).
//!
//! `fetch` collects entries with their attributes, `store` checks what is to be set. The commands
//! that speak of annotations (METADATA, ANNOTATION, FETCH, STORE, APPEND, LIST) share both.

pub mod fetch;
pub mod store;

use libcyrus::base::log::{self, Priority};
use libcyrus::util::glob::Glob;

/// Attributes of an entry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attributes(u8);

impl Attributes {
    /// `value.shared`
    pub const VALUE_SHARED: Self = Self(1);
    /// `value.priv`
    pub const VALUE_PRIVATE: Self = Self(1 << 1);
    /// `size.shared`
    pub const SIZE_SHARED: Self = Self(1 << 2);
    /// `size.priv`
    pub const SIZE_PRIVATE: Self = Self(1 << 3);

    /// Whether one of `these` is here.
    #[must_use]
    pub fn has(self, these: Self) -> bool {
        self.0 & these.0 != 0
    }

    /// Both.
    #[must_use]
    pub const fn with(self, these: Self) -> Self {
        Self(self.0 | these.0)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Those that names with wildcards mean.
    #[must_use]
    pub fn named(names: &[Vec<u8>]) -> Self {
        let mut found = Self::default();
        for name in names {
            let glob = Glob::new(name, b'.');
            for (known, attributes) in NAMES.iter().filter(|(known, _)| glob.matches(known.as_bytes())) {
                if attributes.is_empty() && name != b"*" {
                    let text = format!("client used deprecated attribute \"{known}\", ignoring");
                    log::write(Priority::Warning, format_args!("annotatemore_fetch: {text}"));
                }
                found = found.with(*attributes);
            }
        }
        found
    }
}

/// All names; those without attributes were in old drafts only.
const NAMES: &[(&str, Attributes)] = &[
    ("value", Attributes::VALUE_SHARED.with(Attributes::VALUE_PRIVATE)),
    ("value.shared", Attributes::VALUE_SHARED),
    ("value.priv", Attributes::VALUE_PRIVATE),
    ("size", Attributes::SIZE_SHARED.with(Attributes::SIZE_PRIVATE)),
    ("size.shared", Attributes::SIZE_SHARED),
    ("size.priv", Attributes::SIZE_PRIVATE),
    ("modifiedsince", Attributes(0)),
    ("modifiedsince.shared", Attributes(0)),
    ("modifiedsince.priv", Attributes(0)),
    ("content-type", Attributes(0)),
    ("content-type.shared", Attributes(0)),
    ("content-type.priv", Attributes(0)),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_or_a_wildcard_means_attributes() {
        use Attributes as A;
        let named = |name: &str| A::named(&[name.as_bytes().to_vec()]);
        assert_eq!(named("value"), A::VALUE_SHARED.with(A::VALUE_PRIVATE));
        assert_eq!(named("value.*"), A::VALUE_SHARED.with(A::VALUE_PRIVATE));
        assert_eq!(named("%.priv"), A::VALUE_PRIVATE.with(A::SIZE_PRIVATE));
        assert!(named("nosuch").is_empty() && named("content-type").is_empty());
    }
}
