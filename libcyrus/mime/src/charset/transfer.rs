//! Content-Transfer-Encoding (RFC 2045 6) undone with C's leniency, and read one bounded line at a time.

use std::borrow::Cow;

/// Content-Transfer-Encoding, as numbered in the SECTION item.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TransferEncoding {
    /// 7BIT, 8BIT, BINARY or none.
    #[default]
    None,
    /// QUOTED-PRINTABLE.
    QuotedPrintable,
    /// BASE64.
    Base64,
    /// base64url, never in mail.
    Base64Url,
    /// Anything else.
    Unknown,
}

/// Undoes a transfer encoding; `None` for [`TransferEncoding::Unknown`]. C: charset_decode_mimebody()
#[must_use]
pub fn decode_transfer(bytes: &[u8], encoding: TransferEncoding) -> Option<Cow<'_, [u8]>> {
    match encoding {
        TransferEncoding::None => Some(Cow::Borrowed(bytes)),
        TransferEncoding::QuotedPrintable => Some(Cow::Owned(quoted_printable(bytes, In::Body))),
        TransferEncoding::Base64 => Some(Cow::Owned(base64(bytes, &STANDARD))),
        TransferEncoding::Base64Url => Some(Cow::Owned(base64(bytes, &URL))),
        TransferEncoding::Unknown => None,
    }
}

/// Undoes a transfer encoding and hands the octets to `take` piece by piece, so that memory does not grow with the
/// text; false for [`TransferEncoding::Unknown`].
pub(crate) fn decode_pieces(bytes: &[u8], encoding: TransferEncoding, take: &mut dyn FnMut(&[u8])) -> bool {
    match encoding {
        TransferEncoding::None => take(bytes),
        TransferEncoding::QuotedPrintable => {
            let mut out = Vec::with_capacity(bytes.len().min(PIECE_OCTETS + LINE_MAX));
            quoted_printable_into(bytes, In::Body, &mut out, &mut |out| {
                if out.len() >= PIECE_OCTETS {
                    take(out);
                    out.clear();
                }
            });
            take(&out);
        }
        TransferEncoding::Base64 => base64_pieces(bytes, &STANDARD, take),
        TransferEncoding::Base64Url => base64_pieces(bytes, &URL, take),
        TransferEncoding::Unknown => return false,
    }
    true
}

fn base64_pieces(bytes: &[u8], alphabet: &[u8; 256], take: &mut dyn FnMut(&[u8])) {
    let mut decoder = Base64::default();
    let mut out = Vec::with_capacity(bytes.len().min(PIECE_OCTETS));
    for piece in bytes.chunks(PIECE_OCTETS) {
        decoder.take(piece, alphabet, &mut out);
        take(&out);
        out.clear();
    }
}

/// Where quoted-printable stands: in a header `_` is a blank.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum In {
    Body,
    Header,
}

/// All CR vanish, LF becomes CRLF, blanks before a line end vanish, a bad `=xx` stays as it is.
pub(super) fn quoted_printable(bytes: &[u8], place: In) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    quoted_printable_into(bytes, place, &mut out, &mut |_| {});
    out
}

/// Appends to `out`, and lets `drain` have it after each piece of a line.
fn quoted_printable_into(bytes: &[u8], place: In, out: &mut Vec<u8>, drain: &mut dyn FnMut(&mut Vec<u8>)) {
    let mut joined = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let end = memchr::memchr(b'\n', rest);
        let (raw, tail) = rest.split_at(end.unwrap_or(rest.len()));
        rest = tail.get(1..).unwrap_or_default();
        let mut line = raw.strip_suffix(b"\r").unwrap_or(raw);
        let mut is_open = true;
        while !line.is_empty() {
            let (chunk, after) = chunk(line, &mut joined);
            let is_soft = quoted_line(out, chunk, place);
            // a full buffer was flushed before the line end was seen
            if after.is_empty() && chunk.len() < LINE_MAX {
                is_open = !is_soft;
            }
            line = after;
            drain(out);
        }
        if end.is_some() && is_open {
            out.extend(b"\r\n");
        }
    }
}

/// The octets of a line that are decoded at once, without CR, and what follows them.
fn chunk<'j, 'l: 'j>(line: &'l [u8], joined: &'j mut Vec<u8>) -> (&'j [u8], &'l [u8]) {
    let (head, tail) = line.split_at(line.len().min(LINE_MAX));
    if memchr::memchr(b'\r', head).is_none() {
        let crs = tail.iter().take_while(|&&c| c == b'\r').count();
        return (head, tail.get(crs..).unwrap_or_default());
    }
    joined.clear();
    let mut used = 0;
    for &octet in line {
        if octet != b'\r' {
            if joined.len() == LINE_MAX {
                break;
            }
            joined.push(octet);
        }
        used += 1;
    }
    (joined, line.get(used..).unwrap_or_default())
}

