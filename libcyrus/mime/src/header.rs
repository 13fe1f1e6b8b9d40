//! Header fields as lines: walk, pick, unfold.

/// Iterates over the fields of a header: name (without the colon) and raw value with folding and line end.
pub fn fields(header: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let _ = header;
    std::iter::empty()
}

/// The value of the first field `name`, raw (after the colon, folding kept, without the final line end).
#[must_use]
pub fn first<'a>(header: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let _ = (header, name);
    todo!()
}

/// Which fields a `HEADER.FIELDS` or `HEADER.FIELDS.NOT` asks for.
#[derive(Clone, Copy, Debug)]
pub enum Pick<'a, N> {
    /// Only these.
    Only(&'a [N]),
    /// All but these.
    Not(&'a [N]),
}

/// The picked fields of `header` in order, folding kept, **without** the blank line that the answer ends with.
/// `max_header_lines` (0 = all) bounds the fields looked at. C: message_pruneheader()
#[must_use]
pub fn pick<N: AsRef<[u8]>>(header: &[u8], pick: Pick<'_, N>, max_header_lines: u32) -> Vec<u8> {
    let _ = (header, pick, max_header_lines);
    todo!()
}

/// Unfolds a raw value: leading blanks removed, CRLF deleted, following blanks kept. C: message_parse_string()
#[must_use]
pub fn unfold(value: &[u8]) -> Vec<u8> {
    let _ = value;
    todo!()
}
