//! The listings of option values.

use libcyrus::base::Opt;
use libcyrus::base::config::{Config, Kind, OPTIONS, OptionRow, Shown, default_shown};

/// A release as (major, minor, revision).
pub type Version = [u8; 3];

/// Reads a release: `3.0`, `2.4.17-Debian`, `cyrus-imapd 3.2.1`. C: parse_since_version()
pub fn version(text: &[u8]) -> Option<Version> {
    let text = text
        .strip_prefix(b"cyrus-imapd")
        .and_then(|rest| rest.strip_prefix(b"-").or_else(|| rest.strip_prefix(b" ")))
        .unwrap_or(text);
    let mut parts = [0u8; 3];
    let (mut at, mut saw_digit) = (0, false);
    for &byte in text {
        match byte {
            b'0'..=b'9' => {
                saw_digit = true;
                let part = parts.get_mut(at)?;
                *part = part.checked_mul(10)?.checked_add(byte - b'0')?;
            }
            b'.' if !saw_digit => return None,
            b'.' => {
                saw_digit = false;
                at += 1;
                if at > 2 {
                    break;
                }
            }
            b'-' => break,
            _ => return None,
        }
    }
    Some(parts)
}

/// Options with their values in force (only those that differ from the default, if asked), then all other keys.
pub fn in_force(config: &Config, only_changed: bool, since: Option<Version>) -> Vec<u8> {
    let mut out = Vec::new();
    for row in OPTIONS {
        let shown = config.shown(row.opt);
        if only_changed && is_default(config, row, shown) {
            continue;
        }
        highlight(&mut out, row, since);
        // C hands an unset duration to printf as it is.
        let unset: &[u8] = if matches!(row.kind, Kind::Duration(..)) { b"(null)" } else { b"" };
        write_value(&mut out, row, shown, unset);
    }
    for (key, value) in config.overflows_in_table_order() {
        out.extend_from_slice(key.as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(value);
        out.push(b'\n');
    }
    out
}

/// Options with their defaults. C prints the value in force for enumerations, and so does this.
pub fn defaults(config: &Config, since: Option<Version>) -> Vec<u8> {
    let mut out = Vec::new();
    for row in OPTIONS {
        highlight(&mut out, row, since);
        let shown = match row.kind {
            Kind::Enum(..) => config.shown(row.opt),
            _ => default_shown(row),
        };
        write_value(&mut out, row, shown, b"");
    }
    out
}

fn is_default(config: &Config, row: &'static OptionRow, shown: Shown<'_>) -> bool {
    const PLACEHOLDER: &[u8] = b"{configdirectory}";
    let default = default_shown(row);
    match (row.kind, default, shown) {
        // C compares texts with an unset one as if it were empty.
        (Kind::Duration(..) | Kind::List(..), Shown::Text(a), Shown::Text(b)) => {
            a.unwrap_or(b"") == b.unwrap_or(b"")
        }
        (_, Shown::Text(default), Shown::Text(value)) => {
            let (default, value) = (default.unwrap_or(b""), value.unwrap_or(b""));
            match default.strip_prefix(PLACEHOLDER) {
                Some(tail) => {
                    let directory = config.bytes(Opt::Configdirectory).unwrap_or_default();
                    value.strip_prefix(directory) == Some(tail)
                }
                None => default == value,
            }
        }
        _ => default == shown,
    }
}

fn highlight(out: &mut Vec<u8>, row: &OptionRow, since: Option<Version>) {
    let (Some(since), Some(changed)) = (since, version(row.since.as_bytes())) else { return };
    if since < changed {
        let [major, minor, revision] = changed;
        out.extend_from_slice(format!("({major}.{minor}.{revision}) ").as_bytes());
    }
}

fn write_value(out: &mut Vec<u8>, row: &OptionRow, shown: Shown<'_>, unset: &[u8]) {
    out.extend_from_slice(row.name.as_bytes());
    out.push(b':');
    match shown {
        Shown::Text(text) => {
            out.push(b' ');
            out.extend_from_slice(text.unwrap_or(unset));
        }
        Shown::Int(number) => out.extend_from_slice(format!(" {number}").as_bytes()),
        Shown::Switch(on) => out.extend_from_slice(if on { b" yes" } else { b" no" }),
        Shown::Word(word) => {
            out.push(b' ');
            out.extend_from_slice(word.as_bytes());
        }
        Shown::Bits(bits) => {
            if let Kind::Bits(_, words) = row.kind {
                write_words(out, words, bits);
            }
        }
    }
    out.push(b'\n');
}

/// The words of a bit field as C lists them: it tests bit n of an int for the n-th name, although aliases share a bit
/// and so push later names away from theirs.
fn write_words(out: &mut Vec<u8>, words: &[&str], bits: u64) {
    let names = words.iter().flat_map(|entry| entry.split('='));
    for (name, n) in names.zip(0u32..) {
        let mask = i64::from(1i32.wrapping_shl(n)) as u64;
        if bits & mask != 0 {
            out.push(b' ');
            out.extend_from_slice(name.as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_read_as_c_reads_them() {
        assert_eq!(version(b"3.0"), Some([3, 0, 0]));
        assert_eq!(version(b"cyrus-imapd-2.4.17-Debian"), Some([2, 4, 17]));
        assert_eq!(version(b"3.0.0.1"), Some([3, 0, 0]));
        assert_eq!(version(b""), Some([0, 0, 0]));
        for bad in ["3..1", "3.x", ".3", "3.256"] {
            assert_eq!(version(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn defaults_are_listed_as_the_c_program_lists_them() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("imapd.conf");
        std::fs::write(&file, "configdirectory: /c\n").unwrap();
        let config = Config::load(Some(&file), "cyr_info").unwrap();
        let golden = |name: &str| {
            let path = format!("{}/../tests/golden/cyr_info/{name}", env!("CARGO_MANIFEST_DIR"));
            std::fs::read_to_string(path).unwrap()
        };
        let listed = |since| String::from_utf8(defaults(&config, since)).unwrap();
        assert_eq!(listed(None), golden("conf-default.txt"));
        assert_eq!(listed(Some([0, 0, 0])), golden("conf-default-since-0.txt"));
        assert_eq!(in_force(&config, true, None), b"configdirectory: /c\n");
    }

    #[test]
    fn other_keys_come_in_the_order_of_the_c_programs_table() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("imapd.conf");
        let text = "configdirectory: /c\npartition-default: /s\nsasl_pwcheck_method: auxprop\n\
                    sasl_auxprop_plugin: sasldb\nsasl_mech_list: PLAIN\nsasl_sasldb_path: /x\n";
        std::fs::write(&file, text).unwrap();
        let config = Config::load(Some(&file), "cyr_info").unwrap();
        let keys: Vec<_> = config.overflows_in_table_order().into_iter().map(|(key, _)| key).collect();
        let expected = [
            "sasl_pwcheck_method",
            "sasl_mech_list",
            "sasl_auxprop_plugin",
            "partition-default",
            "sasl_sasldb_path",
        ];
        assert_eq!(keys, expected);
    }

    #[test]
    fn bit_fields_show_the_wrong_words_that_c_shows() {
        let Kind::Bits(_, words) = Opt::SieveExtensions.row().kind else { panic!() };
        let shown = |bit: u32| {
            let mut out = Vec::new();
            write_words(&mut out, words, 1u64 << bit);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(shown(0), " fileinto vnd.cyrus.jmapquery");
        assert_eq!(shown(5), " include x-cyrus-snooze");
        assert_eq!(shown(16), " imapflags");
        assert_eq!(shown(32), " x-cyrus-log");
    }
}
