//! The message on its way from DATA to the staging file (C: savemsg(), spool_fill_hdrcache()).
//!
//! In front go Return-Path, Received, X-Cyrus-Session-Id and X-Sieve; an incoming Return-Path is
//! left out; a missing Message-ID and Date are added behind the last field. Field names are
//! checked, 8-bit octets of field bodies refused or made `X` as configured. Line ends are CRLF
//! here and dots undone (`data`). Memory does not grow with the message: of the header only the
//! fields named in [`Notes`] are kept, and of these a bounded length.

use libcyrus::mime::copy::EightBit;
use libcyrus::store::Error;
use libcyrus::store::append::{Stage, Staged};

/// The most that is kept of one noted field.
const NOTED_OCTETS: usize = 64 * 1024;

/// The longest field name that can be one of those looked for.
const NAME_OCTETS: usize = 32;

/// First bodies of the fields that the delivery looks at, unfolded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notes {
    /// Message-ID
    pub message_id: Option<Vec<u8>>,
    /// Date
    pub date: Option<Vec<u8>>,
    /// X-DeliveredInternalDate, the INTERNALDATE the sender asks for.
    pub internaldate: Option<Vec<u8>>,
    /// From, Subject and To, for the notifier, each line with its name.
    pub for_notifier: [Vec<u8>; 3],
}

/// What the added fields say.
#[derive(Clone, Debug)]
pub struct Additions {
    /// Complete lines in front of the header.
    pub in_front: Vec<u8>,
    /// Message-ID where there is none.
    pub message_id: Vec<u8>,
    /// Date where there is none.
    pub date: Vec<u8>,
}

/// Takes the content of DATA in pieces.
#[derive(Debug)]
pub struct Spool {
    /// `None` when the message is refused: the rest is read and dropped.
    stage: Result<Stage, Error>,
    octets_max: Option<u64>,
    octets: u64,
    header: Header,
    additions: Additions,
    out: Vec<u8>,
}

/// A message completely received.
#[derive(Debug)]
pub struct Spooled {
    /// Its file.
    pub staged: Staged,
    /// Its Message-ID, given or made.
    pub message_id: Vec<u8>,
    /// The text of its Date, given or made.
    pub date: Vec<u8>,
    /// What else was noted.
    pub notes: Notes,
}

/// Why there is none.
#[derive(Debug)]
pub enum Unspooled {
    /// The message is refused, or could not be stored.
    Store(Error),
    /// It has more octets than it may.
    TooLarge(u64),
}

impl Spool {
    /// Begins with a staging file.
    #[must_use]
    pub fn new(stage: Stage, additions: Additions, eight_bit: EightBit, octets_max: Option<u64>) -> Self {
        let mut spool = Self {
            stage: Ok(stage),
            octets_max,
            octets: 0,
            header: Header::new(eight_bit),
            additions,
            out: Vec::new(),
        };
        let in_front = std::mem::take(&mut spool.additions.in_front);
        spool.write(&in_front);
        spool
    }

    /// The message holds a NUL: it is refused.
    pub fn saw_nul(&mut self) {
        self.refuse(Error::ContainsNul);
    }

    /// Takes the next octets, their line ends being CRLF.
    pub fn take(&mut self, piece: &[u8]) {
        let mut rest = piece;
        if !self.header.is_over() {
            let mut out = std::mem::take(&mut self.out);
            out.clear();
            let taken = self.header.take(piece, &mut out);
            rest = piece.get(taken..).unwrap_or_default();
            self.write(&out);
            self.out = out;
            if let Some(error) = self.header.refusal() {
                self.refuse(error);
            } else if self.header.is_over() {
                self.end_header();
            }
        }
        self.write(rest);
    }

