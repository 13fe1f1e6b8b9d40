//! Tests of the configuration: the rules of the file against what the C program does with the same text.

use super::*;
use std::fs;

struct Dir(tempfile::TempDir);

impl Dir {
    fn new() -> Dir {
        Dir(tempfile::tempdir().unwrap())
    }

    fn load(&self, text: &[u8], ident: &str) -> Result<Config, ConfigError> {
        let file = self.0.path().join("imapd.conf");
        fs::write(&file, text).unwrap();
        Config::load_under(None, &file, ident)
    }
}

fn load(text: &str, ident: &str) -> Result<Config, ConfigError> {
    Dir::new().load(format!("configdirectory: /c\n{text}").as_bytes(), ident)
}

#[track_caller]
fn refused(text: &str, expected: &str) {
    let error = load(text, "imap").unwrap_err();
    assert_eq!((error.text.as_str(), error.code), (expected, 78));
}

#[test]
fn the_table_holds_the_names_and_defaults_of_the_c_cyrus_in_its_order() {
    let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/cyr_info/conf-default.txt");
    let golden = fs::read_to_string(golden).unwrap();
    assert_eq!(golden.lines().count(), OPTIONS.len());
    for (line, row) in golden.lines().zip(OPTIONS) {
        let (name, value) = line.split_once(':').unwrap();
        assert_eq!(name, row.name);
        let value = value.trim_start();
        let ours = match row.kind {
            Kind::Str(text) | Kind::List(text, _) | Kind::Duration(text, _) => text.unwrap_or("").to_owned(),
            Kind::Int(number) => number.to_string(),
            Kind::Switch(on) => if on { "yes" } else { "no" }.to_owned(),
            Kind::Enum(word, _) => word.to_owned(),
            // C lists aliases too.
            Kind::Bits(_, words) if row.opt == Opt::SieveExtensions => words.join(" ").replace('=', " "),
            Kind::Bits(text, _) => text.to_owned(),
        };
        assert_eq!(value, ours, "{name}");
    }
}

#[test]
fn the_table_is_sound() {
    for row in OPTIONS {
        assert_eq!(Opt::by_name(row.name.as_bytes()), Some(row.opt), "{}", row.name);
        match row.kind {
            Kind::List(Some(word), words) | Kind::Enum(word, words) => {
                assert!(words.contains(&word), "{}", row.name)
            }
            Kind::Bits(text, words) => {
                assert!(words.len() <= 64);
                assert!(
                    text.split(' ')
                        .filter(|w| !w.is_empty())
                        .all(|w| parse::find_bit(words, w.as_bytes()).is_some())
                );
            }
            Kind::Duration(text, unit) => {
                assert!(b"dhms".contains(&unit));
                assert!(
                    text.is_none_or(|text| parse_duration(text.as_bytes(), unit).is_some()),
                    "{}",
                    row.name
                );
            }
            _ => {}
        }
        if let Some(preferred) = row.preferred {
            let kinds = (std::mem::discriminant(&row.kind), std::mem::discriminant(&preferred.row().kind));
            assert_eq!(kinds.0, kinds.1, "{} gives its value to {}", row.name, preferred.name());
        }
    }
    assert_eq!(Opt::by_name(b"nosuch"), None);
    assert_eq!(Opt::by_name(b""), None);
}

