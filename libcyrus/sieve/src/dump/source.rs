//! The form of a script: `sieved -s`. C: generate_script()
//!
//! What C writes is not always a script that compiles again: `redirect` lacks its name, `date` its header, some tests
//! have other names; it is written the same here.

use super::{
    Dump, NO_MAGIC, Reader, Stop, TestHead, Value, Values, address_part, clock, date_part, indented,
    transform,
};
use crate::code::{
    AddressPart, Comparator, DuplicateId, Location, Match, Op, Priority, REQUIRES_VARIABLES, Relation,
    SizeSide, Test, Transform, Zone, imip, include, modifier, snooze,
};
use crate::settings::{Capabilities, Capability as C};

const DAY_S: i32 = 86400;
/// Blocks in blocks; each `elsif` counts as one in the one before.
const MAX_BLOCKS: usize = 2000;
/// A line of `require` is broken after so many characters.
const REQUIRE_WIDTH: usize = 60;

/// The script of a file.
pub fn source(file: &[u8]) -> Dump {
    let mut dump = Dump { text: b"\n".to_vec(), ..Dump::default() };
    if file.is_empty() {
        dump.code = 1;
        return dump;
    }
    let Some(mut reader) = Reader::new(file) else {
        dump.complaint = NO_MAGIC.to_vec();
        return dump;
    };
    let mut out = Out { text: Vec::new(), requires: Capabilities::default() };
    if reader.requires & REQUIRES_VARIABLES as i32 != 0 {
        out.requires.insert(C::Variables);
    }
    let end = reader.length();
    match out.block(&mut reader, end, false, 0, 0) {
        Ok(()) => {
            dump.text.extend(require(out.requires));
            dump.text.append(&mut out.text);
        }
        Err(Stop::Broken) => (dump.complaint, dump.code) = (reader.broken(), 1),
        Err(Stop::NoOperation(word)) => {
            (dump.complaint, dump.code) = (format!("{word} (NOT AN OP)\n").into_bytes(), 1);
        }
    }
    dump
}

/// The `require` command and an empty line, or nothing.
fn require(capabilities: Capabilities) -> Vec<u8> {
    let names: Vec<&str> = C::all().filter(|capability| capabilities.has(*capability)).map(C::name).collect();
    if names.is_empty() {
        return Vec::new();
    }
    let mut text = String::from("require [");
    let (mut width, mut separator) = (0, "");
    for name in names {
        if width > REQUIRE_WIDTH {
            separator = ",\n          ";
            width = 0;
        }
        let piece = format!("{separator}\"{name}\"");
        width += piece.len();
        text.push_str(&piece);
        separator = ", ";
    }
    text.push_str("];\n\n");
    text.into_bytes()
}

struct Out {
    text: Vec<u8>,
    requires: Capabilities,
}

impl Out {
    fn say(&mut self, text: &str) {
        self.text.extend_from_slice(text.as_bytes());
    }

    /// Begins a line.
    fn word(&mut self, indent: usize, word: &str) {
        self.fill(indent);
        self.say(word);
    }

    fn fill(&mut self, indent: usize) {
        self.text.extend(std::iter::repeat_n(b' ', indent));
    }

    fn fold(&mut self, indent: usize) {
        self.say("\n");
        self.fill(indent);
    }

    fn need(&mut self, capability: C) {
        self.requires.insert(capability);
    }

    fn switch(&mut self, tag: &str, on: bool) {
        if on {
            self.say(" ");
            self.say(tag);
        }
    }

    fn switch_of(&mut self, tag: &str, on: bool, capability: C) {
        if on {
            self.need(capability);
        }
        self.switch(tag, on);
    }

    fn number(&mut self, tag: &str, number: i32) {
        self.say(&format!(" {tag} {number}"));
    }

    /// A string that is neither nil nor empty, behind its tag (perhaps empty); true: it was written.
    fn string(&mut self, tag: &str, text: Option<&[u8]>) -> bool {
        let Some(text) = text.filter(|text| !text.is_empty()) else { return false };
        if !tag.is_empty() {
            self.say(" ");
            self.say(tag);
        }
        if text.contains(&b'\n') {
            self.say(" text:\n");
            self.text.extend_from_slice(text);
            self.say(if text.ends_with(b"\n") { ".\n" } else { "\n.\n" });
        } else {
            self.say(if text.starts_with(b"\\") { " \"\\" } else { " \"" });
            self.text.extend_from_slice(text);
            self.say("\"");
        }
        true
    }