    /// Ends the message.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn finish(mut self) -> Result<Spooled, Unspooled> {
        if !self.header.is_over() {
            self.header.end();
            self.end_header();
        }
        if self.octets_max.is_some_and(|most| self.octets > most) {
            return Err(Unspooled::TooLarge(self.octets));
        }
        let staged = self.stage.and_then(Stage::finish).map_err(Unspooled::Store)?;
        let mut notes = self.header.notes;
        Ok(Spooled {
            staged,
            message_id: notes.message_id.take().unwrap_or(self.additions.message_id),
            date: notes.date.take().unwrap_or(self.additions.date),
            notes,
        })
    }

    /// Adds what is missing behind the last field, before the blank line.
    fn end_header(&mut self) {
        let mut lines = Vec::new();
        match &self.header.notes.message_id {
            Some(id) if id.is_empty() => self.refuse(Error::BadHeader),
            Some(_) => {}
            None => lines.extend([b"Message-ID: ".as_slice(), &self.additions.message_id, b"\r\n"].concat()),
        }
        if self.header.notes.date.is_none() {
            lines.extend([b"Date: ".as_slice(), &self.additions.date, b"\r\n"].concat());
        }
        self.write(&lines);
    }

    fn write(&mut self, bytes: &[u8]) {
        self.octets = self.octets.saturating_add(bytes.len() as u64);
        let is_too_large = self.octets_max.is_some_and(|most| self.octets > most);
        if let (Ok(stage), false) = (&mut self.stage, is_too_large) {
            if let Err(error) = stage.write(bytes) {
                self.stage = Err(error);
            }
        }
    }

    /// The first refusal stands; the staging file goes.
    fn refuse(&mut self, error: Error) {
        if self.stage.is_ok() {
            self.stage = Err(error);
        }
    }
}

/// Where in the header the scanner is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// At the start of a line.
    Line,
    /// In a field name.
    Name,
    /// Behind the name, before the colon.
    Colon,
    /// In a field body.
    Body,
    /// A CR was met in it.
    BodyCr,
    /// Behind the CRLF of a body: a blank goes on with it.
    BodyLine,
    /// The header is over, or refused.
    Over,
}

/// Copies the fields of a header, checks and notes them.
#[derive(Debug)]
struct Header {
    at: At,
    eight_bit: EightBit,
    name: Vec<u8>,
    /// This field is left out.
    skips: bool,
    /// The body of a field to be noted; `None` when it is not.
    body: Option<Vec<u8>>,
    /// Only blanks of the body were met.
    body_is_blank: bool,
    refusal: Option<Error>,
    notes: Notes,
}

impl Header {
    fn new(eight_bit: EightBit) -> Self {
        Self {
            at: At::Line,
            eight_bit,
            name: Vec::new(),
            skips: false,
            body: None,
            body_is_blank: true,
            refusal: None,
            notes: Notes::default(),
        }
    }

    fn is_over(&self) -> bool {
        self.at == At::Over
    }

    fn refusal(&mut self) -> Option<Error> {
        self.refusal.take()
    }

    /// The message ended here.
    fn end(&mut self) {
        if matches!(self.at, At::Body | At::BodyCr | At::BodyLine) {
            self.note();
        }
        self.at = At::Over;
    }

    fn refuse(&mut self, error: Error) {
        self.refusal = Some(error);
        self.at = At::Over;
    }

    /// Takes octets up to the blank line (which is not taken) and appends what stays of them to
    /// `out`; tells how many it took.
    fn take(&mut self, piece: &[u8], out: &mut Vec<u8>) -> usize {
        let mut taken = 0;
        while let Some(&octet) = piece.get(taken) {
            match (self.at, octet) {
                (At::Over, _) => break,
                (At::BodyLine, b' ' | b'\t') => {
                    self.at = At::Body;
                    continue;
                }
                (At::BodyLine, _) => {
                    self.note();
                    self.at = At::Line;
                    continue;
                }
                (At::Line, b'\r') => {
                    self.at = At::Over;
                    break;
                }
                (At::Line | At::Name, b'!'..=b'9' | b';'..=b'~') => {
                    if self.at == At::Line {
                        self.name.clear();
                        self.at = At::Name;
                    }
                    // Longer ones are none of those looked for; they are written as they come.
                    if self.name.len() == NAME_OCTETS {
                        out.extend_from_slice(&self.name);
                    }
                    if self.name.len() >= NAME_OCTETS {
                        out.push(octet);
                    }
                    if self.name.len() <= NAME_OCTETS {
                        self.name.push(octet);
                    }
                }
                (At::Name, b':' | b' ' | b'\t') => self.end_name(octet, out),
                (At::Colon, b':' | b' ' | b'\t') => {
                    if octet == b':' {
                        self.at = At::Body;
                    }
                    self.put(octet, out);
                }
                (At::Line | At::Name | At::Colon, _) => self.refuse(Error::BadHeader),
                (At::Body, b'\r') => self.at = At::BodyCr,
                // Line ends are CRLF here, so nothing but LF follows.
                (At::BodyCr, _) => {
                    self.put(b'\r', out);
                    self.put(b'\n', out);
                    self.at = At::BodyLine;
                }
                (At::Body, _) => {
                    let run = self.body_run(piece.get(taken..).unwrap_or_default(), out);
                    taken += run.max(1);
                    continue;
                }
            }
            taken += 1;
        }
        taken
    }