/// Decodes a line without its end; true when it ends in a soft line break.
fn quoted_line(out: &mut Vec<u8>, line: &[u8], place: In) -> bool {
    let len = line.iter().rposition(|c| !matches!(c, b' ' | b'\t')).map_or(0, |at| at + 1);
    let mut rest = line.get(..len).unwrap_or_default();
    loop {
        let plain = match place {
            In::Body => memchr::memchr(b'=', rest),
            In::Header => memchr::memchr2(b'=', b'_', rest),
        };
        let (text, tail) = rest.split_at(plain.unwrap_or(rest.len()));
        out.extend(text);
        let Some((&special, tail)) = tail.split_first() else { return false };
        rest = tail;
        if special == b'_' {
            out.push(b' ');
            continue;
        }
        if tail.is_empty() {
            return true;
        }
        let byte = tail.first_chunk::<2>().and_then(|[high, low]| Some(hex(*high)? << 4 | hex(*low)?));
        match byte {
            Some(byte) => {
                out.push(byte);
                rest = tail.get(2..).unwrap_or_default();
            }
            None => out.push(b'='),
        }
    }
}

fn hex(c: u8) -> Option<u8> {
    char::from(c).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// Foreign characters are passed over; padding forgets what is pending, and decoding goes on after it.
pub(super) fn base64(bytes: &[u8], alphabet: &[u8; 256]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() / 4 * 3 + 3);
    Base64::default().take(bytes, alphabet, &mut out);
    out
}

/// What is pending between two pieces of base64.
#[derive(Default)]
struct Base64 {
    pending: u32,
    count: u8,
}

impl Base64 {
    fn take(&mut self, bytes: &[u8], alphabet: &[u8; 256], out: &mut Vec<u8>) {
        let mut rest = bytes;
        let (mut pending, mut count) = (self.pending, self.count);
        while let Some((&c, tail)) = rest.split_first() {
            if count == 0
                && let Some((quad, after)) = rest.split_first_chunk::<4>()
            {
                let values = quad.map(|c| value(alphabet, c));
                if values.iter().all(|&v| v < 64) {
                    let word = values.iter().fold(0_u32, |word, &v| word << 6 | u32::from(v));
                    let [_, a, b, c] = word.to_be_bytes();
                    out.extend([a, b, c]);
                    rest = after;
                    continue;
                }
            }
            rest = tail;
            match value(alphabet, c) {
                PAD => (pending, count) = (0, 0),
                SKIP => {}
                value => {
                    pending = (pending << 6 | u32::from(value)) & 0x3fff;
                    count = (count + 1) & 3;
                    // 6, 12, 18, 24 bits: each character but the first completes an octet
                    match count {
                        2 => out.push((pending >> 4).to_be_bytes()[3]),
                        3 => out.push((pending >> 2).to_be_bytes()[3]),
                        0 => out.push(pending.to_be_bytes()[3]),
                        _ => {}
                    }
                }
            }
        }
        (self.pending, self.count) = (pending, count);
    }
}

/// A look into the table, which has an entry for every byte.
fn value(alphabet: &[u8; 256], c: u8) -> u8 {
    alphabet.get(usize::from(c)).copied().unwrap_or(SKIP)
}

/// Longest piece of a line that is decoded at once.
const LINE_MAX: usize = 999;
/// Octets handed on at once by [`decode_pieces`], about.
const PIECE_OCTETS: usize = 64 * 1024;
const PAD: u8 = 64;
const SKIP: u8 = 65;

/// Values of the base64 alphabet.
pub(super) static STANDARD: [u8; 256] = alphabet(b'+', b'/');
/// Values of the base64url alphabet.
static URL: [u8; 256] = alphabet(b'-', b'_');

#[allow(clippy::indexing_slicing, reason = "evaluated by the compiler")]
const fn alphabet(sixty_two: u8, sixty_three: u8) -> [u8; 256] {
    let mut table = [SKIP; 256];
    let mut i = 0_u8;
    while i < 26 {
        table[(b'A' + i) as usize] = i;
        table[(b'a' + i) as usize] = i + 26;
        i += 1;
    }
    i = 0;
    while i < 10 {
        table[(b'0' + i) as usize] = i + 52;
        i += 1;
    }
    table[sixty_two as usize] = 62;
    table[sixty_three as usize] = 63;
    table[b'=' as usize] = PAD;
    table
}