    fn string_of(&mut self, tag: &str, text: Option<&[u8]>, capability: C) {
        if self.string(tag, text) {
            self.need(capability);
        }
    }

    /// A list that is not empty, behind its tag (perhaps empty); true: it was written.
    fn strings(&mut self, tag: &str, texts: &[Option<&[u8]>]) -> bool {
        if texts.is_empty() {
            return false;
        }
        if !tag.is_empty() {
            self.say(" ");
            self.say(tag);
        }
        let mut separator = if texts.len() == 1 { " " } else { " [" };
        for text in texts {
            let text = text.unwrap_or_default();
            self.say(separator);
            self.say(if text.starts_with(b"\\") { "\"\\" } else { "\"" });
            self.text.extend_from_slice(text);
            self.say("\"");
            separator = ", ";
        }
        if texts.len() > 1 {
            self.say("]");
        }
        true
    }

    fn strings_of(&mut self, tag: &str, texts: &[Option<&[u8]>], capability: C) {
        if self.strings(tag, texts) {
            self.need(capability);
        }
    }

    fn index(&mut self, index: i32, is_extension: bool) {
        if index != 0 {
            if is_extension {
                self.need(C::Index);
            }
            self.number(":index", index.wrapping_abs());
            self.switch(":last", index < 0);
        }
    }

    /// The comparator whose three words begin at `at`.
    fn comparator(&mut self, v: &Values<'_>, at: usize) {
        self.collated(v.int(at), v.int(at + 1), Comparator::from_word(v.int(at + 2)));
    }

    fn collated(&mut self, matching: i32, relation: i32, comparator: Option<Comparator>) {
        match Match::from_word(matching) {
            Some(Match::Contains) => self.say(" :contains"),
            Some(Match::Matches) => self.say(" :matches"),
            Some(Match::Regex) => {
                self.say(" :regex");
                self.need(C::Regex);
            }
            Some(Match::List) => {
                self.say(" :list");
                self.need(C::Extlists);
            }
            Some(matching @ (Match::Count | Match::Value)) => {
                self.say(if matching == Match::Count { " :count" } else { " :value" });
                self.need(C::Relational);
                self.say(match Relation::from_word(relation) {
                    Some(Relation::Gt) => " \"gt\"",
                    Some(Relation::Ge) => " \"ge\"",
                    Some(Relation::Lt) => " \"lt\"",
                    Some(Relation::Le) => " \"le\"",
                    Some(Relation::Ne) => " \"ne\"",
                    Some(Relation::Eq) => " \"eq\"",
                    None => "",
                });
            }
            Some(Match::Is) | None => {}
        }
        match comparator {
            Some(Comparator::Octet) => self.say(" :comparator \"i;octet\""),
            Some(Comparator::AsciiNumeric) => {
                self.say(" :comparator \"i;ascii-numeric\"");
                self.need(C::CompNumeric);
            }
            Some(Comparator::AsciiCasemap) | None => {}
        }
    }

    fn address_part(&mut self, word: i32) {
        if word != AddressPart::All.word() {
            self.say(&format!(" :{}", address_part(word)));
        }
    }

    fn zone(&mut self, v: &Values<'_>, at: usize) {
        if v.int(at) == Zone::Given.word() {
            self.string(":zone", v.text(at + 1));
        } else {
            self.switch(":originalzone", v.int(at) == Zone::Original.word());
        }
    }

    fn test(&mut self, reader: &mut Reader<'_>, indent: usize, depth: usize) -> Result<(), Stop> {
        let head = reader.test(depth)?;
        match head.kind {
            Test::Not => {
                self.say("not ");
                self.test(reader, indent, depth + 1)
            }
            Test::Anyof | Test::Allof => {
                self.say(if head.kind == Test::Anyof { "anyof (" } else { "allof (" });
                for i in 0..head.inner {
                    if i > 0 {
                        self.say(",");
                        self.fold(indent);
                    }
                    self.test(reader, indent, depth + 1)?;
                }
                self.say(")");
                Ok(())
            }
            _ => {
                self.simple_test(&head);
                Ok(())
            }
        }
    }