    fn put(&self, octet: u8, out: &mut Vec<u8>) {
        if !self.skips {
            out.push(octet);
        }
    }

    /// The octets of a body line; gives how many there are.
    fn body_run(&mut self, piece: &[u8], out: &mut Vec<u8>) -> usize {
        let length = memchr::memchr(b'\r', piece).unwrap_or(piece.len());
        let run = piece.get(..length).unwrap_or_default();
        let is_foreign = !run.is_ascii();
        if is_foreign && self.eight_bit == EightBit::Reject {
            self.refuse(Error::Contains8Bit);
            return length;
        }
        let munged: Vec<u8>;
        let run = if is_foreign && self.eight_bit == EightBit::Munge {
            munged = run.iter().map(|&octet| if octet >= 0x80 { b'X' } else { octet }).collect();
            &munged
        } else {
            run
        };
        if !self.skips {
            out.extend_from_slice(run);
        }
        if let Some(body) = &mut self.body {
            let mut run = run;
            if self.body_is_blank {
                let start = run.iter().position(|octet| !b" \t".contains(octet)).unwrap_or(run.len());
                run = run.get(start..).unwrap_or_default();
            }
            self.body_is_blank &= run.is_empty();
            let room = NOTED_OCTETS.saturating_sub(body.len());
            body.extend_from_slice(run.get(..room).unwrap_or(run));
        }
        length
    }

    fn end_name(&mut self, octet: u8, out: &mut Vec<u8>) {
        self.skips = self.name.eq_ignore_ascii_case(b"return-path");
        self.body = slot(&mut self.notes, &self.name).map(|_| Vec::new());
        self.body_is_blank = true;
        if !self.skips && self.name.len() <= NAME_OCTETS {
            out.extend_from_slice(&self.name);
        }
        self.put(octet, out);
        self.at = if octet == b':' { At::Body } else { At::Colon };
    }

    /// A field is over: its body is noted.
    fn note(&mut self) {
        let Some(body) = self.body.take() else { return };
        match slot(&mut self.notes, &self.name) {
            Some(Slot::First(place)) => {
                place.get_or_insert(body);
            }
            Some(Slot::Notifier(n)) => {
                let name = NOTIFIER_FIELDS.get(n).copied().unwrap_or_default();
                if let Some(lines) = self.notes.for_notifier.get_mut(n).filter(|l| l.len() < NOTED_OCTETS) {
                    lines.extend([name.as_bytes(), b": ", &body, b"\n"].concat());
                }
            }
            None => {}
        }
    }
}

/// Fields told to the notifier, in the order they are told.
const NOTIFIER_FIELDS: [&str; 3] = ["From", "Subject", "To"];

enum Slot<'n> {
    First(&'n mut Option<Vec<u8>>),
    Notifier(usize),
}

fn slot<'n>(notes: &'n mut Notes, name: &[u8]) -> Option<Slot<'n>> {
    let first = match name {
        _ if name.eq_ignore_ascii_case(b"message-id") => &mut notes.message_id,
        _ if name.eq_ignore_ascii_case(b"date") => &mut notes.date,
        _ if name.eq_ignore_ascii_case(b"x-deliveredinternaldate") => &mut notes.internaldate,
        _ => {
            let is_it = |field: &&str| field.as_bytes().eq_ignore_ascii_case(name);
            return NOTIFIER_FIELDS.iter().position(is_it).map(Slot::Notifier);
        }
    };
    Some(Slot::First(first))
}

#[cfg(test)]
mod tests {
    use super::*;
    use libcyrus::store::{Settings, Store};
    use std::sync::Arc;

    struct Case {
        text: Vec<u8>,
        id: Vec<u8>,
        notes: Notes,
    }

    /// The staged message, taken whole and octet by octet, which must agree.
    fn run(message: &[u8], eight_bit: EightBit) -> Result<Case, String> {
        let take = |size: usize| {
            let dir = tempfile::tempdir().expect("tempdir");
            let store = Arc::new(Store::new(Settings::default()));
            let stage = Stage::create(&store, dir.path()).expect("stage");
            let additions = Additions {
                in_front: b"Return-Path: <>\r\n".to_vec(),
                message_id: b"<made>".to_vec(),
                date: b"today".to_vec(),
            };
            let mut spool = Spool::new(stage, additions, eight_bit, Some(10_000));
            for piece in message.chunks(size) {
                spool.take(piece);
            }
            spool
                .finish()
                .map(|done| {
                    let text = done.staged.message().expect("read").to_vec();
                    Case { text, id: done.message_id, notes: done.notes }
                })
                .map_err(|refused| match refused {
                    Unspooled::Store(error) => error.to_string(),
                    Unspooled::TooLarge(octets) => octets.to_string(),
                })
        };
        let (whole, piecewise) = (take(usize::MAX), take(1));
        assert_eq!(
            whole.as_ref().map(|case| case.text.escape_ascii().to_string()),
            piecewise.as_ref().map(|case| case.text.escape_ascii().to_string())
        );
        whole
    }

