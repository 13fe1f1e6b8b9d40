//! cyr_buildinfo: what this package was built with, as JSON or as flat properties.
//!
//! The names are those of the C Cyrus, the values are ours: true only for what is really here. A part that gets built
//! flips its row.

use crate::{Call, io};
use libcyrus::base::args::{Args, Spec};
use libcyrus::base::exit::{EX_MINUS_ONE, EX_OK};

const USAGE: &str = "\
cyr_buildinfo [-C <file>] [format]
Where format is one of:

  * pretty        - pretty-print JSON (default)
  * dense         - print dense JSON
  * flat          - print as flattened properties

The -C option is accepted but ignored.
";

/// A value of the listing.
#[derive(Clone, Copy)]
enum Fact {
    Bool(bool),
    Word(&'static str),
}

const NO: Fact = Fact::Bool(false);
const YES: Fact = Fact::Bool(true);

/// Sections with their rows, in C's order.
const FACTS: &[(&str, &[(&str, Fact)])] = &[
    (
        "component",
        &[
            ("event_notification", YES),
            ("gssapi", NO),
            ("autocreate", YES),
            ("idled", YES),
            ("httpd", NO),
            ("kerberos_v4", NO),
            ("murder", NO),
            ("nntpd", NO),
            ("replication", NO),
            ("sieve", YES),
            ("calalarmd", NO),
            ("jmap", NO),
            ("objectstore", NO),
            ("backup", NO),
        ],
    ),
    (
        "dependency",
        &[
            ("ldap", NO),
            // TLS is built in, whatever library does it.
            ("openssl", YES),
            ("zlib", YES),
            ("jansson", NO),
            ("pcre", YES),
            ("clamav", NO),
            ("openio", NO),
            ("nghttp2", NO),
            ("wslay", NO),
            ("brotli", NO),
            ("xml2", NO),
            ("ical", NO),
            ("icu4c", NO),
            ("shapelib", NO),
            ("chardet", NO),
            ("cld2", NO),
        ],
    ),
    ("database", &[("mysql", NO), ("pgsql", NO), ("sqlite", NO)]),
    ("search", &[("squat", NO), ("xapian", NO), ("xapian_cjk_tokens", Fact::Word("ngrams"))]),
    ("hardware", &[]),
];

impl Fact {
    fn json(self) -> String {
        match self {
            Fact::Bool(value) => value.to_string(),
            Fact::Word(word) => format!("\"{word}\""),
        }
    }
}

/// Runs the tool.
pub fn run(call: &Call) -> i32 {
    let args = match Args::parse(&call.prog, &call.args, &Spec { short: "C:", long: &[] }) {
        Ok(args) => args,
        Err(complaint) => return io::usage(&complaint, USAGE, EX_MINUS_ONE),
    };
    let text = match args.words.first().map(|word| word.to_string_lossy()).as_deref() {
        None | Some("pretty") => pretty(),
        Some("dense") => dense(),
        Some("flat") => flat(),
        Some(_) => return io::usage("", USAGE, EX_MINUS_ONE),
    };
    io::print(text.as_bytes());
    EX_OK
}

fn pretty() -> String {
    let sections: Vec<String> = FACTS
        .iter()
        .map(|(section, rows)| {
            let rows: Vec<String> =
                rows.iter().map(|(name, fact)| format!("    \"{name}\": {}", fact.json())).collect();
            match rows.is_empty() {
                true => format!("  \"{section}\": {{}}"),
                false => format!("  \"{section}\": {{\n{}\n  }}", rows.join(",\n")),
            }
        })
        .collect();
    format!("{{\n{}\n}}\n", sections.join(",\n"))
}

fn dense() -> String {
    let sections: Vec<String> = FACTS
        .iter()
        .map(|(section, rows)| {
            let rows: Vec<String> =
                rows.iter().map(|(name, fact)| format!("\"{name}\": {}", fact.json())).collect();
            format!("\"{section}\": {{{}}}", rows.join(", "))
        })
        .collect();
    format!("{{{}}}\n", sections.join(", "))
}

fn flat() -> String {
    let mut text = String::new();
    for (section, rows) in FACTS {
        for (name, fact) in *rows {
            text.push_str(&format!("{section}.{name}={}\n", fact.json()));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_json_forms_hold_the_same_and_parse() {
        let pretty: serde_json::Value = serde_json::from_str(&pretty()).unwrap();
        let dense: serde_json::Value = serde_json::from_str(&dense()).unwrap();
        assert_eq!(pretty, dense);
        assert_eq!(pretty["search"]["xapian_cjk_tokens"], "ngrams");
        let keys: Vec<_> = pretty.as_object().unwrap().keys().cloned().collect();
        assert_eq!(keys, ["component", "dependency", "database", "search", "hardware"]);
    }

    #[test]
    fn the_flat_form_has_one_property_a_line() {
        let rows: usize = FACTS.iter().map(|(_, rows)| rows.len()).sum();
        assert_eq!(flat().lines().count(), rows);
        assert!(flat().contains("search.xapian_cjk_tokens=\"ngrams\"\n"));
    }
}