    fn simple_test(&mut self, head: &TestHead<'_>) {
        let v = &head.values;
        match head.kind {
            Test::False => self.say("false"),
            Test::True => self.say("true"),
            Test::Exists => {
                self.say("exists");
                self.strings("", v.texts(0));
            }
            Test::Size => {
                self.say("size");
                let side = if v.int(0) == SizeSide::Over.word() { ":over" } else { ":under" };
                self.number(side, v.int(1));
            }
            Test::Address => {
                self.say("address");
                self.index(v.int(0), true);
                self.comparator(v, 1);
                self.address_part(v.int(4));
                self.strings("", v.texts(5));
                self.strings("", v.texts(6));
            }
            Test::Envelope => {
                self.need(C::Envelope);
                self.say("envelope");
                self.address_part(v.int(3));
                self.comparator(v, 0);
                self.strings("", v.texts(4));
                self.strings("", v.texts(5));
            }
            Test::Header => {
                self.say("header");
                self.index(v.int(0), true);
                self.comparator(v, 1);
                self.strings("", v.texts(4));
                self.strings("", v.texts(5));
            }
            Test::Body => {
                self.need(C::Body);
                self.say("body");
                self.comparator(v, 0);
                if v.int(3) != Transform::Text.word() {
                    self.say(&format!(" :{}", transform(v.int(3))));
                    self.strings("", v.texts(5));
                }
                self.strings("", v.texts(6));
            }
            Test::DateOrig | Test::Date => {
                self.need(C::Date);
                self.say("date");
                self.index(v.int(0), true);
                self.zone(v, 1);
                self.comparator(v, 3);
                self.string("", date_part(v.int(6)).map(str::as_bytes));
                self.strings("", v.texts(8));
            }
            Test::CurrentdateOrig | Test::Currentdate => {
                self.need(C::Date);
                self.say("currentdate");
                self.zone(v, 0);
                self.comparator(v, 2);
                self.string("", date_part(v.int(5)).map(str::as_bytes));
                self.strings("", v.texts(6));
            }
            Test::Hasflag => self.lists("hasflag", C::Imap4flags, v),
            Test::String => self.lists("string", C::Variables, v),
            Test::Mailboxexists => self.list("mailboxexists", C::Mailbox, v),
            Test::Mailboxidexists => self.list("mailboxidexists", C::Mailboxid, v),
            Test::Servermetadataexists => self.list("servermetadataexists", C::Servermetadata, v),
            Test::ValidExtList => self.list("validlistext", C::Extlists, v),
            Test::ValidNotifyMethod => self.list("validnotifymethod", C::Enotify, v),
            Test::Ihave => self.list("ihave", C::Ihave, v),
            Test::Metadata => self.item("metadata", C::Mboxmetadata, v, true),
            Test::NotifyMethodCapability => self.item("notifymethodcapability", C::Enotify, v, true),
            Test::Servermetadata => self.item("servermetadata", C::Servermetadata, v, false),
            Test::Environment => self.item("environment", C::Environment, v, false),
            Test::Metadataexists | Test::SpecialuseExists => {
                let is_metadata = head.kind == Test::Metadataexists;
                self.need(if is_metadata { C::Mboxmetadata } else { C::SpecialUse });
                self.say(if is_metadata { "metadataexists" } else { "specialuseexists" });
                self.string("", v.text(0));
                self.strings("", v.texts(1));
            }
            Test::Duplicate => {
                self.need(C::Duplicate);
                self.say("duplicate");
                self.string(":handle", v.text(2));
                let unique = v.int(0) == DuplicateId::Uniqueid.word();
                self.string(if unique { ":uniqueid" } else { ":header" }, v.text(1));
                self.number(":seconds", v.int(3));
                self.switch(":last", v.int(4) != 0);
            }
            Test::Jmapquery => {
                self.need(C::Jmapquery);
                self.say("jmapquery");
                self.string("", indented(v.text(0)).as_deref());
            }
            // C writes nothing for the old forms.
            Test::AddressPreIndex | Test::HeaderPreIndex | Test::Not | Test::Anyof | Test::Allof => {}
        }
    }

    fn list(&mut self, name: &str, capability: C, v: &Values<'_>) {
        self.need(capability);
        self.say(name);
        self.strings("", v.texts(0));
    }

