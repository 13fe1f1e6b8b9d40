//! Address lists (RFC 5322 3.4) read with the leniency and the quirks of C's parser
//! (reference/mailbox-files.md 6.1).

use crate::charset;

/// One member of an address list, as ENVELOPE shows it.
///
/// A group starts with an entry that has a mailbox (the group's name) and no host, and ends with one that has
/// neither.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Address {
    /// Display name, still MIME-encoded; never empty when present.
    pub name: Option<Vec<u8>>,
    /// Source route without the final colon (`@a,@b`).
    pub route: Option<Vec<u8>>,
    /// Local part, or the name of a group.
    pub mailbox: Option<Vec<u8>>,
    /// Domain; `unspecified-domain` when the text had none.
    pub host: Option<Vec<u8>>,
    /// The domain was garbage (held an `@`).
    pub is_invalid: bool,
}

/// Reads an address list; a NUL ends it. C: parseaddr_list()
#[must_use]
pub fn parse_list(text: &[u8]) -> Vec<Address> {
    let text = memchr::memchr(0, text).and_then(|end| text.get(..end)).unwrap_or(text);
    let mut list = List { entries: Vec::new(), is_invalid: false };
    let mut scan = Scan { text, at: 0 };
    let mut in_group = false;
    loop {
        let (phrase, stop) = scan.phrase(if in_group { b",@<;" } else { b",@<:" });
        let stop = match stop {
            b':' => {
                list.push(None, None, Some(phrase), None);
                in_group = true;
                stop
            }
            b'@' => {
                let (domain, comment, stop) = scan.domain(true, &mut list.is_invalid);
                list.push(comment, None, Some(phrase), Some(domain));
                if stop == b';' {
                    list.push(None, None, None, None);
                    in_group = false;
                }
                stop
            }
            b'<' => angle(&mut scan, &mut list, phrase),
            _ => {
                if !phrase.is_empty() {
                    list.push(None, None, Some(phrase), Some(Vec::new()));
                }
                if stop == b';' {
                    list.push(None, None, None, None);
                    in_group = false;
                }
                stop
            }
        };
        if stop == 0 {
            break;
        }
    }
    if in_group {
        list.push(None, None, None, None);
    }
    list.entries
}

/// What follows `<`; gives the byte that the list goes on from.
fn angle(scan: &mut Scan<'_>, list: &mut List, phrase: Vec<u8>) -> u8 {
    let (mut mailbox, mut stop) = scan.phrase(b"@>");
    if stop != b'@' {
        list.push(Some(phrase), None, Some(mailbox), Some(Vec::new()));
        return stop;
    }
    let mut route = None;
    if mailbox.is_empty() {
        scan.at = scan.at.saturating_sub(1);
        let (text, after) = scan.route();
        route = Some(text);
        if after != b':' {
            list.push(Some(phrase), route, Some(Vec::new()), Some(Vec::new()));
            return scan.past_angle(after);
        }
        (mailbox, stop) = scan.phrase(b"@>");
        if stop != b'@' {
            list.push(Some(phrase), route, Some(mailbox), Some(Vec::new()));
            return stop;
        }
    }
    let (domain, _, stop) = scan.domain(false, &mut list.is_invalid);
    list.push(Some(phrase), route, Some(mailbox), Some(domain));
    scan.past_angle(stop)
}

/// The list being made, with C's habit to keep "invalid" for all that follows a garbage domain.
struct List {
    entries: Vec<Address>,
    is_invalid: bool,
}

impl List {
    fn push(
        &mut self,
        name: Option<Vec<u8>>,
        route: Option<Vec<u8>>,
        mailbox: Option<Vec<u8>>,
        host: Option<Vec<u8>>,
    ) {
        let host = host.map(|h| if h.is_empty() { b"unspecified-domain".to_vec() } else { h });
        self.entries.push(Address {
            name: name.filter(|n| !n.is_empty()),
            route: route.filter(|r| !r.is_empty()),
            mailbox,
            host,
            is_invalid: self.is_invalid,
        });
    }
}

