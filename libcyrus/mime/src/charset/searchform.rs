//! The search form of text: case, compatibility forms and blanks levelled.

use super::tables::searchform::{FOLDED, FOLDS, PAGES};

/// What the search form does to text (C: CHARSET_*).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "each mirrors an option of imapd.conf")]
pub struct SearchFlags {
    /// `search_skipdiacrit`: diacritical marks are dropped.
    pub skip_diacritics: bool,
    /// `search_whitespace`.
    pub space: Space,
    /// `search_skiphtml`: TEXT/HTML is not indexed.
    pub skip_html: bool,
    /// Letters keep their case and form (not used by SEARCH).
    pub keep_case: bool,
    /// `rfc2047_utf8`: raw UTF-8 in headers is kept.
    pub mime_utf8: bool,
}

/// White space in the search form (`search_whitespace`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Space {
    /// `none`: every blank stays.
    Keep,
    /// `merge`: a run is one space.
    #[default]
    Merge,
    /// `skip`: all go.
    Skip,
}

/// The search form of UTF-8 text. C: charset_utf8_to_searchform()
#[must_use]
pub fn fold_utf8(text: &[u8], flags: SearchFlags) -> Vec<u8> {
    let mut folder = Folder { out: Vec::with_capacity(text.len()), flags, after_space: false };
    for chunk in text.utf8_chunks() {
        for c in chunk.valid().chars() {
            match (flags.keep_case, c.is_ascii()) {
                (true, _) => folder.keep(c),
                (false, true) => folder.ascii(c),
                (false, false) => folder.other(c),
            }
        }
        if !chunk.invalid().is_empty() {
            folder.push(char::REPLACEMENT_CHARACTER);
        }
    }
    folder.out
}

struct Folder {
    out: Vec<u8>,
    flags: SearchFlags,
    after_space: bool,
}

impl Folder {
    fn push(&mut self, c: char) {
        self.out.extend(c.encode_utf8(&mut [0; 4]).bytes());
    }

    fn space(&mut self, c: char) {
        match self.flags.space {
            Space::Skip => {}
            Space::Merge if self.after_space => {}
            Space::Merge => {
                self.after_space = true;
                self.out.push(b' ');
            }
            Space::Keep => self.push(c),
        }
    }

    fn keep(&mut self, c: char) {
        match c {
            ' ' | '\r' | '\n' => self.space(c),
            char::REPLACEMENT_CHARACTER => self.push(c),
            _ => {
                self.after_space = false;
                self.push(c);
            }
        }
    }

    fn ascii(&mut self, c: char) {
        match c {
            '\0' => {}
            ' ' | '\t'..='\r' => self.space(' '),
            _ => {
                self.after_space = false;
                self.push(c.to_ascii_uppercase());
            }
        }
    }

    fn other(&mut self, c: char) {
        let code = u32::from(c);
        let page = usize::try_from(code >> 8).unwrap_or(0);
        let is_known = PAGES.get(page >> 6).is_some_and(|word| word >> (page & 63) & 1 == 1);
        if c == char::REPLACEMENT_CHARACTER || !is_known {
            // as in C such a character does not end a run of blanks
            self.push(c);
            return;
        }
        let Ok(index) = FOLDED.binary_search(&code) else {
            self.after_space = false;
            if !(self.flags.skip_diacritics && (0x300..=0x36f).contains(&code)) {
                self.push(c);
            }
            return;
        };
        let text = FOLDS.get(index).unwrap_or_default();
        match text {
            "" => {}
            " " => self.space(' '),
            _ => {
                self.after_space = false;
                let is_single = text.chars().nth(1).is_none();
                for c in text.chars() {
                    // pieces of a longer form are dropped up to U+03FF, as C always did
                    let last = if is_single { 0x36f } else { 0x3ff };
                    if !(self.flags.skip_diacritics && (0x300..=last).contains(&u32::from(c))) {
                        self.push(c);
                    }
                }
            }
        }
    }
}
