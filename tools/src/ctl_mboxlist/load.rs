//! Loading a dump: the JSON object that `-d` writes, or the lines of 3.4 and older.

use super::List;
use crate::io;
use libcyrus::store::Result;
use libcyrus::store::mboxlist::{FormerName, MbEntry, MbType};
use libcyrus::util::acl::Acl;
use libcyrus::util::ids::{ModSeq, UidValidity};
use libcyrus::util::mboxname::MboxName;
use serde_json::{Map, Value};
use std::io::{BufRead, Read};

/// Names as long as this are refused.
const NAME_OCTETS_MAX: usize = 490;
/// Partition names as long as this are refused.
const PARTITION_OCTETS_MAX: usize = 64;

impl List {
    /// Reads the JSON object from standard input. What cannot be read at all is told and is no
    /// failure, as in C. C: do_undump()
    pub(super) fn load_json(&self) -> Result<()> {
        let mut text = Vec::new();
        // What was read so far tells where it ends.
        let _ = std::io::stdin().lock().read_to_end(&mut text);
        let dump: Value = match serde_json::from_slice(&text) {
            Ok(dump) => dump,
            Err(error) => {
                complain(&parse_error(&text, &error));
                return Ok(());
            }
        };
        for (name, facts) in dump.as_object().into_iter().flatten() {
            if name.len() >= NAME_OCTETS_MAX {
                complain(&format!("mailbox name too long: {name}"));
                continue;
            }
            let (entry, complaints) = read_entry(name, facts);
            for complaint in complaints {
                complain(&format!("{complaint} for {name}"));
            }
            // C goes on with the next entry whatever happens; the log tells what did.
            if let Some(entry) = entry {
                let _ = self.put(&entry);
            }
        }
        Ok(())
    }

    /// Reads `name TAB type [server!]partition acl>uniqueid mtime uidvalidity foldermodseq
    /// createdmodseq`, one entry a line. C: do_undump_legacy()
    pub(super) fn load_lines(&self) -> Result<()> {
        for (at, line) in std::io::stdin().lock().split(b'\n').enumerate() {
            let Ok(line) = line else { break };
            let entry = read_line(&line);
            let number = at.saturating_add(1);
            let Some(partition) = &entry.partition else {
                complain(&format!("line {number}: no partition found"));
                continue;
            };
            if partition.len() >= PARTITION_OCTETS_MAX {
                complain(&format!("line {number}: partition name too long"));
                continue;
            }
            if self.put(&entry).is_err() {
                break;
            }
        }
        Ok(())
    }
}

fn complain(text: &str) {
    io::complain(format!("{text}\n").as_bytes());
}

fn parse_error(text: &[u8], error: &serde_json::Error) -> String {
    let what = if text.trim_ascii().is_empty() {
        "'[' or '{' expected near end of file".to_owned()
    } else {
        error.to_string()
    };
    format!("parse error at line {}: {what}", error.line())
}

/// The entry, unless something it needs is missing, and what is to be said about it.
fn read_entry(name: &str, facts: &Value) -> (Option<MbEntry>, Vec<&'static str>) {
    let mut complaints = Vec::new();
    let text = |key: &str| facts.get(key).and_then(Value::as_str);
    let mut number = |key: &str, complaint| match text(key) {
        Some(text) => leading_number(text.as_bytes()),
        None => {
            complaints.push(complaint);
            0
        }
    };
    let mut entry = MbEntry {
        name: MboxName::from(name),
        uidvalidity: uidvalidity(number("uidvalidity", "missing uidvalidity")),
        createdmodseq: ModSeq(number("createdmodseq", "missing createdmodseq")),
        foldermodseq: ModSeq(number("foldermodseq", "missing foldermodseq")),
        ..MbEntry::default()
    };
    match text("mbtype") {
        Some(letters) => entry.mbtype = MbType::parse(letters.as_bytes()),
        None => complaints.push("missing mbtype"),
    }
    match text("partition") {
        Some(partition) if partition.len() >= PARTITION_OCTETS_MAX => {
            complaints.push("partition too long");
            return (None, complaints);
        }
        Some(partition) => entry.partition = Some(partition.as_bytes().to_vec()),
        None => {
            // C's word for it.
            complaints.push("missing mbtype");
            return (None, complaints);
        }
    }
    entry.server = text("server").map(|server| server.as_bytes().to_vec());
    if let Some(rights) = facts.get("acl") {
        let mut acl = Acl::new();
        for (identifier, rights) in rights.as_object().into_iter().flat_map(Map::iter) {
            acl.push(identifier.as_bytes(), rights.as_str().unwrap_or_default().as_bytes());
        }
        entry.acl = Some(acl);
    }
    match text("uniqueid") {
        Some(uniqueid) => entry.uniqueid = Some(uniqueid.as_bytes().to_vec()),
        None => {
            complaints.push("missing uniqueid");
            return (None, complaints);
        }
    }
    let history = facts.get("name_history").and_then(Value::as_array);
    entry.history = history.into_iter().flatten().map(read_former).collect();
    (Some(entry), complaints)
}

