use super::*;

fn read(text: &[u8], wanted: Section) -> Result<Vec<Entry>, ConfError> {
    let mut found = Vec::new();
    parse(text, Path::new("cyrus.conf"), wanted, |entry| {
        found.push(entry);
        Ok::<(), ConfError>(())
    })?;
    Ok(found)
}

fn check(text: &str, expected: &[(&str, &[(&str, &str)])]) {
    let found = read(text.as_bytes(), Section::Services).expect("readable");
    let found: Vec<_> = found
        .iter()
        .map(|e| {
            let text = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
            (e.name.clone(), e.args.iter().map(|(k, v)| (text(k), text(v))).collect::<Vec<_>>())
        })
        .collect();
    let expected: Vec<_> = expected
        .iter()
        .map(|(n, args)| {
            (
                (*n).to_owned(),
                args.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect::<Vec<_>>(),
            )
        })
        .collect();
    assert_eq!(found, expected, "{text}");
}

fn refused(text: &str) -> String {
    read(text.as_bytes(), Section::Services).expect_err("refused").to_string()
}

#[test]
fn entries_have_a_name_and_arguments() {
    check(
        "SERVICES {\n  imap cmd=\"imapd -U 30\" listen=\"imap\" prefork=0\n\n# nothing\n}\n",
        &[("imap", &[("cmd", "imapd -U 30"), ("listen", "imap"), ("prefork", "0")])],
    );
}

#[test]
fn a_hash_ends_the_line_even_inside_quotes() {
    check("SERVICES {\n a cmd=x # b=c\n}\n", &[("a", &[("cmd", "x")])]);
    assert_eq!(
        refused("SERVICES {\n a cmd=\"x # y\"\n}\n"),
        "configuration file cyrus.conf: missing \" on line 2"
    );
}

#[test]
fn section_words_ignore_case_after_the_first_letter_and_end_at_a_non_word_byte() {
    check("Services{\n a cmd=x\n}\n", &[("a", &[("cmd", "x")])]);
    check("SERVICES2 {\n a cmd=x\n}\n", &[]);
    check("services {\n a cmd=x\n}\n", &[]);
}

#[test]
fn one_line_section_is_empty() {
    check("SERVICES { }\nSERVICES {\n a cmd=x\n}\n", &[("a", &[("cmd", "x")])]);
}

#[test]
fn other_sections_are_skipped_by_their_braces() {
    check(
        "FOO {\n SERVICES {\n no cmd=x\n }\n}\nSTART {\n s cmd=y\n}\nSERVICES {\n a cmd=z\n}\n",
        &[("a", &[("cmd", "z")])],
    );
}

#[test]
fn of_two_sections_of_a_name_the_first_is_used() {
    // seen on the original: a second START section is not run
    check("SERVICES {\n a cmd=1\n}\nSERVICES {\n b cmd=2\n}\n", &[("a", &[("cmd", "1")])]);
}

#[test]
fn a_section_may_end_with_the_file() {
    check("SERVICES {\n a cmd=1", &[("a", &[("cmd", "1")])]);
}

#[test]
fn bad_lines_say_where() {
    let head = "configuration file cyrus.conf: ";
    assert_eq!(
        refused("\nSERVICES {\n im-ap cmd=x\n}\n"),
        format!("{head}bad character '-' in name on line 3")
    );
    assert_eq!(
        refused("SERVICES {\n a c-d=x\n}\n"),
        format!("{head}bad character '-' in argument on line 2")
    );
    assert_eq!(
        refused("SERVICES {\n a cmd=x }\n"),
        format!("{head}bad character '}}' in argument on line 2")
    );
    let many: String = (0..65).map(|n| format!(" k{n}=v")).collect();
    assert_eq!(
        refused(&format!("SERVICES {{\n a{many}\n}}\n")),
        format!("{head}too many arguments on line 2")
    );
}

