//! Character sets to UTF-8.

use super::transfer;
use super::{Codec, Single};
use std::borrow::Cow;

/// Decodes `bytes`; what is no character becomes U+FFFD.
pub(super) fn to_utf8(codec: Codec, bytes: &[u8]) -> Cow<'_, [u8]> {
    match codec {
        Codec::Utf8 => utf8(bytes),
        Codec::Ascii | Codec::Opaque => ascii(bytes),
        Codec::High(table) => high(table, bytes),
        Codec::Full(table) => Cow::Owned(
            bytes.iter().map(|&c| unit(table.get(usize::from(c)).copied())).collect::<String>().into_bytes(),
        ),
        Codec::Rs(encoding, Single::Sub) => with_sub(encoding, bytes),
        Codec::Rs(encoding, Single::Replacement) => match encoding.decode_without_bom_handling(bytes).0 {
            Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
            Cow::Owned(text) => Cow::Owned(text.into_bytes()),
        },
        Codec::Utf7 => Cow::Owned(utf7(bytes, b'+')),
        Codec::ImapUtf7 => Cow::Owned(utf7(bytes, b'&')),
        Codec::Utf16 => {
            let (encoding, bytes) = match bytes {
                [0xff, 0xfe, rest @ ..] => (encoding_rs::UTF_16LE, rest),
                [0xfe, 0xff, rest @ ..] => (encoding_rs::UTF_16BE, rest),
                _ => (encoding_rs::UTF_16BE, bytes),
            };
            Cow::Owned(encoding.decode_without_bom_handling(bytes).0.into_owned().into_bytes())
        }
        Codec::Utf32 => match bytes {
            [0xff, 0xfe, 0, 0, rest @ ..] => utf32(rest, u32::from_le_bytes),
            [0, 0, 0xfe, 0xff, rest @ ..] => utf32(rest, u32::from_be_bytes),
            _ => utf32(bytes, u32::from_be_bytes),
        },
        Codec::Utf32Be => utf32(bytes, u32::from_be_bytes),
        Codec::Utf32Le => utf32(bytes, u32::from_le_bytes),
        Codec::Iso2022Kr => Cow::Owned(shifted(bytes, encoding_rs::EUC_KR)),
        Codec::Iso2022Cn => Cow::Owned(shifted(bytes, encoding_rs::GBK)),
        Codec::Hz => Cow::Owned(hz(bytes)),
        Codec::Cesu8 => Cow::Owned(cesu8(bytes)),
    }
}

/// Decodes with U+001A for malformed sequences of one byte and U+FFFD for longer ones.
fn with_sub<'a>(encoding: &'static encoding_rs::Encoding, bytes: &'a [u8]) -> Cow<'a, [u8]> {
    if let Some(Cow::Borrowed(text)) = encoding.decode_without_bom_handling_and_without_replacement(bytes) {
        return Cow::Borrowed(text.as_bytes());
    }
    let mut decoder = encoding.new_decoder_without_bom_handling();
    let mut out = Vec::with_capacity(bytes.len() * 2);
    let mut buffer = [0_u8; 4096];
    let mut rest = bytes;
    loop {
        let (result, read, written) = decoder.decode_to_utf8_without_replacement(rest, &mut buffer, true);
        out.extend(buffer.get(..written).unwrap_or_default());
        rest = rest.get(read..).unwrap_or_default();
        match result {
            encoding_rs::DecoderResult::InputEmpty => return Cow::Owned(out),
            encoding_rs::DecoderResult::OutputFull => {}
            encoding_rs::DecoderResult::Malformed(1, _) => out.push(0x1a),
            encoding_rs::DecoderResult::Malformed(..) => push(&mut out, char::REPLACEMENT_CHARACTER),
        }
    }
}

/// A UTF-16 unit that is a character by itself.
fn unit(unit: Option<u16>) -> char {
    unit.and_then(|u| char::from_u32(u32::from(u))).unwrap_or(char::REPLACEMENT_CHARACTER)
}

