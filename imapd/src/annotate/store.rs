//! What a client wants to set, checked against what is known of the entries.

use crate::command::AnnotationEntry;
use libcyrus::base::log::{self, Priority};
use libcyrus::store::annotate::{Definition, Definitions, Level};
use libcyrus::store::mailbox::{AnnotationWrite, NewAnnotation, Touch};
use libcyrus::store::{Error, Result};

/// An entry to be set: `Some` for the halves that are named, with `None` in it for NIL.
#[derive(Clone, Debug)]
pub struct Change<'d> {
    /// The entry.
    pub name: Vec<u8>,
    /// What is known of it.
    pub definition: &'d Definition,
    /// The shared value.
    pub shared: Option<Option<Vec<u8>>>,
    /// The user's own value.
    pub private: Option<Option<Vec<u8>>>,
}

/// Checks all entries, in the order they are to be set: the last one first.
/// C: annotate_state_store()
///
/// # Errors
/// `PermissionDenied` for what nobody may set, `BadAnnotationValue`.
pub fn check<'d>(
    definitions: &'d Definitions,
    level: Level,
    entries: &[AnnotationEntry],
    is_dav: bool,
) -> Result<Vec<Change<'d>>> {
    let mut changes = Vec::new();
    for entry in entries {
        let definition = definitions.to_set(level, &entry.name, is_dav)?;
        let mut change = Change { name: entry.name.clone(), definition, shared: None, private: None };
        for (attribute, value) in &entry.values {
            let is_shared = match attribute.as_slice() {
                b"value.shared" => true,
                b"value.priv" => false,
                b"content-type.shared" | b"content-type.priv" => {
                    let shown = log::printable(attribute, 64);
                    let text = format!("client used deprecated attribute \"{shown}\", ignoring");
                    log::write(Priority::Warning, format_args!("annotatemore_store: {text}"));
                    continue;
                }
                _ => return Err(Error::PermissionDenied),
            };
            if !definition.has_half(is_shared) {
                return Err(Error::PermissionDenied);
            }
            let value = definition.canonical(value.as_deref())?;
            let half = if is_shared { &mut change.shared } else { &mut change.private };
            *half = Some(value);
        }
        changes.push(change);
    }
    changes.reverse();
    Ok(changes)
}

/// The values of messages to be set; `may_share` is whether shared ones may be. Only the first
/// entry gives a message a new modseq. C: _annotate_store_entries()
///
/// # Errors
/// As [`check`].
pub fn of_messages(
    definitions: &Definitions,
    entries: &[AnnotationEntry],
    userid: &[u8],
    may_share: bool,
) -> Result<Vec<NewAnnotation>> {
    let mut annotations = Vec::new();
    for (at, change) in check(definitions, Level::Message, entries, false)?.into_iter().enumerate() {
        let how = AnnotationWrite {
            is_permitted: may_share || change.shared.is_none(),
            asks_quota: true,
            touch: if at == 0 { Touch::Modseq } else { Touch::Silent },
        };
        for (userid, value) in [(&b""[..], change.shared), (userid, change.private)] {
            let Some(value) = value else { continue };
            let (entry, userid) = (change.name.clone(), userid.to_vec());
            annotations.push(NewAnnotation { entry, userid, value: value.unwrap_or_default(), how });
        }
    }
    Ok(annotations)
}

/// What values take at most in the quota of annotations. C: sizeentryatts()
#[must_use]
pub fn octets(entries: &[AnnotationEntry]) -> i64 {
    let values = entries.iter().flat_map(|entry| &entry.values);
    let octets = values.map(|(_, value)| value.as_ref().map_or(0, Vec::len)).sum::<usize>();
    i64::try_from(octets).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str, values: &[(&str, Option<&str>)]) -> AnnotationEntry {
        let values = values.iter();
        let values =
            values.map(|(name, value)| (name.as_bytes().to_vec(), value.map(|v| v.as_bytes().to_vec())));
        AnnotationEntry { name: name.as_bytes().to_vec(), values: values.collect() }
    }

    fn set(entries: &[AnnotationEntry], may_share: bool) -> Result<Vec<(String, String, bool, bool)>> {
        let definitions = Definitions::default();
        let show = |each: NewAnnotation| {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            let whose = format!("{}:{}", text(&each.entry), text(&each.userid));
            (whose, text(&each.value), each.how.is_permitted, each.how.touch == Touch::Modseq)
        };
        Ok(of_messages(&definitions, entries, b"ann", may_share)?.into_iter().map(show).collect())
    }

    #[test]
    fn the_last_entry_is_set_first_and_only_it_is_told() {
        let entries = [
            entry("/comment", &[("value.shared", Some("x")), ("value.priv", None)]),
            entry("/altsubject", &[("value.priv", Some("y"))]),
        ];
        let expected = [
            ("/altsubject:ann".to_owned(), "y".to_owned(), true, true),
            ("/comment:".to_owned(), "x".to_owned(), false, false),
            ("/comment:ann".to_owned(), String::new(), false, false),
        ];
        assert_eq!(set(&entries, false).expect("known entries"), expected);
    }

    #[test]
    fn unknown_entries_and_attributes_are_refused() {
        for entry in [
            entry("/nosuch", &[("value.priv", Some("x"))]),
            entry("/comment", &[("size.priv", Some("1"))]),
            entry("/vendor/cmu/cyrus-imapd/snoozed", &[("value.priv", Some("1"))]),
        ] {
            assert!(matches!(set(&[entry], true), Err(Error::PermissionDenied)));
        }
    }
}
