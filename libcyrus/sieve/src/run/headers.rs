//! The header of a message: what tests see, and what editheader makes of it. C: spool.c, hdrcache_t

/// One field.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Field {
    name: Vec<u8>,
    /// Unfolded, without leading blanks.
    body: Vec<u8>,
    /// As it stands in the message; `None` for an added one.
    raw: Option<Vec<u8>>,
    /// When it came to be known: instances of a name are counted in this order, so that a field added in front
    /// is the last instance, as in C.
    born: usize,
}

/// The fields in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers {
    fields: Vec<Field>,
    born: usize,
    /// Octets of the message before the blank line.
    length: usize,
    is_edited: bool,
}

impl Headers {
    /// Reads the header of a stored message: up to the blank line, or to the first line that is no field.
    #[must_use]
    pub fn parse(message: &[u8]) -> Self {
        let mut headers = Self::default();
        let mut at = 0;
        while let Some((field, length)) = message.get(at..).and_then(next_field) {
            let (name, body) = field;
            let raw = message.get(at..at + length).map(<[u8]>::to_vec);
            headers.fields.push(Field { name: name.to_vec(), body, raw, born: headers.born });
            headers.born += 1;
            at += length;
        }
        headers.length = at;
        headers
    }

    /// Octets of the message that were read: the blank line and the body follow.
    #[must_use]
    pub fn octets(&self) -> usize {
        self.length
    }

    /// Joins the lines of the first field of a name without the blank that began each: the body as it was known
    /// before it was folded.
    pub fn unfold_first(&mut self, name: &[u8]) {
        let first = self.fields.iter_mut().find(|field| field.name.eq_ignore_ascii_case(name));
        let Some(Field { body, raw: Some(raw), .. }) = first else { return };
        let Some(colon) = raw.iter().position(|&octet| octet == b':') else { return };
        let text = raw.get(colon + 1..).unwrap_or_default();
        let lines = text.split(|&octet| octet == b'\n');
        let joined: Vec<u8> = lines
            .flat_map(|line| {
                let line = line.strip_suffix(b"\r").unwrap_or(line);
                line.strip_prefix(b"\t").unwrap_or(line).iter().copied()
            })
            .collect();
        *body = joined.trim_ascii_start().to_vec();
    }

    /// The bodies of all fields of a name, in the order of instances.
    #[must_use]
    pub fn bodies(&self, name: &[u8]) -> Vec<&[u8]> {
        self.instances(name).into_iter().filter_map(|at| Some(self.fields.get(at)?.body.as_slice())).collect()
    }

    /// The body of the first instance.
    #[must_use]
    pub fn first(&self, name: &[u8]) -> Option<&[u8]> {
        self.bodies(name).first().copied()
    }

    /// Adds a field in front, or behind all.
    pub fn add(&mut self, name: &[u8], body: &[u8], last: bool) {
        self.is_edited = true;
        let field = Field { name: name.to_vec(), body: body.to_vec(), raw: None, born: self.born };
        self.born += 1;
        let at = if last { self.fields.len() } else { 0 };
        self.fields.insert(at, field);
    }

    /// Removes all fields of a name, or one instance: counted from 1, or from the end when negative.
    pub fn remove(&mut self, name: &[u8], index: i32) {
        self.is_edited = true;
        if index == 0 {
            self.fields.retain(|field| !field.name.eq_ignore_ascii_case(name));
            return;
        }
        let instances = self.instances(name);
        let count = i64::try_from(instances.len()).unwrap_or(i64::MAX);
        let index = i64::from(index);
        let index = if index > 0 { index - 1 } else { index + count };
        let at = usize::try_from(index).ok().and_then(|index| instances.get(index).copied());
        // An index before the first instance means the first, as C's bounds have it.
        let at = if index < 0 { None } else { at };
        if let Some(at) = at {
            self.fields.remove(at);
        }
    }