fn read_former(facts: &Value) -> FormerName {
    let text = |key: &str| facts.get(key).and_then(Value::as_str).unwrap_or_default().as_bytes();
    FormerName {
        name: MboxName::from(text("name")),
        mtime: leading_number(text("mtime")),
        uidvalidity: uidvalidity(leading_number(text("uidvalidity"))),
        createdmodseq: ModSeq(leading_number(text("createdmodseq"))),
        foldermodseq: ModSeq(leading_number(text("foldermodseq"))),
        mbtype: MbType::parse(text("mbtype")),
        partition: facts.get("partition").and_then(Value::as_str).map(|name| name.as_bytes().to_vec()),
    }
}

fn read_line(line: &[u8]) -> MbEntry {
    let mut entry = MbEntry::default();
    let end = line.iter().position(|&byte| byte == b'\t').unwrap_or(line.len());
    let (name, rest) = line.split_at_checked(end).unwrap_or((line, b""));
    if name.is_empty() {
        return entry;
    }
    entry.name = MboxName::from(name);
    let (mbtype, rest) = word(rest);
    entry.mbtype = MbType::from_number(u32::try_from(leading_number(mbtype)).unwrap_or(0));
    let (place, rest) = word(rest);
    if place.is_empty() {
        return entry;
    }
    match place.iter().position(|&byte| byte == b'!') {
        Some(at) => {
            entry.server = place.get(..at).map(<[u8]>::to_vec);
            entry.partition = place.get(at.saturating_add(1)..).map(<[u8]>::to_vec);
        }
        None => entry.partition = Some(place.to_vec()),
    }
    let rest = rest.trim_ascii_start();
    let end = rest.iter().position(|&byte| byte == b'>');
    let (acl, rest) = rest.split_at_checked(end.unwrap_or(rest.len())).unwrap_or((rest, b""));
    if !acl.is_empty() {
        entry.acl = Some(Acl::parse(acl));
    }
    let (uniqueid, rest) = word(rest.strip_prefix(b">").unwrap_or(rest));
    if !uniqueid.is_empty() {
        entry.uniqueid = Some(uniqueid.to_vec());
    }
    // mtime: the entry is stamped with now.
    let (_, rest) = word(rest);
    let (validity, rest) = word(rest);
    entry.uidvalidity = uidvalidity(leading_number(validity));
    let (foldermodseq, rest) = word(rest);
    entry.foldermodseq = ModSeq(leading_number(foldermodseq));
    let (createdmodseq, _) = word(rest);
    entry.createdmodseq = ModSeq(leading_number(createdmodseq));
    entry
}

/// The next word and what is behind it.
fn word(text: &[u8]) -> (&[u8], &[u8]) {
    let text = text.trim_ascii_start();
    let end = text.iter().position(u8::is_ascii_whitespace).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, b""))
}

fn leading_number(text: &[u8]) -> u64 {
    let text = text.trim_ascii_start();
    let end = text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    text.get(..end)
        .and_then(|digits| std::str::from_utf8(digits).ok())
        .and_then(|digits| digits.parse().ok())
        .unwrap_or(0)
}

fn uidvalidity(number: u64) -> UidValidity {
    UidValidity(u32::try_from(number).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_lines_are_read_with_and_without_acl() {
        let line = b"user.ann\t0 back!part ann\tlrs\tbert\tlr\t>5d3 1600000000 17 4 2 ";
        let entry = read_line(line);
        assert_eq!(entry.name.as_bytes(), b"user.ann");
        assert_eq!(entry.server.as_deref(), Some(b"back".as_slice()));
        assert_eq!(entry.partition.as_deref(), Some(b"part".as_slice()));
        assert_eq!(entry.acl().print(), b"ann\tlrs\tbert\tlr\t");
        assert_eq!(entry.uniqueid.as_deref(), Some(b"5d3".as_slice()));
        assert_eq!((entry.uidvalidity.0, entry.foldermodseq.0, entry.createdmodseq.0), (17, 4, 2));
        let bare = read_line(b"x.#calendars\t9 default >77 1 2 3 4");
        assert_eq!((bare.acl, bare.uniqueid.as_deref()), (None, Some(b"77".as_slice())));
        assert_eq!(read_line(b"").partition, None);
        assert_eq!(read_line(b"user.ann\t0").partition, None);
    }

    #[test]
    fn an_entry_without_partition_or_id_is_not_loaded() {
        let facts = serde_json::json!({"uidvalidity": "1", "createdmodseq": "1", "foldermodseq": "1",
            "mbtype": "ed"});
        assert_eq!(read_entry("user.x", &facts), (None, vec!["missing mbtype"]));
        let facts = serde_json::json!({"partition": "default"});
        let (entry, complaints) = read_entry("user.x", &facts);
        assert_eq!((entry, complaints.len()), (None, 5));
    }

    #[test]
    fn the_order_of_identifiers_is_kept() {
        let text =
            br#"{"uidvalidity":"1","createdmodseq":"1","foldermodseq":"1","mbtype":"e","partition":"p",
            "acl":{"z":"lrs","a":"lr"},"uniqueid":"u","name_history":[{"name":"old","mtime":"7"}]}"#;
        let facts = serde_json::from_slice(text).unwrap_or_default();
        let entry = read_entry("user.x", &facts).0.unwrap_or_default();
        assert_eq!(entry.acl().print(), b"z\tlrs\ta\tlr\t");
        assert_eq!(entry.history.first().map(|former| former.mtime), Some(7));
    }
}