struct Scan<'a> {
    text: &'a [u8],
    at: usize,
}

impl Scan<'_> {
    /// The byte at the cursor, 0 at the end.
    fn peek(&self) -> u8 {
        self.text.get(self.at).copied().unwrap_or(0)
    }

    /// The byte `ahead` of the cursor, 0 past the end.
    fn ahead(&self, ahead: usize) -> u8 {
        self.text.get(self.at.saturating_add(ahead)).copied().unwrap_or(0)
    }

    /// Takes a byte; 0 at the end, where the cursor stays.
    fn take(&mut self) -> u8 {
        let byte = self.peek();
        if self.at < self.text.len() {
            self.at += 1;
        }
        byte
    }

    /// Skips white space and comments.
    fn skip_space(&mut self) {
        loop {
            match self.peek() {
                b'(' => {
                    self.at += 1;
                    let mut depth = 1_usize;
                    while depth > 0 {
                        match self.take() {
                            0 => return,
                            b'\\' => {
                                self.take();
                            }
                            b'(' => depth += 1,
                            b')' => depth -= 1,
                            _ => {}
                        }
                    }
                }
                c if is_space(c) => self.at += 1,
                _ => return,
            }
        }
    }

    /// Reads words up to one of `specials` or the end; gives the text and the byte it ended at.
    fn phrase(&mut self, specials: &[u8]) -> (Vec<u8>, u8) {
        self.skip_space();
        let mut out = Vec::new();
        loop {
            let c = self.take();
            if c == b'"' {
                if !self.quoted(&mut out) {
                    self.at = self.text.len();
                    return (Vec::new(), 0);
                }
            } else if is_space(c) || c == b'(' {
                self.at -= 1;
                self.skip_space();
                out.push(b' ');
            } else if c == 0 || specials.contains(&c) {
                if out.last() == Some(&b' ') {
                    out.pop();
                }
                return (out, c);
            } else {
                out.push(c);
            }
        }
    }

    /// Reads the rest of a quoted string; false when it is not closed.
    fn quoted(&mut self, out: &mut Vec<u8>) -> bool {
        loop {
            let mut c = self.take();
            if c == 0 {
                return false;
            }
            if c == b'\\' && self.peek() == b'\r' && self.ahead(1) == b'\n' {
                c = self.take();
            }
            if c == b'\r' && self.peek() == b'\n' {
                self.at += 1;
                if matches!(self.peek(), b' ' | b'\t') {
                    continue;
                }
                return false;
            } else if c.is_ascii_control() {
                match c {
                    b'\r' | b'\n' => c = b' ',
                    b'\t' => {}
                    _ => continue,
                }
            }
            match c {
                b'"' => return true,
                b'\\' => match self.take() {
                    0 => return false,
                    escaped => out.push(escaped),
                },
                _ => out.push(c),
            }
        }
    }

    /// Reads a domain, and the text of a comment that ends it when `wants_comment`.
    fn domain(&mut self, wants_comment: bool, is_invalid: &mut bool) -> (Vec<u8>, Option<Vec<u8>>, u8) {
        self.skip_space();
        let mut out: Vec<u8> = Vec::new();
        let mut comment = None;
        loop {
            let c = self.take();
            match c {
                b'-' | b'[' | b']' | b':' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => {
                    out.push(c);
                    comment = None;
                }
                b'.' => {
                    if out.last().is_some_and(|&last| last != b'.') {
                        out.push(c);
                    }
                    comment = None;
                }
                b'(' if wants_comment => comment = Some(self.comment()),
                b'(' => {
                    self.at -= 1;
                    self.skip_space();
                }
                b'@' => {
                    *is_invalid = true;
                    out.push(c);
                    comment = None;
                }
                c if is_space(c) => {}
                c => {
                    if out.last() == Some(&b'.') {
                        out.pop();
                    }
                    return (out, comment, c);
                }
            }
        }
    }

    /// The text of a comment after its opening parenthesis.
    fn comment(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        let mut depth = 1_usize;
        loop {
            let mut c = self.take();
            match c {
                0 => return out,
                b'(' => depth += 1,
                b')' => depth -= 1,
                b'\\' => {
                    c = self.take();
                    if c == 0 {
                        return out;
                    }
                }
                _ => {}
            }
            if depth == 0 {
                return out;
            }
            out.push(c);
        }
    }

    /// Reads a source route.
    fn route(&mut self) -> (Vec<u8>, u8) {
        self.skip_space();
        let mut out: Vec<u8> = Vec::new();
        loop {
            let c = self.take();
            match c {
                b'-' | b'[' | b']' | b',' | b'@' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => out.push(c),
                b'.' => {
                    if out.last().is_some_and(|&last| last != b'.') {
                        out.push(c);
                    }
                }
                c if is_space(c) || c == b'(' => {
                    self.at -= 1;
                    self.skip_space();
                }
                c => {
                    while matches!(out.last(), Some(b'.' | b',' | b'@')) {
                        out.pop();
                    }
                    return (out, c);
                }
            }
        }
    }

    /// Goes on after the next `>`; `stop` is the byte the reading ended at.
    fn past_angle(&mut self, mut stop: u8) -> u8 {
        while stop != 0 && stop != b'>' {
            stop = self.take();
        }
        stop
    }
}

