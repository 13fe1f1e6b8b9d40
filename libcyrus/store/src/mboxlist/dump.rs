//! Entries as `ctl_mboxlist -d` prints them: one JSON object for all.

use super::MbEntry;

/// The line of one entry, without the comma behind it. C: dump_cb()
#[must_use]
pub fn dump_line(entry: &MbEntry) -> String {
    let mut line = String::new();
    put_string(&mut line, entry.name.as_bytes());
    line.push_str(": {");
    put_pair(&mut line, "name", entry.name.as_bytes());
    let numbers = [
        ("mtime", entry.mtime),
        ("uidvalidity", u64::from(entry.uidvalidity.0)),
        ("createdmodseq", entry.createdmodseq.0),
        ("foldermodseq", entry.foldermodseq.0),
    ];
    for (key, number) in numbers {
        line.push_str(", ");
        put_pair(&mut line, key, number.to_string().as_bytes());
    }
    line.push_str(", ");
    put_pair(&mut line, "mbtype", entry.mbtype.print().as_bytes());
    let texts = [("partition", &entry.partition), ("server", &entry.server)];
    for (key, text) in texts {
        if let Some(text) = text {
            line.push_str(", ");
            put_pair(&mut line, key, text);
        }
    }
    line.push_str(", \"acl\": {");
    let acl = entry.acl();
    for (at, each) in acl.entries().iter().enumerate() {
        if at > 0 {
            line.push_str(", ");
        }
        put_string(&mut line, &each.identifier);
        line.push_str(": ");
        put_string(&mut line, &each.rights);
    }
    line.push('}');
    if let Some(uniqueid) = &entry.uniqueid {
        line.push_str(", ");
        put_pair(&mut line, "uniqueid", uniqueid);
    }
    // Entries are walked by name, where former names are not kept.
    line.push_str(", \"name_history\": []}");
    line
}

fn put_pair(line: &mut String, key: &str, value: &[u8]) {
    put_string(line, key.as_bytes());
    line.push_str(": ");
    put_string(line, value);
}

fn put_string(line: &mut String, text: &[u8]) {
    line.push('"');
    for ch in String::from_utf8_lossy(text).chars() {
        match ch {
            '"' => line.push_str("\\\""),
            '\\' => line.push_str("\\\\"),
            '\n' => line.push_str("\\n"),
            '\r' => line.push_str("\\r"),
            '\t' => line.push_str("\\t"),
            control if control < ' ' => line.push_str(&format!("\\u{:04X}", u32::from(control))),
            other => line.push(other),
        }
    }
    line.push('"');
}
