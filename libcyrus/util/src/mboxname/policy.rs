//! Which internal names may be created (reference/mailbox-files.md 1.4).

use super::{MAX_MAILBOX_NAME, MboxName, NameRules};
use crate::mutf7;

/// The bytes a name may hold besides modified UTF-7.
const GOOD: &[u8] = b" #$'()*+,-.0123456789:=?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[]^_abcdefghijklmnopqrstuvwxyz~";

/// The name is not allowed; IMAP says `Invalid mailbox name`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadName;

/// Whether a mailbox of this name may be created. `virtdomains`: whether a domain may be there.
///
/// # Errors
/// [`BadName`]. C: mboxname_policycheck()
pub fn check(name: &MboxName, virtdomains: bool, rules: &NameRules) -> Result<(), BadName> {
    let full = name.as_bytes();
    if full.starts_with(b"$") || full.contains(&0) {
        return Err(BadName);
    }
    if name.is_deleted(rules) {
        return Ok(());
    }
    if full.len() > MAX_MAILBOX_NAME {
        return Err(BadName);
    }
    let has_domain = full.contains(&b'!');
    if has_domain && !virtdomains {
        return Err(BadName);
    }
    let name = match full.iter().position(|&byte| byte == b'!') {
        Some(at) => full.get(at.saturating_add(1)..).unwrap_or_default(),
        None => full,
    };
    let bad = name.is_empty()
        || name.starts_with(b".")
        || name.starts_with(b"~")
        || name.ends_with(b".")
        || name.windows(2).any(|pair| pair == b"..")
        || name == b"user"
        || name == b"user.anyone"
        || name == b"user.anonymous"
        || name.starts_with(b"user.%");
    if bad {
        return Err(BadName);
    }
    let mut rest = name;
    let mut after_run = false;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte == b'&' {
            let end = rest.iter().position(|&byte| byte == b'-').ok_or(BadName)?;
            let (run, tail) = rest.split_at_checked(end).ok_or(BadName)?;
            if !run.is_empty() && (after_run || !mutf7::is_clean_run(run)) {
                return Err(BadName);
            }
            after_run = !run.is_empty();
            rest = tail.strip_prefix(b"-").unwrap_or(tail);
        } else if GOOD.contains(&byte) || (has_domain && byte == b'!') {
            after_run = false;
        } else {
            return Err(BadName);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_name(name: &str, good: bool) {
        let result = check(&MboxName::from(name), true, &NameRules::default());
        assert_eq!(result.is_ok(), good, "{name}");
    }

    #[test]
    fn names_are_allowed_or_not() {
        for name in [
            "user.ann",
            "a b",
            "user.j^doe.X",
            "Entw&APw-rfe",
            "a&-b",
            "ex.org!user.ed",
            "user.ann.#x",
            "&AOQ-&-",
        ] {
            check_name(name, true);
        }
        for name in [
            "",
            ".a",
            "a.",
            "a..b",
            "$x",
            "~a",
            "user",
            "user.anyone",
            "user.%x",
            "a\tb",
            "a/b",
            "a%b",
            "a\"b",
        ] {
            check_name(name, false);
        }
        for name in ["a&", "a&AGE-", "a&APw-&APw-", "a&APx-", "a&AP-", "a&APw", "a&*-", "\u{fc}"] {
            check_name(name, false);
        }
        check_name(&"x".repeat(490), true);
        check_name(&"x".repeat(491), false);
        assert!(check(&MboxName::from("a!b"), false, &NameRules::default()).is_err());
    }
}