    fn lists(&mut self, name: &str, capability: C, v: &Values<'_>) {
        self.need(capability);
        self.say(name);
        self.comparator(v, 0);
        self.strings("", v.texts(3));
        self.strings("", v.texts(4));
    }

    fn item(&mut self, name: &str, capability: C, v: &Values<'_>, has_owner: bool) {
        self.need(capability);
        self.say(name);
        self.comparator(v, 0);
        self.string("", v.text(3));
        if has_owner {
            self.string("", v.text(4));
        }
        self.strings("", v.texts(if has_owner { 5 } else { 4 }));
    }

    /// Commands up to the word index `end`.
    fn block(
        &mut self,
        reader: &mut Reader<'_>,
        end: usize,
        mut elsif: bool,
        mut indent: usize,
        depth: usize,
    ) -> Result<(), Stop> {
        if depth > MAX_BLOCKS {
            return Err(Stop::Broken);
        }
        while reader.at < end {
            let (op, v) = reader.command()?;
            match op {
                Op::If => {
                    self.word(indent, if elsif { "elsif " } else { "if " });
                    self.test(reader, indent + 10 + 3 * usize::from(elsif), 0)?;
                    self.say(" {\n");
                    let (_, jump) = reader.command()?;
                    let end = usize::try_from(jump.int(0)).unwrap_or(0);
                    self.block(reader, end, false, indent + 4, depth + 1)?;
                    if !elsif {
                        self.word(indent, "}\n");
                    }
                }
                Op::Jump => {
                    let outer = indent.saturating_sub(4);
                    self.word(outer, "}\n");
                    if reader.word_at(reader.at) == Some(Op::If.word()) {
                        elsif = true;
                        indent = outer;
                    } else {
                        self.word(outer, "else {\n");
                    }
                    let end = usize::try_from(v.int(0)).unwrap_or(0);
                    self.block(reader, end, elsif, indent, depth + 1)?;
                }
                _ => {
                    self.command(op, &v, indent);
                    self.say(";\n");
                }
            }
        }
        Ok(())
    }

