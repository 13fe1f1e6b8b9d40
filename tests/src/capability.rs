//! Capability lists: ours may lack tokens of what is not built yet, but has no others and keeps the order.

/// Puts the recorded capability list in the place of each one of `actual` that is a part of it in the same order,
/// line by line; what is not stays, to be shown as a difference.
pub fn complete(expected: &str, actual: &str) -> String {
    let mut recorded = expected.lines().filter_map(split);
    let mut lines: Vec<String> = Vec::new();
    for line in actual.lines() {
        let completed = split(line).and_then(|(before, ours, behind)| {
            let (_, theirs, _) = recorded.next()?;
            is_part(ours, theirs).then(|| format!("{before}{theirs}{behind}"))
        });
        lines.push(completed.unwrap_or_else(|| line.to_owned()));
    }
    let mut text = lines.join("\n");
    if actual.ends_with('\n') {
        text.push('\n');
    }
    text
}

/// What stands before, in and behind the list of a server's line.
fn split(line: &str) -> Option<(&str, &str, &str)> {
    line.split_once(" S: ")?;
    let at = line.find("CAPABILITY ")? + "CAPABILITY ".len();
    let (before, rest) = line.split_at_checked(at)?;
    let end = rest.find(']').unwrap_or(rest.len());
    let (list, behind) = rest.split_at_checked(end)?;
    list.starts_with("IMAP4rev1").then_some((before, list, behind))
}

fn is_part(ours: &str, theirs: &str) -> bool {
    let mut theirs = theirs.split(' ');
    ours.split(' ').all(|token| theirs.any(|each| each == token))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_may_lack_but_not_be_others_or_in_another_order() {
        let expected =
            "A S: * OK [CAPABILITY IMAP4rev1 ID ACL] x\nA C: NOOP\nA S: * CAPABILITY IMAP4rev1 ID IDLE\n";
        let lacking = "A S: * OK [CAPABILITY IMAP4rev1 ACL] x\nA C: NOOP\nA S: * CAPABILITY IMAP4rev1 IDLE\n";
        assert_eq!(complete(expected, lacking), expected);
        let swapped = lacking.replace("IMAP4rev1 ACL", "IMAP4rev1 ACL ID");
        assert_ne!(complete(expected, &swapped), expected);
        let other = lacking.replace("ACL", "FOO");
        assert_ne!(complete(expected, &other), expected);
    }
}