/// White space as C's table has it.
pub(crate) fn is_space(c: u8) -> bool {
    matches!(c, b' ' | b'\t'..=b'\r')
}

/// The first address of `text` as `mailbox@host` with the host in lower case. C: address_canonicalise()
#[must_use]
pub fn canonicalise(text: &[u8]) -> Option<Vec<u8>> {
    let first = parse_list(text).into_iter().next()?;
    if first.mailbox.is_none() && first.host.is_none() {
        return None;
    }
    let mut out = first.mailbox.unwrap_or_else(|| b"unknown-user".to_vec());
    out.push(b'@');
    let host = first.host.unwrap_or_else(|| b"unspecified-domain".to_vec());
    out.extend(host.iter().map(u8::to_ascii_lowercase));
    Some(out)
}

/// The addresses in the form kept in the cache for SEARCH (items FROM, TO, CC, BCC).
/// `utf8` tells whether raw UTF-8 in names is kept (`rfc2047_utf8`). C: message_write_searchaddr()
#[must_use]
pub fn search_form(addresses: &[Address], utf8: bool) -> Vec<u8> {
    let mut out = Vec::new();
    let mut wants_comma = false;
    for address in addresses {
        let Some(host) = &address.host else {
            match &address.mailbox {
                Some(group) => {
                    if wants_comma {
                        out.push(b',');
                    }
                    out.extend(charset::parse_mimeheader(group, utf8));
                    out.push(b':');
                    wants_comma = false;
                }
                None => {
                    out.push(b';');
                    wants_comma = true;
                }
            }
            continue;
        };
        if wants_comma {
            out.push(b',');
        }
        if let Some(name) = &address.name {
            let name = charset::parse_mimeheader(name, utf8);
            if name.iter().all(|&c| is_space(c) || is_atext(c)) {
                out.extend(name);
            } else {
                out.push(b'"');
                for c in name {
                    if matches!(c, b'\\' | b'"') {
                        out.push(b'\\');
                    }
                    out.push(c);
                }
                out.push(b'"');
            }
            out.push(b' ');
        }
        out.push(b'<');
        if let Some(route) = &address.route {
            out.extend(route.iter().map(u8::to_ascii_lowercase));
            out.push(b':');
        }
        out.extend(address.mailbox.iter().flatten().map(u8::to_ascii_lowercase));
        out.push(b'@');
        out.extend(host.iter().map(u8::to_ascii_lowercase));
        out.push(b'>');
        wants_comma = true;
    }
    out
}

fn is_atext(c: u8) -> bool {
    c.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&c)
}