#[test]
fn lines_are_joined_trimmed_and_commented() {
    let config =
        load("\t admins: a \\\n  b \t\n#x: \\\nsyslog_prefix: hidden by the comment\nservername:h", "imap")
            .unwrap();
    assert_eq!(config.string(Opt::Admins), Some("a   b"));
    assert_eq!(config.words(Opt::Admins).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(config.string(Opt::SyslogPrefix), None);
    assert_eq!(config.servername(), "h");
    let config = load("admins: lost with the line that never ends \\\n", "imap").unwrap();
    assert_eq!(config.string(Opt::Admins), Some(""));
}

#[test]
fn a_service_form_beats_the_plain_one_in_any_order() {
    for text in ["imap_admins: s\nadmins: p\n", "admins: p\nimap_admins: s\n"] {
        assert_eq!(load(text, "imap").unwrap().string(Opt::Admins), Some("s"));
        assert_eq!(load(text, "IMAP").unwrap().string(Opt::Admins), Some("s"));
        let other = load(text, "lmtp").unwrap();
        assert_eq!(other.string(Opt::Admins), Some("p"));
        assert_eq!(other.overflow("imap_admins"), Some("s"));
    }
    let config = load("imap_sasl_x: s\nsasl_x: p\nsasl_y: q\n", "imap").unwrap();
    assert_eq!(config.overflow("sasl_x"), Some("s"));
    assert_eq!(config.overflow("sasl_y"), Some("q"));
    assert_eq!(config.overflow("sasl_z"), None);
}

#[test]
fn what_is_wrong_is_refused_in_the_words_of_c() {
    let twice = |line| {
        format!("option 'admins' was specified twice in config file (second occurrence on line {line})")
    };
    refused("admins: a\nadmins: b\n", &twice(3));
    refused(
        "foo: a\nfoo: b\n",
        "option 'foo' was specified twice in config file (second occurrence on line 3)",
    );
    refused("admins:  \n", "empty option value on line 2 of configuration file");
    refused("maxword: 12k\n", "non-integer value for maxword in line 2");
    refused("debug: maybe\n", "non-switch value for debug in line 2");
    refused("virtdomains: Userid\n", "invalid value 'Userid' for virtdomains in line 2");
    refused("delete_mode: yes\n", "invalid value 'on' for delete_mode in line 2");
    refused("mboxlist_db: nope\n", "invalid value 'nope' for mboxlist_db in line 2");
    refused("httpmodules: caldav nope\n", "invalid value 'nope' for httpmodules in line 2");
    refused("timeout: 5x\n", "unparsable duration '5x' for timeout in line 2");
    refused("defaultpartition: a-b\n", "defaultpartition option contains non-alnum character");
    refused(
        "@include: /nonexistent\n",
        "can't open configuration file /nonexistent: No such file or directory",
    );
    let dir = Dir::new();
    let file = dir.0.path().join("imapd.conf").display().to_string();
    let text = |line: &str| dir.load(line.as_bytes(), "imap").unwrap_err().text;
    assert_eq!(text("admins: x\n"), "configdirectory option not specified in configuration file");
    assert_eq!(text("ad mins: x\n"), format!("invalid option name on line 1 of configuration file {file}"));
    assert_eq!(text("@frob: x\n"), format!("invalid directive on line 1 of configuration file {file}"));
    assert_eq!(text(&format!("@include: {file}\n")), format!("configuration file {file} included twice"));
}

#[test]
fn values_are_read_by_type() {
    let text = "maxword: 0x1F\nmaxquoted: 010\ndebug: on\nallowapop: false\nvirtdomains: 1\nmetapartition_files: header  cache\n\
        sieve_extensions: imapflags\ntimeout: 1d12h\narchive_after: 5\nimapidletimeout: 7\nquotawarn: 4294967297\n";
    let config = load(text, "imap").unwrap();
    assert_eq!(
        (config.int(Opt::Maxword), config.int(Opt::Maxquoted), config.int(Opt::Quotawarn)),
        (31, 8, 1)
    );
    assert!(config.switch(Opt::Debug) && !config.switch(Opt::Allowapop));
    assert_eq!(config.choice(Opt::Virtdomains), "on");
    assert_eq!(config.choice(Opt::DeleteMode), "delayed");
    assert_eq!(config.bits(Opt::MetapartitionFiles), 0b101);
    assert!(
        config.has_bit(Opt::MetapartitionFiles, "cache") && !config.has_bit(Opt::MetapartitionFiles, "index")
    );
    assert!(config.has_bit(Opt::SieveExtensions, "imap4flags"));
    assert_eq!(config.duration_s(Opt::Timeout), 36 * 3600);
    assert_eq!(config.duration_s(Opt::ArchiveAfter), 5 * 86400);
    assert_eq!(config.duration_s(Opt::Imapidletimeout), 7 * 60);
    assert_eq!(config.duration_s(Opt::Poptimeout), 600);
    assert_eq!(config.string(Opt::MboxlistDb), Some("twoskip"));
    let [(Priority::Warning, warning)] = config.notices() else { panic!("{:?}", config.notices()) };
    assert_eq!(
        warning,
        "Value 'imapflags' for option 'sieve_extensions' is deprecated in favor of value 'imap4flags'"
    );
}

#[test]
fn durations_are_read_as_c_reads_them() {
    for (text, unit, expected) in [
        ("5", b'm', Some(300)),
        ("-3m10", b's', Some(-190)),
        ("1d1h1m1s", b's', Some(90061)),
        ("-", b's', Some(0)),
        ("d", b's', None),
        ("5 d", b's', None),
        ("5w", b's', None),
        ("99999999999999999999d", b's', Some(i64::from(i32::MAX))),
    ] {
        assert_eq!(parse_duration(text.as_bytes(), unit), expected, "{text}");
    }
}

#[test]
fn configdirectory_is_put_into_values_and_defaults_of_options_only() {
    let config = load("lmtpsocket: {ConfigDirectory}/l\nfoo: {configdirectory}/f\n", "imap").unwrap();
    assert_eq!(config.string(Opt::Lmtpsocket), Some("/c/l"));
    assert_eq!(config.path(Opt::Idlesocket), Some(Path::new("/c/socket/idle")));
    assert_eq!(config.overflow("foo"), Some("{configdirectory}/f"));
    assert!(!config.is_set(Opt::Idlesocket) && config.is_set(Opt::Lmtpsocket));
}

#[test]
fn an_old_name_gives_its_value_to_the_new_one_unless_that_is_set() {
    let config = load(
        "tls_cert_file: {configdirectory}/old\nautocreatequota: 5\ncreateonpost: yes\nautocreate_post: no\n",
        "imap",
    )
    .unwrap();
    assert_eq!(config.string(Opt::TlsServerCert), Some("/c/old"));
    assert_eq!(config.string(Opt::TlsCertFile), None);
    assert_eq!(config.int(Opt::AutocreateQuota), 5);
    assert!(!config.switch(Opt::AutocreatePost));
    assert_eq!(config.overflow("tls_cert_file"), Some("{configdirectory}/old"));
    let text = "Option 'tls_cert_file' is deprecated in favor of 'tls_server_cert' since version 2.5.0.";
    assert!(config.notices().iter().any(|(priority, line)| *priority == Priority::Warning && line == text));
}

#[test]
fn partitions_lead_to_directories() {
    let text = "defaultpartition: Default\npartition-default: /d\npartition-b: /b\nimap_partition-b: /ib\n\
        metapartition-default: /m\nmetadir-cache-default: /cache\nmetapartition_files: header archivecache\n\
        archive_enabled: yes\narchivepartition-b: /ab\n";
    let config = load(text, "imap").unwrap();
    let dir = |kind| config.meta_dir("default", kind).unwrap().to_str().unwrap();
    assert_eq!(config.default_partition(), Some("default"));
    assert_eq!(config.partition_dir("b"), Some(Path::new("/ib")));
    assert_eq!(config.partition_dir("c"), None);
    assert_eq!((dir(MetaFile::Header), dir(MetaFile::Index), dir(MetaFile::Cache)), ("/m", "/d", "/cache"));
    assert_eq!(dir(MetaFile::ArchiveCache), "/m");
    assert_eq!(config.meta_dir("b", MetaFile::ArchiveCache), Some(Path::new("/ab")));
    assert_eq!(config.archive_dir("default"), Some(Path::new("/d")));
    let names: Vec<_> = config.partitions().map(|(name, dir)| (name, dir.to_str().unwrap())).collect();
    assert_eq!(names, [("default", "/d"), ("b", "/ib")]);
    config.require_partitions().unwrap();
    let error = load("defaultpartition: x\n", "imap").unwrap().require_partitions().unwrap_err();
    assert_eq!(error.text, "partition-x option not specified in configuration file");
}

#[test]
fn options_without_effect_are_told_unless_set_to_their_default() {
    let Some(row) = OPTIONS.iter().find(|row| {
        row.honour == Honour::NotYet && matches!(row.kind, Kind::Switch(_)) && row.deprecated_since.is_none()
    }) else {
        return;
    };
    let Kind::Switch(default) = row.kind else { unreachable!() };
    for (value, told) in [(default, 0), (!default, 1)] {
        let config = load(&format!("{}: {}\n", row.name, if value { "yes" } else { "no" }), "imap").unwrap();
        let names: Vec<_> =
            config.unhonoured().map(|row| row.name).filter(|name| *name == row.name).collect();
        assert_eq!(names.len(), told);
    }
}

#[test]
fn bytes_that_are_not_text_survive() {
    let config = Dir::new()
        .load(b"configdirectory: /c\nadmins: \xe4\xff\nfoo: \xfe\nservername: a\0b\n", "imap")
        .unwrap();
    assert_eq!(config.bytes(Opt::Admins), Some(&b"\xe4\xff"[..]));
    assert_eq!(config.string(Opt::Admins), Some("\u{fffd}\u{fffd}"));
    assert_eq!(config.overflows().collect::<Vec<_>>(), [("foo", &b"\xfe"[..])]);
    assert_eq!(config.servername(), "a");
}

#[test]
fn no_bytes_make_the_reader_panic() {
    // A small generator of our own keeps the cases the same everywhere.
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let pieces: [&[u8]; 24] = [
        b"configdirectory: /c",
        b"\n",
        b"\\\n",
        b"\r\n",
        b": ",
        b":",
        b"@include: /dev/null",
        b"@",
        b"imap_",
        b"admins",
        b"timeout",
        b"99999999999d",
        b"-",
        b"0x",
        b"sieve_extensions: ",
        b"snooze",
        b"{configdirectory}",
        b"\0",
        b"\xff",
        b"#",
        b" ",
        b"tls_cert_file",
        b"partition-x",
        b"maxword: -9223372036854775809",
    ];
    let dir = Dir::new();
    let (mut good, mut bad) = (0, 0);
    for round in 0..3000 {
        let mut text = Vec::new();
        if round % 2 == 0 {
            text.extend_from_slice(b"configdirectory: /c\n");
        }
        for _ in 0..next() % 20 {
            match next() % 8 {
                0 => text.extend((0..next() % 9).map(|_| next() as u8)),
                _ => text.extend_from_slice(pieces[(next() % pieces.len() as u64) as usize]),
            }
        }
        match dir.load(&text, "imap") {
            Ok(config) => {
                good += 1;
                for row in OPTIONS {
                    let _ = (
                        config.shown(row.opt),
                        config.duration_s(row.opt),
                        config.string(row.opt),
                        config.choice(row.opt),
                    );
                }
                let _ = (config.unhonoured().count(), config.partitions().count());
            }
            Err(error) => {
                bad += 1;
                assert_eq!(error.code, 78);
            }
        }
    }
    assert!(good > 100 && bad > 100, "{good} good, {bad} bad: the generator reaches both");
}

/// Every `Opt::Name` in the programs' sources, tests and this table aside.
fn used_options() -> std::collections::BTreeSet<String> {
    fn walk(dir: &Path, found: &mut std::collections::BTreeSet<String>) {
        for entry in fs::read_dir(dir).unwrap().flatten() {
            let path = entry.path();
            let name = entry.file_name().to_string_lossy().into_owned();
            if path.is_dir() {
                if name != "target" && !name.starts_with('.') {
                    walk(&path, found);
                }
            } else if name.ends_with(".rs") && name != "tests.rs" && name != "options.rs" {
                let text = fs::read_to_string(&path).unwrap();
                let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
                for rest in code.split("Opt::").skip(1) {
                    found.insert(rest.chars().take_while(|c| c.is_ascii_alphanumeric()).collect());
                }
            }
        }
    }
    let mut found = std::collections::BTreeSet::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for entry in fs::read_dir(&root).unwrap().map(Result::unwrap) {
        // a program's folder has a Cargo.toml; the tests name options that nothing acts on
        let name = entry.file_name();
        if name == "libcyrus"
            || (entry.path().join("Cargo.toml").exists() && name != "tests" && name != "fuzz")
        {
            walk(&entry.path(), &mut found);
        }
    }
    found
}

/// Sets the first word of the rows of options.rs by what the programs read.
fn rewrite_rows(is_used: impl Fn(&str) -> bool) {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/config/options.rs");
    let text = fs::read_to_string(path).unwrap();
    let mut out = String::new();
    for line in text.split_inclusive('\n') {
        let row =
            ["    NotYet ", "    Unused ", "    Yes "].into_iter().find_map(|word| line.strip_prefix(word));
        match row.filter(|row| row.contains('"')) {
            Some(row) => {
                let name = row.split(' ').next().unwrap_or_default();
                if is_used(name) {
                    out.extend(["    Yes ", row]);
                } else if line.starts_with("    Yes ") {
                    out.extend(["    NotYet ", row]);
                } else {
                    out.push_str(line);
                }
            }
            None => out.push_str(line),
        }
    }
    fs::write(path, out).unwrap();
}

/// Holds the first word of every row against the sources; `CYRUS_WRITE_DOCS=1` makes the rows right instead.
#[test]
fn a_row_says_yes_exactly_when_a_program_reads_the_option() {
    let used = used_options();
    // Only looked at to tell known from unknown keys, or for one half of what it means.
    let looked_at = [
        Opt::SyncLogChannels,
        Opt::ArchiveEnabled,
        Opt::MupdateServer,
        Opt::MupdateConfig,
        Opt::Proxyservers,
    ];
    if std::env::var_os("CYRUS_WRITE_DOCS").is_some() {
        return rewrite_rows(|name| {
            used.contains(name) && !looked_at.iter().any(|opt| format!("{opt:?}") == name)
        });
    }
    let wrong: Vec<_> = OPTIONS
        .iter()
        .filter(|row| !looked_at.contains(&row.opt))
        .filter(|row| used.contains(&format!("{:?}", row.opt)) != (row.honour == Honour::Yes))
        .map(|row| format!("{} says {:?}", row.name, row.honour))
        .collect();
    assert!(
        wrong.is_empty(),
        "change the first word of these rows in options.rs, or test with CYRUS_WRITE_DOCS=1: {wrong:#?}"
    );
}