    fn check(message: &str, expected: Result<&str, &str>) {
        let found = run(message.as_bytes(), EightBit::Munge);
        let found = found.map(|case| String::from_utf8_lossy(&case.text).into_owned());
        let expected = expected.map(|text| format!("Return-Path: <>\r\n{text}")).map_err(str::to_owned);
        assert_eq!(found, expected, "{message:?}");
    }

    #[test]
    fn what_is_missing_is_added_before_the_blank_line() {
        check(
            "Subject: x\r\n\r\nbody\r\n",
            Ok("Subject: x\r\nMessage-ID: <made>\r\nDate: today\r\n\r\nbody\r\n"),
        );
        check("date: y\r\n", Ok("date: y\r\nMessage-ID: <made>\r\n"));
        check("\r\nbody", Ok("Message-ID: <made>\r\nDate: today\r\n\r\nbody"));
        check("", Ok("Message-ID: <made>\r\nDate: today\r\n"));
        let all = "Message-Id : <a>\r\nDATE:\r\n";
        check(all, Ok(all));
    }

    #[test]
    fn an_incoming_return_path_goes_with_its_folds() {
        check(
            "Message-ID:<a>\r\nReturn-Path: <a\r\n b>\r\nDate: d\r\nRETURN-PATH :\r\n\r\nReturn-Path: stays\r\n",
            Ok("Message-ID:<a>\r\nDate: d\r\n\r\nReturn-Path: stays\r\n"),
        );
    }

    #[test]
    fn lines_that_are_no_field_refuse_the_message() {
        for text in ["no header, no date\r\n", "a\r\n", " x: y\r\n", "a b: c\r\n", ": x\r\n", "\u{e4}: x\r\n"]
        {
            check(text, Err("Message contains invalid header"));
        }
        check("Message-ID:  \r\n\r\n", Err("Message contains invalid header"));
    }

    #[test]
    fn foreign_octets_of_the_header_are_met_as_configured() {
        let message = "Date: d\r\nMessage-ID: <a>\r\nSubject: \u{e4}\r\n \u{e4}\r\n\r\n\u{e4}".as_bytes();
        let text = |eight_bit| run(message, eight_bit).map(|case| case.text);
        let body = "\r\n\r\n\u{e4}".as_bytes();
        assert!(
            text(EightBit::Munge).is_ok_and(|text| text.ends_with(&[b"Subject: XX\r\n XX", body].concat()))
        );
        assert!(text(EightBit::Pass).is_ok_and(|text| text.ends_with(message)));
        assert_eq!(text(EightBit::Reject), Err("Message contains non-ASCII characters in headers".into()));
    }

    #[test]
    fn noted_fields_are_unfolded_and_the_first_counts() {
        let message =
            b"Message-ID: \r\n <a>\r\nMessage-ID: <b>\r\nsubject: a\r\n\tb\r\nTo: c\r\nto: d\r\n\r\n";
        let case = run(message, EightBit::Munge).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(case.id, b"<a>");
        let [from, subject, to] = case.notes.for_notifier;
        assert_eq!((from, subject, to), (vec![], b"Subject: a\tb\n".to_vec(), b"To: c\nTo: d\n".to_vec()));
    }

    #[test]
    fn a_name_longer_than_any_known_passes() {
        let line = format!("X-{}: y\r\n", "n".repeat(100));
        check(&line, Ok(&format!("{line}Message-ID: <made>\r\nDate: today\r\n")));
        check(&format!("{}\r\n", "n".repeat(100)), Err("Message contains invalid header"));
    }

    #[test]
    fn a_message_past_the_limit_is_counted_but_not_kept() {
        let message = format!("Date: d\r\nMessage-ID: <a>\r\n\r\n{}", "x".repeat(20_000));
        assert_eq!(
            run(message.as_bytes(), EightBit::Munge).map(|_| ()),
            Err((message.len() + 17).to_string())
        );
    }
}
