//! Parameter lists of MIME fields (RFC 2045 5.1) with RFC 2231 continuations folded.

/// `attribute=value`; the attribute in upper case, ending in `*` when the value is in extended form.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Param {
    /// Name in upper case.
    pub attribute: Vec<u8>,
    /// Value as written, unquoted.
    pub value: Vec<u8>,
}

/// The value of the parameter `attribute` (given in upper case), decoded to UTF-8 when it is in extended form.
#[must_use]
pub fn value_utf8(params: &[Param], attribute: &[u8]) -> Option<Vec<u8>> {
    let _ = (params, attribute);
    todo!()
}