    fn command(&mut self, op: Op, v: &Values<'_>, indent: usize) {
        match op {
            Op::If | Op::Jump | Op::Null => {}
            Op::Stop => self.word(indent, "stop"),
            Op::KeepOrig | Op::KeepCopy | Op::Keep => {
                self.word(indent, "keep");
                self.strings_of(":flags", v.texts(0), C::Imap4flags);
            }
            Op::Discard => self.word(indent, "discard"),
            Op::Reject => self.message("reject", C::Reject, v, indent),
            Op::Ereject => self.message("ereject", C::Ereject, v, indent),
            Op::Error => self.message("error", C::Ihave, v, indent),
            Op::Log => self.message("log", C::Log, v, indent),
            Op::FileintoOrig
            | Op::FileintoCopy
            | Op::FileintoFlags
            | Op::FileintoCreate
            | Op::FileintoSpecialuse
            | Op::Fileinto => {
                let back = |n: usize| v.0.len().wrapping_sub(n);
                self.need(C::Fileinto);
                self.word(indent, "fileinto");
                self.folder(
                    v.int(back(2)),
                    v.int(back(4)),
                    v.text(back(5)),
                    v.text(back(6)),
                    v.texts(back(3)),
                );
                self.string("", v.text(back(1)));
            }
            Op::RedirectOrig | Op::RedirectCopy | Op::RedirectList | Op::Redirect => self.redirect(v, indent),
            Op::Mark => self.word(indent, "mark"),
            Op::Unmark => self.word(indent, "unmark"),
            Op::AddflagOrig | Op::Addflag => self.flags("addflag", v, indent),
            Op::SetflagOrig | Op::Setflag => self.flags("setflag", v, indent),
            Op::RemoveflagOrig | Op::Removeflag => self.flags("removeflag", v, indent),
            Op::Denotify => {
                self.need(C::Notify);
                self.word(indent, "denotify");
                if v.text(3).is_some() {
                    self.collated(v.int(1), v.int(2), None);
                    self.string("", v.text(3));
                }
                self.switch(":low", v.int(0) == Priority::Low.word());
                self.switch(":high", v.int(0) == Priority::High.word());
            }
            Op::Enotify => {
                self.need(C::Enotify);
                self.word(indent, "notify");
                self.string(":from", v.text(1));
                if v.int(3) != Priority::Normal.word() {
                    let importance: &[u8] = if v.int(3) == Priority::Low.word() { b"1" } else { b"3" };
                    self.string(":importance", Some(importance));
                }
                self.strings(":options", v.texts(2));
                self.string(":message", v.text(4));
                self.string("", v.text(0));
            }
            Op::Notify => {
                self.need(C::Notify);
                self.word(indent, "notify");
                self.string(":method", v.text(0));
                self.string(":id", v.text(1));
                self.switch(":low", v.int(3) == Priority::Low.word());
                self.switch(":high", v.int(3) == Priority::High.word());
                self.strings(":options", v.texts(2));
                self.string(":message", v.text(4));
            }
            Op::VacationOrig
            | Op::VacationSec
            | Op::VacationFccOrig
            | Op::VacationFccSpluse
            | Op::Vacation => {
                self.vacation(v, indent);
            }
            Op::Include => {
                let bits = v.int(0);
                self.need(C::Include);
                self.word(indent, "include");
                self.switch(":global", bits & include::LOCATION == Location::Global.word());
                self.switch(":once", bits & include::ONCE != 0);
                self.switch(":optional", bits & include::OPTIONAL != 0);
                self.string("", v.text(1));
            }
            Op::Set => {
                let has = |bit| v.int(0) & bit != 0;
                self.need(C::Variables);
                self.word(indent, "set");
                self.switch(":lower", has(modifier::LOWER));
                self.switch(":upper", has(modifier::UPPER));
                self.switch(":lowerfirst", has(modifier::LOWERFIRST));
                self.switch(":upperfirst", has(modifier::UPPERFIRST));
                self.switch(":quotewildcard", has(modifier::QUOTEWILDCARD));
                self.switch_of(":quoteregex", has(modifier::QUOTEREGEX), C::Regex);
                self.switch_of(":encodeurl", has(modifier::ENCODEURL), C::Enotify);
                self.switch(":length", has(modifier::LENGTH));
                self.string("", v.text(1));
                self.string("", v.text(2));
            }
            Op::Addheader => {
                self.need(C::Editheader);
                self.word(indent, "addheader");
                self.switch(":last", v.int(0) < 0);
                self.string("", v.text(1));
                self.string("", v.text(2));
            }
            Op::Deleteheader => {
                self.need(C::Editheader);
                self.word(indent, "deleteheader");
                self.index(v.int(0), false);
                self.comparator(v, 1);
                self.string("", v.text(4));
                self.strings("", v.texts(5));
            }
            Op::Return => {
                self.need(C::Include);
                self.word(indent, "return");
            }
            Op::SnoozeOrig | Op::SnoozeTzid | Op::Snooze => self.snooze(op, v, indent),
            Op::Processimip => {
                let has = |bit| v.int(0) & bit != 0;
                self.need(C::Imip);
                self.say("processimip");
                self.switch(":invitesonly", has(imip::INVITESONLY));
                self.switch(":updatesonly", has(imip::UPDATESONLY));
                self.switch(":deletecanceled", has(imip::DELETECANCELED));
                self.string(":calendarid", v.text(1));
                self.string(":outcome", v.text(2));
                self.string(":errstr", v.text(3));
            }
        }
    }

    fn message(&mut self, name: &str, capability: C, v: &Values<'_>, indent: usize) {
        self.need(capability);
        self.word(indent, name);
        self.string("", v.text(0));
    }

    fn flags(&mut self, name: &str, v: &Values<'_>, indent: usize) {
        self.need(C::Imap4flags);
        self.word(indent, name);
        let flags = v.0.len().wrapping_sub(1);
        self.string_of("", v.text(0), C::Variables);
        self.strings("", v.texts(flags));
    }

    /// The tags of a folder.
    fn folder(
        &mut self,
        copy: i32,
        create: i32,
        special_use: Option<&[u8]>,
        mailboxid: Option<&[u8]>,
        flags: &[Option<&[u8]>],
    ) {
        self.switch_of(":copy", copy != 0, C::Copy);
        self.switch_of(":create", create != 0, C::Mailbox);
        self.string_of(":specialuse", special_use, C::SpecialUse);
        self.string_of(":mailboxid", mailboxid, C::Mailboxid);
        self.strings_of(":flags", flags, C::Imap4flags);
    }