#[test]
fn a_line_is_cut_at_4095_bytes() {
    let pad = "x".repeat(4095 - " a cmd=".len());
    // The second half of the long line is an entry of its own.
    let text = format!("SERVICES {{\n a cmd={pad}tail cmd=y\n}}\n");
    let found = read(text.as_bytes(), Section::Services).expect("readable");
    assert_eq!(found.len(), 2);
    assert_eq!(found.get(1).map(|e| e.name.as_str()), Some("tail"));
}

#[test]
fn first_of_two_keys_wins() {
    let found = read(b"SERVICES {\n a cmd=1 cmd=2\n}\n", Section::Services).expect("readable");
    assert_eq!(found.first().and_then(|e| e.bytes("cmd")), Some(&b"1"[..]));
}

#[test]
fn numbers_and_switches() {
    let text = b"SERVICES {\n a i=12x n=-3 bad=x big=99999999999 y=yes n1=no of=off on=on t=true z=zzz\n}\n";
    let found = read(text, Section::Services).expect("readable");
    let entry = found.first().expect("one entry");
    let ints: Vec<_> = ["i", "n", "bad", "big", "absent"].map(|k| entry.int(k, 7)).to_vec();
    assert_eq!(ints, [12, -3, 7, i32::MAX, 7]);
    assert_eq!(entry.atoi("bad", 7), 0);
    let switches = ["y", "on", "t"].map(|k| entry.switch(k, false));
    assert_eq!(switches, [true; 3]);
    assert_eq!(["n1", "of"].map(|k| entry.switch(k, true)), [false; 2]);
    assert!(entry.switch("z", true) && !entry.switch("z", false));
}

#[test]
fn commands_are_split_at_white_space_without_quoting() {
    let found = read(b"SERVICES {\n a cmd=\" x\ty  'z w' \"\n}\n", Section::Services).expect("readable");
    let words = found.first().map(Entry::command).unwrap_or_default();
    assert_eq!(words, [&b"x"[..], b"y", b"'z", b"w'"]);
}

#[test]
fn random_bytes_never_panic_and_never_grow() {
    let mut state = 0x1234_5678_9abc_def0_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let words: [&[u8]; 12] =
        [b"SERVICES", b"{", b"}", b"\n", b"a", b"=", b"\"", b"#", b" ", b"\0", b"\xff", b"cmd=x"];
    for _ in 0..20_000 {
        let mut text = Vec::new();
        for _ in 0..next() % 40 {
            let at = usize::try_from(next() % 12).expect("small");
            text.extend_from_slice(words.get(at).expect("in range"));
            if next() % 5 == 0 {
                text.push(next().to_le_bytes()[0]);
            }
        }
        if let Ok(found) = read(&text, Section::Services) {
            let size: usize = found.iter().flat_map(|e| &e.args).map(|(k, v)| k.len() + v.len()).sum();
            assert!(size <= text.len());
        }
    }
}

#[test]
fn the_sample_file_is_readable() {
    let text = include_bytes!("../../../conf/cyrus.conf");
    let names = |section| {
        let mut names = Vec::new();
        parse(text, Path::new("cyrus.conf"), section, |entry| {
            assert!(!entry.command().is_empty(), "{entry:?}");
            names.push(entry.name);
            Ok::<(), ConfError>(())
        })
        .expect("readable");
        names
    };
    assert_eq!(names(Section::Start), ["recover"]);
    assert_eq!(names(Section::Services), ["imap", "imaps", "lmtpunix"]);
    assert_eq!(names(Section::Events), ["checkpoint"]);
    assert_eq!(names(Section::Daemon), ["idled"]);
}

#[test]
fn the_sample_imapd_conf_is_readable() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../conf/imapd.conf");
    let config = cyrus_base::Config::load(Some(Path::new(file)), "master").expect("readable");
    assert_eq!(config.require_partitions(), Ok(()));
    let unknown: Vec<_> = config
        .overflows()
        .map(|(key, _)| key)
        .filter(|key| !key.starts_with("sasl_") && *key != "partition-default")
        .collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}