    /// The header section, if it was edited.
    #[must_use]
    pub fn edited(&self) -> Option<Vec<u8>> {
        self.is_edited.then(|| {
            let mut out = Vec::new();
            for field in &self.fields {
                match &field.raw {
                    Some(raw) => out.extend_from_slice(raw),
                    None => {
                        out.extend_from_slice(&field.name);
                        out.extend_from_slice(b": ");
                        out.extend_from_slice(&field.body);
                        out.extend_from_slice(b"\r\n");
                    }
                }
            }
            out
        })
    }

    fn instances(&self, name: &[u8]) -> Vec<usize> {
        let mut found: Vec<(usize, usize)> = self
            .fields
            .iter()
            .enumerate()
            .filter(|(_, field)| field.name.eq_ignore_ascii_case(name))
            .map(|(at, field)| (field.born, at))
            .collect();
        found.sort_unstable();
        found.into_iter().map(|(_, at)| at).collect()
    }
}

type NameAndBody<'h> = (&'h [u8], Vec<u8>);

/// The next field and how many octets it takes; `None` at the blank line, the end, or no field.
fn next_field(text: &[u8]) -> Option<(NameAndBody<'_>, usize)> {
    let colon = text.iter().position(|octet| !matches!(octet, b'!'..=b'9' | b';'..=b'~'))?;
    let (name, rest) = text.split_at_checked(colon).filter(|(name, _)| !name.is_empty())?;
    let blanks = rest.iter().position(|octet| !b" \t".contains(octet))?;
    if rest.get(blanks) != Some(&b':') {
        return None;
    }
    let mut at = colon + blanks + 1;
    let mut body = Vec::new();
    loop {
        let line = text.get(at..).unwrap_or_default();
        let end = line.iter().position(|&octet| octet == b'\n');
        let content = line.get(..end.unwrap_or(line.len())).unwrap_or_default();
        body.extend_from_slice(content.strip_suffix(b"\r").unwrap_or(content));
        at += end.map_or(line.len(), |end| end + 1);
        if !matches!(text.get(at), Some(b' ' | b'\t')) {
            break;
        }
    }
    let start = body.iter().position(|octet| !b" \t".contains(octet)).unwrap_or(body.len());
    body.drain(..start);
    Some(((name, body), at))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MESSAGE: &[u8] =
        b"Received: from a\r\n\t by b;\r\n\t date\r\nX-A: 1\r\nx-a : 2\r\n 3\r\n\r\nX-B: no\r\n";

    #[test]
    fn fields_are_unfolded_and_counted() {
        let mut headers = Headers::parse(MESSAGE);
        assert_eq!(headers.bodies(b"X-A"), [b"1".as_slice(), b"2 3"]);
        assert_eq!(headers.first(b"X-B"), None);
        assert_eq!(headers.first(b"received"), Some(b"from a\t by b;\t date".as_slice()));
        headers.unfold_first(b"Received");
        assert_eq!(headers.first(b"received"), Some(b"from a by b; date".as_slice()));
        assert!(MESSAGE[headers.octets()..].starts_with(b"\r\nX-B"));
        assert_eq!(headers.edited(), None);
    }

    #[test]
    fn what_is_added_in_front_is_the_last_instance() {
        let mut headers = Headers::parse(b"X-A: 1\r\n\r\n");
        headers.add(b"X-A", b"0", false);
        headers.add(b"X-Z", b"9", true);
        assert_eq!(headers.bodies(b"x-a"), [b"1".as_slice(), b"0"]);
        assert_eq!(headers.edited().as_deref(), Some(b"X-A: 0\r\nX-A: 1\r\nX-Z: 9\r\n".as_slice()));
        headers.remove(b"X-A", 1);
        assert_eq!(headers.edited().as_deref(), Some(b"X-A: 0\r\nX-Z: 9\r\n".as_slice()));
        headers.remove(b"X-A", 3);
        headers.remove(b"X-A", -2);
        headers.remove(b"x-z", 0);
        assert_eq!(headers.edited().as_deref(), Some(b"X-A: 0\r\n".as_slice()));
        headers.remove(b"X-A", -1);
        assert_eq!(headers.edited().as_deref(), Some(b"".as_slice()));
    }
}
