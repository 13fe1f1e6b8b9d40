//! What cannot pass yet: `tests/known-failures.toml`, and the frame that every live test runs in.
//!
//! An entry whose test passes is an error, so that the list only shrinks.

use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use crate::place;

/// One entry of the list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// Name of the test; a final `*` stands for any ending.
    pub test: String,
    /// Why it cannot pass.
    pub reason: String,
}

/// What a test needs besides our programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// The unpacked oracle.
    Oracle,
    /// The shared data directory.
    Shared,
    /// A mount namespace of its own (for syslog).
    Namespace,
}

/// Reads the list.
///
/// # Errors
/// A sentence naming the line that is not understood or the entry that lacks a part.
pub fn parse(text: &str) -> Result<Vec<Known>, String> {
    let mut all: Vec<Known> = Vec::new();
    for (n, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if line == "[[failure]]" {
            all.push(Known::default());
            continue;
        }
        let parts = line.split_once('=').map(|(k, v)| (k.trim(), v.trim()));
        let value = parts
            .and_then(|(_, v)| v.strip_prefix('"').and_then(|v| v.strip_suffix('"')))
            .map(str::to_string);
        match (all.last_mut(), parts.map(|p| p.0), value) {
            (Some(last), Some("test"), Some(v)) => last.test = v,
            (Some(last), Some("reason"), Some(v)) => last.reason = v,
            _ => return Err(format!("line {}: not understood: {line}", n + 1)),
        }
    }
    match all.iter().find(|k| k.test.is_empty() || k.reason.is_empty()) {
        Some(bad) => Err(format!("an entry lacks test or reason: {bad:?}")),
        None => Ok(all),
    }
}

/// The entry for `test`, if any.
pub fn find<'a>(all: &'a [Known], test: &str) -> Option<&'a Known> {
    all.iter().find(|k| match k.test.strip_suffix('*') {
        Some(head) => test.starts_with(head),
        None => k.test == test,
    })
}

fn ignored() -> Vec<Known> {
    let path = place::root().join("tests/known-failures.toml");
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    parse(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn say(text: &str) {
    // Past libtest's capture: a skipped test must be seen.
    let _ = std::io::stderr().write_all(format!("{text}\n").as_bytes());
}

fn lacking(needs: &[Need]) -> Option<&'static str> {
    needs.iter().find_map(|need| match need {
        Need::Oracle => place::oracle().is_none().then_some("the oracle is not unpacked (make oracle)"),
        Need::Shared => place::shared().is_none().then_some("no ../shared and no CYRUS_SHARED"),
        Need::Namespace => place::unshare().is_none().then_some("no mount namespaces here"),
    })
}

/// Runs one live test. With `CYRUS_STRICT` in the environment no failure is excused. Without what it needs it is skipped, visibly; in CI (`CI=true`) the missing oracle is a failure.
///
/// # Panics
/// When `body` does and `name` is no known failure, or when it does not although it is one.
pub fn case(name: &str, needs: &[Need], body: impl FnOnce()) {
    if let Some(what) = lacking(needs) {
        let ci = std::env::var("CI").is_ok_and(|v| v == "true");
        assert!(!(ci && place::oracle().is_none() && needs.contains(&Need::Oracle)), "{name}: {what}");
        say(&format!("{name}: skipped: {what}"));
        return;
    }
    let all = if std::env::var_os("CYRUS_STRICT").is_some() { Vec::new() } else { ignored() };
    let result = catch_unwind(AssertUnwindSafe(body));
    match (find(&all, name), result) {
        (None, Ok(())) => {}
        (None, Err(panic)) => resume_unwind(panic),
        (Some(known), Err(_)) => say(&format!("{name}: known failure: {}", known.reason)),
        (Some(known), Ok(())) => {
            // An entry with a wildcard speaks of several tests; each must fail or be listed apart.
            panic!("{name} passes: take the entry {:?} out of tests/known-failures.toml", known.test)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_without_reason_is_refused() {
        assert!(parse("[[failure]]\ntest = \"a\"\n").is_err());
        assert!(parse("[[failure]]\ntest = \"a\"\nreason = \"b\"\n").is_ok());
        assert!(parse("test = \"a\"\n").is_err());
    }

    #[test]
    fn a_star_stands_for_any_ending() {
        let all = parse("[[failure]]\ntest = \"a::*\"\nreason = \"b\"\n").unwrap_or_default();
        assert!(find(&all, "a::c").is_some());
        assert!(find(&all, "b::c").is_none());
    }
}
