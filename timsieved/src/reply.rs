//! The sentences of ManageSieve, byte for byte as C says them.

use libcyrus::util::imapstr;

/// `NO "text"`
#[must_use]
pub fn no(text: &str) -> Vec<u8> {
    format!("NO \"{text}\"\r\n").into_bytes()
}

/// `NO (CODE) "text"`
#[must_use]
pub fn no_code(code: &str, text: &str) -> Vec<u8> {
    format!("NO ({code}) \"{text}\"\r\n").into_bytes()
}

/// `OK`
pub const OK: &[u8] = b"OK\r\n";

/// What is wrong with a script, as a string of any form.
#[must_use]
pub fn script_errors(text: &[u8]) -> Vec<u8> {
    let mut line = b"NO ".to_vec();
    imapstr::put_string(&mut line, text);
    line.extend_from_slice(b"\r\n");
    line
}

/// A name between quotes. Unlike C's, quotes and backslashes in it are escaped, and control
/// characters, which no quoted string can have, become `?`.
#[must_use]
pub fn quoted(name: &[u8]) -> Vec<u8> {
    let mut out = vec![b'"'];
    put_name(&mut out, name);
    out.push(b'"');
    out
}

/// A name within a sentence that stands between quotes.
pub fn put_name(out: &mut Vec<u8>, name: &[u8]) {
    for &octet in name {
        match octet {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', octet]),
            b'\r' | b'\n' | 0 => out.push(b'?'),
            _ => out.push(octet),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_end_the_string_they_stand_in() {
        assert_eq!(quoted(b"plain name"), b"\"plain name\"");
        assert_eq!(quoted(b"a\"b\\c\r\nOK"), b"\"a\\\"b\\\\c??OK\"");
    }

    #[test]
    fn errors_of_several_lines_are_literals() {
        assert_eq!(script_errors(b"line 1: syntax error\r\n"), b"NO {22}\r\nline 1: syntax error\r\n\r\n");
        assert_eq!(script_errors(b"bad"), b"NO \"bad\"\r\n");
    }
}