fn push(out: &mut Vec<u8>, c: char) {
    out.extend(c.encode_utf8(&mut [0; 4]).bytes());
}

/// NUL vanishes, as in C's table.
fn ascii(bytes: &[u8]) -> Cow<'_, [u8]> {
    if bytes.is_ascii() && memchr::memchr(0, bytes).is_none() {
        return Cow::Borrowed(bytes);
    }
    let mut out = Vec::with_capacity(bytes.len());
    for &c in bytes {
        match c {
            0 => {}
            0x80.. => push(&mut out, char::REPLACEMENT_CHARACTER),
            _ => out.push(c),
        }
    }
    Cow::Owned(out)
}

fn high<'a>(table: &[u16; 128], bytes: &'a [u8]) -> Cow<'a, [u8]> {
    if bytes.is_ascii() {
        return Cow::Borrowed(bytes);
    }
    let mut out = Vec::with_capacity(bytes.len() + bytes.len() / 4);
    for &c in bytes {
        match c.checked_sub(0x80) {
            None => out.push(c),
            Some(upper) => push(&mut out, unit(table.get(usize::from(upper)).copied())),
        }
    }
    Cow::Owned(out)
}

/// UTF-8 as C reads it: a sequence cut short is one U+FFFD, a stray byte one each, overlong forms are accepted,
/// and what is pending at the end is dropped.
fn utf8(bytes: &[u8]) -> Cow<'_, [u8]> {
    if std::str::from_utf8(bytes).is_ok() {
        return Cow::Borrowed(bytes);
    }
    let mut out = Vec::with_capacity(bytes.len() + 16);
    let (mut left, mut code) = (0_u8, 0_u32);
    let bad = |out: &mut Vec<u8>| push(out, char::REPLACEMENT_CHARACTER);
    for &c in bytes {
        let (more, bits) = match c {
            0x00..=0x7f => {
                if left > 0 {
                    bad(&mut out);
                }
                left = 0;
                out.push(c);
                continue;
            }
            0x80..=0xbf => {
                if left == 0 {
                    bad(&mut out);
                    continue;
                }
                code = code << 6 | u32::from(c & 0x3f);
                left -= 1;
                if left == 0 {
                    push(&mut out, char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
                }
                continue;
            }
            0xc2..=0xdf => (1, c & 0x1f),
            0xe0..=0xef => (2, c & 0x0f),
            0xf0..=0xf4 => (3, c & 0x07),
            0xc0 | 0xc1 | 0xf5..=0xf7 => {
                if left > 0 {
                    bad(&mut out);
                }
                bad(&mut out);
                left = 0;
                continue;
            }
            0xf8.. => {
                bad(&mut out);
                left = 0;
                continue;
            }
        };
        if left > 0 {
            bad(&mut out);
        }
        (left, code) = (more, u32::from(bits));
    }
    Cow::Owned(out)
}

fn utf32(bytes: &[u8], word: fn([u8; 4]) -> u32) -> Cow<'_, [u8]> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((chunk, tail)) = rest.split_first_chunk::<4>() {
        push(&mut out, char::from_u32(word(*chunk)).unwrap_or(char::REPLACEMENT_CHARACTER));
        rest = tail;
    }
    if !rest.is_empty() {
        push(&mut out, char::REPLACEMENT_CHARACTER);
    }
    Cow::Owned(out)
}