    fn redirect(&mut self, v: &Values<'_>, indent: usize) {
        let back = |n: usize| v.0.len().wrapping_sub(n);
        self.switch_of(":copy", v.int(back(2)) != 0, C::Copy);
        self.switch_of(":list", v.int(back(3)) != 0, C::Extlists);
        if v.0.len() > 3 {
            self.string_of(":notify", v.text(3), C::RedirectDsn);
            self.string_of(":ret", v.text(4), C::RedirectDsn);
            if let Some(time) = v.text(0) {
                self.need(C::RedirectDeliverby);
                match time.strip_prefix(b"+") {
                    Some(digits) => {
                        let digits = digits.iter().take_while(|byte| byte.is_ascii_digit());
                        let seconds = digits.fold(0i64, |seconds, digit| {
                            seconds.saturating_mul(10).saturating_add(i64::from(digit - b'0'))
                        });
                        self.number(":byrelativetime", seconds as i32);
                    }
                    None => {
                        self.string(":byabsolutetime", Some(time));
                    }
                }
                self.fold(indent + 4);
            }
            self.string_of(":bymode", v.text(1), C::RedirectDeliverby);
            self.switch_of(":bytrace", v.int(2) != 0, C::RedirectDeliverby);
        }
        self.string("", v.text(back(1)));
    }

    fn vacation(&mut self, v: &Values<'_>, indent: usize) {
        self.need(C::Vacation);
        self.word(indent, "vacation");
        let seconds = v.int(3);
        if seconds % DAY_S == 0 {
            self.number(":days", seconds / DAY_S);
        } else {
            self.need(C::VacationSeconds);
            self.number(":seconds", seconds);
        }
        self.string(":subject", v.text(1));
        self.string(":from", v.text(5));
        self.string(":handle", v.text(6));
        self.strings(":addresses", v.texts(0));
        if let Some(folder) = v.text(7) {
            self.fold(indent + 4);
            self.string(":fcc", Some(folder));
            self.need(C::Fcc);
            self.folder(0, v.int(8), v.text(10), v.text(11), v.texts(9));
        }
        self.switch(":mime", v.int(4) != 0);
        if v.text(2).is_none_or(|message| !message.contains(&b'\n')) {
            self.fold(indent + 4);
        }
        self.string("", v.text(2));
    }

    fn snooze(&mut self, op: Op, v: &Values<'_>, indent: usize) {
        let (flags, days) = match op {
            Op::SnoozeOrig => (1, 3),
            Op::SnoozeTzid => (2, 4),
            _ => (4, 6),
        };
        let is_id = op != Op::Snooze && v.int(days) & snooze::IS_ID != 0;
        let (folder, mailboxid) = match op {
            Op::Snooze => (v.text(0), v.text(1)),
            Op::SnoozeTzid if is_id => (None, v.text(1)),
            Op::SnoozeTzid => (v.text(1), None),
            _ if is_id => (None, v.text(0)),
            _ => (v.text(0), None),
        };
        self.need(C::Snooze);
        self.word(indent, "snooze");
        self.string(":mailbox", folder);
        self.string_of(":mailboxid", mailboxid, C::Mailboxid);
        let zone = match op {
            Op::Snooze => {
                self.string_of(":specialuse", v.text(2), C::SpecialUse);
                self.switch_of(":create", v.int(3) != 0, C::Mailbox);
                v.text(7)
            }
            Op::SnoozeTzid => v.text(0),
            _ => None,
        };
        self.strings_of(":addflags", v.texts(flags), C::Imap4flags);
        self.strings_of(":removeflags", v.texts(flags + 1), C::Imap4flags);
        if v.int(days) & snooze::WEEKDAYS != snooze::WEEKDAYS {
            self.fold(indent + 4);
            self.say(" :weekdays");
            let mut separator = " [";
            for day in (0..7).filter(|day| v.int(days) & (1 << day) != 0) {
                self.say(&format!("{separator}\"{day}\""));
                separator = ", ";
            }
            self.say("]");
        }
        self.string(":tzid", zone);
        if let Some(Value::Ints(times)) = v.0.last() {
            let mut separator = if times.len() == 1 { " " } else { " [" };
            for time in times {
                self.say(&format!("{separator}\"{}\"", clock(*time)));
                separator = ", ";
            }
            if times.len() > 1 {
                self.say("]");
            }
        }
    }
}
