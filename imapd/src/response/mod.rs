//! Untagged data of a selected mailbox, written (RFC 3501 7).

pub mod fetch;
pub mod list;

use crate::session::Session;
use libcyrus::imap::view::{Row, Update};
use libcyrus::store::mailbox::SystemFlags;
use libcyrus::util::ids::MsgNo;
use libcyrus::util::seqset::SeqSet;
use std::io::Write;

/// How untagged FETCH responses name their message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FlagsForm {
    /// With UID.
    pub uid: bool,
    /// With MODSEQ.
    pub modseq: bool,
}

/// Tells what changed in the selected mailbox since it was last told. C: `index_tellchanges()`
pub fn changes(session: &mut Session<'_>, with_expunges: bool) {
    changes_as(session, with_expunges, FlagsForm::default());
}

/// The same, with UID or MODSEQ in its FETCH responses (UID commands, STORE UNCHANGEDSINCE).
pub fn changes_as(session: &mut Session<'_>, with_expunges: bool, form: FlagsForm) {
    let Some(selected) = session.selected.as_mut() else { return };
    let qresync = session.enabled.qresync;
    let form = FlagsForm { modseq: form.modseq || session.enabled.condstore, uid: form.uid || qresync };
    let mut out = Vec::new();
    let updates = selected.view.changes(with_expunges);
    if qresync {
        let gone = updates.iter().filter_map(|update| match update {
            Update::Expunge(_, uid) => Some(uid.0),
            _ => None,
        });
        vanished(&mut out, "", &SeqSet::from_sorted(gone));
    }
    for update in updates {
        match update {
            Update::Expunge(..) if qresync => {}
            Update::Expunge(msgno, _) => put(&mut out, format_args!("* {msgno} EXPUNGE\r\n")),
            Update::Exists { exists, recent } => {
                put(&mut out, format_args!("* {exists} EXISTS\r\n* {recent} RECENT\r\n"));
            }
            Update::Keywords => keywords(&mut out, selected.view.keywords(), selected.view.access()),
            Update::Flags(msgno) => {
                if let Some(row) = selected.view.row(msgno) {
                    message_flags(&mut out, msgno, row, selected.view.keywords(), form);
                }
                selected.view.flags_told(msgno);
            }
        }
        if out.len() > OUT_OCTETS {
            session.stream.write(&out);
            out.clear();
        }
    }
    session.stream.write(&out);
}

/// `* VANISHED 1:3` (RFC 7162 3.2.10), nothing for nothing.
pub fn vanished(out: &mut Vec<u8>, how: &str, uids: &SeqSet) {
    if !uids.ranges().is_empty() {
        put(out, format_args!("* VANISHED {how}{uids}\r\n"));
    }
}

/// `* FLAGS (...)` and `* OK [PERMANENTFLAGS (...)] Ok`. C: `index_listflags()`
pub fn keywords(out: &mut Vec<u8>, keywords: &[Option<Vec<u8>>], access: libcyrus::imap::view::Access) {
    let names = || keywords.iter().flatten();
    out.extend_from_slice(b"* FLAGS (\\Answered \\Flagged \\Draft \\Deleted \\Seen");
    for name in names() {
        out.push(b' ');
        out.extend_from_slice(name);
    }
    out.extend_from_slice(b")\r\n* OK [PERMANENTFLAGS (");
    let mut words: Vec<&[u8]> = Vec::new();
    if !access.examining {
        if access.write {
            words.extend([&b"\\Answered"[..], b"\\Flagged", b"\\Draft"]);
        }
        if access.delete_messages {
            words.push(b"\\Deleted");
        }
        if access.set_seen {
            words.push(b"\\Seen");
        }
        if access.write {
            words.extend(names().map(Vec::as_slice));
            if names().count() < libcyrus::store::mailbox::header::MAX_USER_FLAGS {
                words.push(b"\\*");
            }
        }
    }
    out.extend_from_slice(&words.join(&b' '));
    out.extend_from_slice(b")] Ok\r\n");
}

/// `* n FETCH (FLAGS (...))`, unasked. C: `index_printflags()`
pub fn message_flags(
    out: &mut Vec<u8>,
    msgno: MsgNo,
    row: &Row,
    keywords: &[Option<Vec<u8>>],
    form: FlagsForm,
) {
    put(out, format_args!("* {msgno} FETCH (FLAGS "));
    flags(out, row, keywords);
    if form.uid {
        put(out, format_args!(" UID {}", row.uid));
    }
    if form.modseq {
        put(out, format_args!(" MODSEQ ({})", row.modseq));
    }
    out.extend_from_slice(b")\r\n");
}

/// A message's flags in parentheses, in C's order. C: `index_fetchflags()`
pub fn flags(out: &mut Vec<u8>, row: &Row, keywords: &[Option<Vec<u8>>]) {
    let mut separator = b'(';
    let mut flag = |name: &[u8]| {
        out.push(separator);
        out.extend_from_slice(name);
        separator = b' ';
    };
    if row.recent {
        flag(b"\\Recent");
    }
    for (bit, name) in [
        (SystemFlags::ANSWERED, &b"\\Answered"[..]),
        (SystemFlags::FLAGGED, b"\\Flagged"),
        (SystemFlags::DRAFT, b"\\Draft"),
        (SystemFlags::DELETED, b"\\Deleted"),
    ] {
        if row.system_flags.has(bit) {
            flag(name);
        }
    }
    if row.is_shown_expunged {
        flag(b"\\Expunged");
    }
    if row.seen {
        flag(b"\\Seen");
    }
    if !row.user_flags.is_empty() {
        for (slot, name) in (0_u8..).zip(keywords) {
            if let Some(name) = name.as_ref().filter(|_| row.user_flags.has(slot)) {
                flag(name);
            }
        }
    }
    if separator == b'(' {
        out.push(b'(');
    }
    out.push(b')');
}

/// Formats into a buffer, which cannot fail.
pub fn put(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    let _ = out.write_fmt(text);
}

/// Responses gather up to this before they go to the stream.
const OUT_OCTETS: usize = 16 * 1024;