/// UTF-7 and its IMAP dialect, told apart by the shift character.
fn utf7(bytes: &[u8], shift: u8) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((&c, tail)) = rest.split_first() {
        rest = tail;
        if c != shift {
            push(&mut out, if c < 0x80 { char::from(c) } else { char::REPLACEMENT_CHARACTER });
            continue;
        }
        if let Some(after) = rest.strip_prefix(b"-") {
            out.push(shift);
            rest = after;
            continue;
        }
        let is_imap = shift == b'&';
        let run = rest
            .iter()
            .position(|&c| {
                !(c.is_ascii_alphanumeric() || c == b'+' || c == if is_imap { b',' } else { b'/' })
            })
            .unwrap_or(rest.len());
        let (text, tail) = rest.split_at(run);
        let text: Vec<u8> = text.iter().map(|&c| if is_imap && c == b',' { b'/' } else { c }).collect();
        let units = transfer::base64(&text, &transfer::STANDARD);
        let units =
            units.chunks_exact(2).filter_map(|pair| pair.first_chunk().map(|pair| u16::from_be_bytes(*pair)));
        for c in char::decode_utf16(units) {
            push(&mut out, c.unwrap_or(char::REPLACEMENT_CHARACTER));
        }
        rest = tail.strip_prefix(b"-").unwrap_or(tail);
    }
    out
}

/// ISO-2022 with SO and SI around double-byte text; designations are dropped.
fn shifted(bytes: &[u8], encoding: &'static encoding_rs::Encoding) -> Vec<u8> {
    let mut eight_bit = Vec::with_capacity(bytes.len());
    let mut is_shifted = false;
    let mut rest = bytes;
    while let Some((&c, tail)) = rest.split_first() {
        rest = tail;
        match c {
            0x1b => {
                // ESC $ ) C, ESC $ * H, ESC N ...: intermediate bytes and a final one
                let skip = rest.iter().take_while(|c| (0x20..0x30).contains(*c)).count();
                rest = rest.get((skip + 1).min(rest.len())..).unwrap_or_default();
            }
            0x0e => is_shifted = true,
            0x0f => is_shifted = false,
            b'\r' | b'\n' => {
                is_shifted = false;
                eight_bit.push(c);
            }
            0x21..=0x7e if is_shifted => eight_bit.push(c | 0x80),
            _ => eight_bit.push(c),
        }
    }
    encoding.decode_without_bom_handling(&eight_bit).0.into_owned().into_bytes()
}

/// GB 2312 between `~{` and `~}`.
fn hz(bytes: &[u8]) -> Vec<u8> {
    let mut eight_bit = Vec::with_capacity(bytes.len());
    let mut is_gb = false;
    let mut rest = bytes;
    while let Some((&c, tail)) = rest.split_first() {
        rest = tail;
        match (c, rest.first(), is_gb) {
            (b'~', Some(b'{'), false) => {
                is_gb = true;
                rest = rest.get(1..).unwrap_or_default();
            }
            (b'~', Some(b'}'), true) => {
                is_gb = false;
                rest = rest.get(1..).unwrap_or_default();
            }
            (b'~', Some(b'~'), false) => {
                eight_bit.push(b'~');
                rest = rest.get(1..).unwrap_or_default();
            }
            (b'~', Some(b'\n'), false) => rest = rest.get(1..).unwrap_or_default(),
            (b'\n', _, _) => {
                is_gb = false;
                eight_bit.push(c);
            }
            (0x21..=0x7e, _, true) => eight_bit.push(c | 0x80),
            _ => eight_bit.push(c),
        }
    }
    encoding_rs::GBK.decode_without_bom_handling(&eight_bit).0.into_owned().into_bytes()
}

/// UTF-8 whose supplementary characters are surrogate pairs of three bytes each.
fn cesu8(bytes: &[u8]) -> Vec<u8> {
    let mut units = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((&c, tail)) = rest.split_first() {
        let low = |at: usize| tail.get(at).filter(|c| (0x80..0xc0).contains(*c)).map(|c| u16::from(c & 0x3f));
        let (unit, len) = match (c, low(0), low(1)) {
            (0..0x80, ..) => (u16::from(c), 0),
            (0xc2..=0xdf, Some(a), _) => (u16::from(c & 0x1f) << 6 | a, 1),
            (0xe0..=0xef, Some(a), Some(b)) => (u16::from(c & 0x0f) << 12 | a << 6 | b, 2),
            _ => (0xfffd, 0),
        };
        units.push(unit);
        rest = tail.get(len..).unwrap_or_default();
    }
    char::decode_utf16(units)
        .map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect::<String>()
        .into_bytes()
}
