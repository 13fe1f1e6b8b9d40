//! Scripts from their text to what they do, without a server.

mod memory;

use cyrus_sieve::{CompileSettings, Program, compile};

const MESSAGE: &[u8] = b"From: ed@example.org\r\nTo: ann@mail.example\r\nSubject: hello\r\n\r\ntext\r\n";

fn check(script: &str, expected: &[&str]) {
    let bytecode = compile(script.as_bytes(), &CompileSettings::everything()).expect(script);
    let program = Program::load(&bytecode.0).expect(script);
    assert_eq!(memory::filter(program, &bytecode.0, MESSAGE), expected, "{script}");
}

/// Found by fuzzing: the compiler lets everything pass where `ihave` is false, and the verifier then refused the
/// whole script for an argument that nobody would ever look at.
#[test]
fn what_is_wrong_under_a_false_ihave_does_not_matter() {
    let wrong = r#"if ihave "foo" { if date "a" "century" "b" { discard; } }"#;
    check(&format!(r#"require "ihave"; {wrong}"#), &["keep user.ann"]);
    check(&format!(r#"require ["ihave", "fileinto"]; {wrong} else {{ fileinto "x"; }}"#), &["fileinto x"]);
}

#[test]
fn what_is_wrong_and_reached_is_an_error() {
    let script = br#"require "date"; if date "date" "year" "2022" { discard; }"#;
    let mut bytecode = compile(script, &CompileSettings::everything()).expect("script").0;
    // The comparator i;ascii-casemap, then the date part.
    let year = [0, 0, 0, 29, 0, 0, 0, 64];
    let at = bytecode.windows(8).position(|words| words == year).expect("date part");
    bytecode[at + 7] = 99;
    let program = Program::load(&bytecode).expect("bytecode");
    assert_eq!(memory::filter(program, &bytecode, MESSAGE), ["error Run error"]);
}

/// Bytecode of the original may ask for what is not built: the message is kept, whichever way the script goes on.
#[test]
fn what_cannot_run_is_an_error_and_no_answer() {
    let jmapquery = "error jmapquery is not supported";
    let query = "jmapquery text:\n{\"subject\":\"x\"}\n.\n";
    let require = r#"require ["vnd.cyrus.jmapquery", "vnd.cyrus.imip"];"#;
    check(&format!("{require} if {query} {{ discard; }}"), &[jmapquery]);
    check(&format!("{require} if not {query} {{ discard; }}"), &[jmapquery]);
    check(&format!("{require} processimip; discard;"), &["error processimip is not supported"]);
}

/// Both forms of the name of an address book (RFC 6134 2.5) may stand in a redirect; another list may not.
#[test]
fn a_redirect_knows_both_forms_of_an_address_book() {
    for (list, is_known) in
        [("urn:ietf:params:sieve:addrbook:default", true), (":addrbook:default", true), ("tag:x", false)]
    {
        let script = format!(r#"require "extlists"; redirect :list "{list}";"#);
        let compiled = compile(script.as_bytes(), &CompileSettings::everything());
        assert_eq!(compiled.is_ok(), is_known, "{list}");
    }
}
