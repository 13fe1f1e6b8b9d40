//! Lists of flags (RFC 5232). C: verify_flaglist()

/// Adds flags to a list: words split at blanks, invalid ones left out, none twice, system flags in lower case.
/// C: unwrap_flaglist()
pub fn add(list: &mut Vec<Vec<u8>>, flags: &[Vec<u8>]) {
    if flags.is_empty() {
        return;
    }
    for flag in flags {
        if !flag.is_empty() && !contains(list, flag) {
            list.push(flag.clone());
        }
    }
    tidy(list);
}

/// Makes a list valid.
pub fn tidy(list: &mut Vec<Vec<u8>>) {
    let joined = list.join(&b' ');
    list.clear();
    for word in joined.split(|&octet| octet == b' ').map(<[u8]>::trim_ascii).filter(|word| !word.is_empty()) {
        if let Some(flag) = valid(word) {
            if !contains(list, &flag) {
                list.push(flag);
            }
        }
    }
}

fn contains(list: &[Vec<u8>], flag: &[u8]) -> bool {
    list.iter().any(|one| one.eq_ignore_ascii_case(flag))
}

fn valid(flag: &[u8]) -> Option<Vec<u8>> {
    if flag.starts_with(b"\\") {
        let flag = flag.to_ascii_lowercase();
        let system = [b"\\seen".as_slice(), b"\\answered", b"\\flagged", b"\\draft", b"\\deleted"];
        return system.contains(&flag.as_slice()).then_some(flag);
    }
    // RFC 3501 atom
    let is_atom = |&octet: &u8| octet > b' ' && octet < 0x7f && !b"(){%*\"\\]".contains(&octet);
    flag.iter().all(is_atom).then(|| flag.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(before: &[&str], added: &[&str], expected: &[&str]) {
        let vec = |list: &[&str]| list.iter().map(|flag| flag.as_bytes().to_vec()).collect::<Vec<_>>();
        let mut list = vec(before);
        add(&mut list, &vec(added));
        assert_eq!(list, vec(expected));
    }

    #[test]
    fn lists_are_split_checked_and_without_duplicates() {
        check(&[], &["\\Seen $Junk", "\\SEEN", "a(b", "\\Recent", ""], &["\\seen", "$Junk"]);
        check(&["$a"], &["$A $b"], &["$a", "$b"]);
        check(&["$a"], &[], &["$a"]);
    }
}
