//! Encoded words (RFC 2047) as C reads them.

use super::Charset;
use super::searchform::{SearchFlags, fold_utf8};
use super::transfer::{self, In};
use crate::address::is_space;

/// A header value as UTF-8: encoded words decoded, case and blanks kept. Raw 8-bit text is U+FFFD unless `utf8`.
/// An encoded NUL ends it. C: charset_parse_mimeheader()
#[must_use]
pub fn parse_mimeheader(value: &[u8], utf8: bool) -> Vec<u8> {
    let mut out = decode(value, utf8);
    if let Some(end) = memchr::memchr(0, &out) {
        out.truncate(end);
    }
    out
}

fn decode(value: &[u8], utf8: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len());
    let mut plain =
        Plain { charset: if utf8 { Charset::UTF_8 } else { Charset::US_ASCII }, at_cr: Fold::None };
    // the words of one charset and encoding that stand together, not yet decoded
    let mut run: Option<Run> = None;
    let value = memchr::memchr(0, value).and_then(|end| value.get(..end)).unwrap_or(value);
    let (mut copied, mut scan, mut after_word) = (0, 0, false);
    while let Some(equals) = value.get(scan..).and_then(|v| memchr::memchr(b'=', v)).map(|at| at + scan) {
        let word = match Word::at(value, equals) {
            Ok(word) => word,
            Err(next) => {
                scan = next;
                continue;
            }
        };
        let before = value.get(copied..equals).unwrap_or_default();
        if !(after_word && before.iter().all(|&c| is_space(c))) {
            if let Some(run) = run.take() {
                run.finish(&mut out);
            }
            plain.write(&mut out, before);
        }
        match (Charset::lookup(word.charset), &mut run) {
            (None, _) => {
                if let Some(run) = run.take() {
                    run.finish(&mut out);
                }
                out.extend("\u{fffd}".bytes());
            }
            (Some(charset), Some(run)) if run.charset == charset && run.is_q == word.is_q => {
                run.add(word.text)
            }
            (Some(charset), _) => {
                if let Some(run) = run.take() {
                    run.finish(&mut out);
                }
                let mut new = Run { charset, is_q: word.is_q, words: Vec::new() };
                new.add(word.text);
                run = Some(new);
            }
        }
        copied = word.end;
        scan = word.end;
        after_word = true;
    }
    if let Some(run) = run.take() {
        run.finish(&mut out);
    }
    plain.write(&mut out, value.get(copied..).unwrap_or_default());
    out
}

/// A header value in search form: encoded words decoded, then folded. C: charset_decode_mimeheader()
#[must_use]
pub fn mimeheader_search_form(value: &[u8], flags: SearchFlags) -> Vec<u8> {
    fold_utf8(&decode(value, flags.mime_utf8), flags)
}

/// One encoded word.
struct Word<'a> {
    charset: &'a [u8],
    is_q: bool,
    text: &'a [u8],
    end: usize,
}

impl<'a> Word<'a> {
    /// The word whose `=` is at `equals`, or where to look for the next one.
    fn at(value: &'a [u8], equals: usize) -> Result<Self, usize> {
        let byte = |at: usize| value.get(at).copied().unwrap_or(0);
        let start = equals + 1;
        if byte(start) != b'?' {
            return Err(start);
        }
        let find = |from: usize, stops: &[u8]| {
            let rest = value.get(from..).unwrap_or_default();
            rest.iter().position(|c| stops.contains(c)).map_or(value.len(), |at| at + from)
        };
        let name = start + 1;
        let mark = find(name, b"=?");
        if byte(mark) != b'?' {
            return Err(mark);
        }
        let is_q = match byte(mark + 1) {
            b'q' | b'Q' => true,
            b'b' | b'B' => false,
            _ => return Err(mark),
        };
        if byte(mark + 2) != b'?' {
            return Err(mark);
        }
        let text = mark + 3;
        let mut end = text;
        loop {
            end = find(end, b"=?");
            // another word starts inside this one
            if byte(end) == b'=' && (byte(end + 1) != b'?' || byte(end + 2) == b'=') {
                end += 1;
                continue;
            }
            break;
        }
        if byte(end) != b'?' || byte(end + 1) != b'=' {
            return Err(end);
        }
        let name = value.get(name..mark).unwrap_or_default();
        let star = memchr::memchr(b'*', name).unwrap_or(name.len());
        Ok(Self {
            charset: name.get(..star).unwrap_or_default(),
            is_q,
            text: value.get(text..end).unwrap_or_default(),
            end: end + 2,
        })
    }
}

struct Run {
    charset: Charset,
    is_q: bool,
    words: Vec<Vec<u8>>,
}

impl Run {
    /// Base64 may break anywhere between words, so their text is joined; quoted words are whole octets.
    fn add(&mut self, text: &[u8]) {
        let text = if self.is_q { transfer::quoted_printable(text, In::Header) } else { text.to_vec() };
        self.words.push(text);
    }

    /// A UTF-8 character may be broken across words; in other charsets each word stands for itself.
    fn finish(self, out: &mut Vec<u8>) {
        if self.charset == Charset::UTF_8 || self.words.len() == 1 {
            let joined = self.words.concat();
            let bytes = if self.is_q { joined } else { transfer::base64(&joined, &transfer::STANDARD) };
            out.extend(&*self.charset.decode(&bytes));
            return;
        }
        for word in &self.words {
            let decoded;
            let bytes = if self.is_q {
                word
            } else {
                decoded = transfer::base64(word, &transfer::STANDARD);
                &decoded
            };
            out.extend(&*self.charset.decode(bytes));
        }
    }
}

/// How far the CRLF of a fold has been seen.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fold {
    None,
    Cr,
    CrLf,
}

/// Text outside words, unfolded: CRLF before a blank vanishes.
struct Plain {
    charset: Charset,
    at_cr: Fold,
}

impl Plain {
    fn write(&mut self, out: &mut Vec<u8>, text: &[u8]) {
        if self.at_cr == Fold::None && memchr::memchr(b'\r', text).is_none() {
            out.extend(&*self.charset.decode(text));
            return;
        }
        let mut unfolded = Vec::with_capacity(text.len());
        for &c in text {
            match (self.at_cr, c) {
                (Fold::None, b'\r') => self.at_cr = Fold::Cr,
                (Fold::None, _) => unfolded.push(c),
                (Fold::Cr, b'\n') => self.at_cr = Fold::CrLf,
                (Fold::Cr, _) => {
                    unfolded.extend([b'\r', c]);
                    self.at_cr = Fold::None;
                }
                (Fold::CrLf, b' ' | b'\t') => {
                    unfolded.push(c);
                    self.at_cr = Fold::None;
                }
                (Fold::CrLf, _) => {
                    unfolded.extend([b'\r', b'\n', c]);
                    self.at_cr = Fold::None;
                }
            }
        }
        out.extend(&*self.charset.decode(&unfolded));
    }
}
