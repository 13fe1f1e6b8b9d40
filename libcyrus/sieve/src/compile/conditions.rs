//! The tests: their tags and arguments.

use super::ast::{TestNode, Texts, Value};
use super::check::{Comparison, LAST_ONLY};
use super::lex::Token;
use super::parse::{Parser, Stop};
use crate::code::{
    AddressPart, Comparator, DatePart, DuplicateId, Match, Relation, SizeSide, Test, Transform, Zone,
};
use crate::settings::Capability as C;

/// C's default of `duplicate :seconds`.
const WEEK_S: i32 = 7 * 86400;

const DATE_PARTS: &[(&[u8], DatePart)] = &[
    (b"year", DatePart::Year),
    (b"month", DatePart::Month),
    (b"day", DatePart::Day),
    (b"date", DatePart::Date),
    (b"julian", DatePart::Julian),
    (b"hour", DatePart::Hour),
    (b"minute", DatePart::Minute),
    (b"second", DatePart::Second),
    (b"time", DatePart::Time),
    (b"iso8601", DatePart::Iso8601),
    (b"std11", DatePart::Std11),
    (b"zone", DatePart::Zone),
    (b"weekday", DatePart::Weekday),
];

fn text(text: Vec<u8>) -> Value {
    Value::Text(Some(text))
}

impl Comparison {
    /// The three words of the bytecode.
    pub(super) fn values(self) -> [Value; 3] {
        [Value::Int(self.matching), Value::Int(self.relation), Value::Int(self.comparator)]
    }
}

/// A test whose arguments are a comparison between others.
fn compared(kind: Test, before: Vec<Value>, comparison: Comparison, after: Vec<Value>) -> TestNode {
    let mut args = before;
    args.extend(comparison.values());
    args.extend(after);
    TestNode::new(kind, args)
}

impl Parser<'_> {
    /// A test whose name is ahead.
    pub(super) fn read_test(&mut self) -> Result<TestNode, Stop> {
        let word = self.peek_word();
        if word.is_empty() {
            return Err(Stop::Unexpected);
        }
        match word {
            "anyof" | "allof" => self.several(word),
            "not" => self.not(),
            "false" | "true" => {
                self.accept();
                Ok(TestNode::new(if word == "true" { Test::True } else { Test::False }, Vec::new()))
            }
            "exists" => self.of_list(Test::Exists, C::Base, ""),
            "size" => self.size(),
            "header" => self.header(),
            "address" => self.address(),
            "envelope" => self.envelope(),
            "body" => self.body(),
            "environment" => self.environment(),
            "string" => self.string(),
            "hasflag" => self.hasflag(),
            "date" | "currentdate" => self.date(word),
            "valid_notify_method" => self.of_list(Test::ValidNotifyMethod, C::Enotify, "enotify"),
            "notify_method_capability" => self.notify_method_capability(),
            "ihave" => self.ihave(),
            "mailboxexists" => self.of_list(Test::Mailboxexists, C::Mailbox, "mailbox"),
            "metadata" => self.metadata(),
            "metadataexists" => self.metadataexists(),
            "servermetadata" => self.servermetadata(),
            "servermetadataexists" => {
                self.of_list(Test::Servermetadataexists, C::Servermetadata, "servermetadata")
            }
            "valid_ext_list" => self.of_list(Test::ValidExtList, C::Extlists, "extlists"),
            "duplicate" => self.duplicate(),
            "specialuse_exists" => self.specialuse_exists(),
            "mailboxidexists" => self.of_list(Test::Mailboxidexists, C::Mailboxid, "mailboxid"),
            "jmapquery" => self.jmapquery(),
            _ => Err(Stop::Unexpected),
        }
    }

    fn several(&mut self, word: &str) -> Result<TestNode, Stop> {
        self.accept();
        let mut tests = self.test_list()?;
        if tests.len() == 1 {
            return tests.pop().ok_or(Stop::Unexpected);
        }
        // An `ihave` that cannot be true decides for an anyof only from its first place.
        let (kind, deciding) = match word {
            "anyof" => (Test::Anyof, tests.first()),
            _ => (Test::Allof, tests.iter().find(|test| test.ignored != 0)),
        };
        let ignored = deciding.map_or(0, |test| test.ignored);
        if ignored != 0 {
            self.diagnostics.ignored = ignored;
        }
        Ok(TestNode { kind, args: Vec::new(), inner: tests, ignored })
    }

    fn not(&mut self) -> Result<TestNode, Stop> {
        self.accept();
        let mut test = self.test()?;
        if test.ignored != 0 {
            test.ignored -= 1;
            self.diagnostics.ignored = test.ignored;
        }
        Ok(TestNode { kind: Test::Not, args: Vec::new(), inner: vec![test], ignored: 0 })
    }

    /// A test of a list only.
    fn of_list(&mut self, kind: Test, capability: C, name: &str) -> Result<TestNode, Stop> {
        self.accept();
        let list = self.texts()?;
        self.need(capability, name);
        Ok(TestNode::new(kind, vec![Value::Texts(list)]))
    }

    fn size(&mut self) -> Result<TestNode, Stop> {
        self.accept();
        let side = match self.peek_word() {
            ":over" => SizeSide::Over,
            ":under" => SizeSide::Under,
            _ => return Err(Stop::Unexpected),
        };
        self.accept();
        let octets = self.number()?;
        Ok(TestNode::new(Test::Size, vec![Value::Int(side.word()), Value::Int(octets)]))
    }

    /// A match type other than :list, if one is ahead.
    pub(super) fn match_tag(&mut self, comparison: &mut Comparison) -> Result<bool, Stop> {
        let matching = match self.peek_word() {
            ":is" => Match::Is,
            ":contains" => Match::Contains,
            ":matches" => Match::Matches,
            ":regex" => Match::Regex,
            ":count" => Match::Count,
            ":value" => Match::Value,
            _ => return Ok(false),
        };
        self.accept();
        match matching {
            Match::Regex => self.need(C::Regex, "regex"),
            Match::Count | Match::Value => {
                let relation = match self.peek_word() {
                    "gt" => Relation::Gt,
                    "ge" => Relation::Ge,
                    "lt" => Relation::Lt,
                    "le" => Relation::Le,
                    "eq" => Relation::Eq,
                    "ne" => Relation::Ne,
                    _ => return Err(Stop::Unexpected),
                };
                self.accept();
                if ![Match::Count.word(), Match::Value.word()].contains(&comparison.matching) {
                    self.need(C::Relational, "relational");
                }
                comparison.relation = relation.word();
            }
            _ => {}
        }
        if comparison.matching != -1 {
            self.multiple_tags("match-type");
        }
        comparison.matching = matching.word();
        Ok(true)
    }

    /// `:list`, if it is ahead.
    pub(super) fn list_tag(&mut self, comparison: &mut Comparison) -> bool {
        if self.peek_word() != ":list" {
            return false;
        }
        self.accept();
        if comparison.matching != Match::List.word() {
            self.need(C::Extlists, "extlists");
        }
        if comparison.matching != -1 {
            self.multiple_tags("match-type");
        }
        comparison.matching = Match::List.word();
        true
    }

    /// `:comparator`, if it is ahead.
    pub(super) fn comparator_tag(&mut self, comparison: &mut Comparison) -> Result<bool, Stop> {
        if self.peek_word() != ":comparator" {
            return Ok(false);
        }
        self.accept();
        let comparator = match self.peek_word() {
            "i;octet" => Comparator::Octet,
            "i;ascii-casemap" => Comparator::AsciiCasemap,
            "i;ascii-numeric" => Comparator::AsciiNumeric,
            _ => return Err(Stop::Unexpected),
        };
        self.accept();
        if comparator == Comparator::AsciiNumeric {
            self.need(C::CompNumeric, "comparator-i;ascii-numeric");
        }
        if comparison.comparator != -1 {
            self.duplicate_tag(":comparator");
        }
        comparison.comparator = comparator.word();
        Ok(true)
    }

    /// `:index` or `:last`, if one is ahead.
    pub(super) fn index_tag(&mut self, comparison: &mut Comparison) -> Result<bool, Stop> {
        match self.peek_word() {
            ":index" => {
                self.accept();
                let index = self.number()?;
                if comparison.index == LAST_ONLY {
                    comparison.index = index.wrapping_neg();
                } else if comparison.index != 0 {
                    self.duplicate_tag(":index");
                } else {
                    comparison.index = index;
                }
            }
            ":last" => {
                self.accept();
                match comparison.index {
                    1.. => comparison.index = -comparison.index,
                    0 => comparison.index = LAST_ONLY,
                    _ => self.duplicate_tag(":last"),
                }
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// As `index_tag`, where the index extension is needed.
    fn index_extension_tag(&mut self, comparison: &mut Comparison) -> Result<bool, Stop> {
        let read = self.index_tag(comparison)?;
        if read && comparison.index != 0 {
            self.need(C::Index, "index");
        }
        Ok(read)
    }

    /// A part of an address, if one is ahead.
    fn address_part_tag(&mut self, part: &mut Option<AddressPart>) -> bool {
        let new = match self.peek_word() {
            ":all" => AddressPart::All,
            ":localpart" => AddressPart::Localpart,
            ":domain" => AddressPart::Domain,
            ":user" => AddressPart::User,
            ":detail" => AddressPart::Detail,
            _ => return false,
        };
        self.accept();
        if matches!(new, AddressPart::User | AddressPart::Detail) {
            self.need(C::Subaddress, "subaddress");
        }
        if part.replace(new).is_some() {
            self.multiple_tags("address-part");
        }
        true
    }

    /// Match types but :list, and the comparator.
    fn plain_tags(&mut self, comparison: &mut Comparison) -> Result<(), Stop> {
        while self.match_tag(comparison)? || self.comparator_tag(comparison)? {}
        Ok(())
    }

    fn header(&mut self) -> Result<TestNode, Stop> {
        self.accept();
        let mut comparison = Comparison::new();
        while self.match_tag(&mut comparison)?
            || self.list_tag(&mut comparison)
            || self.comparator_tag(&mut comparison)?
            || self.index_extension_tag(&mut comparison)?
        {}
        let headers = self.texts()?;
        let keys = self.texts()?;
        if comparison.index == LAST_ONLY {
            self.missing_tag(":index");
        }
        self.check_headers(&headers);
        self.check_patterns(&keys, &mut comparison, true);
        let index = vec![Value::Int(comparison.index)];
        Ok(compared(Test::Header, index, comparison, vec![Value::Texts(headers), Value::Texts(keys)]))
    }

    fn address(&mut self) -> Result<TestNode, Stop> {
        self.accept();
        let (mut comparison, mut part) = (Comparison::new(), None);
        while self.address_part_tag(&mut part)
            || self.match_tag(&mut comparison)?
            || self.list_tag(&mut comparison)
            || self.comparator_tag(&mut comparison)?
            || self.index_extension_tag(&mut comparison)?
        {}
        let mut headers = self.texts()?;
        let keys = self.texts()?;
        if comparison.index == LAST_ONLY {
            self.missing_tag(":index");
        }
        self.check_address_headers(&mut headers);
        self.check_patterns(&keys, &mut comparison, false);
        let index = vec![Value::Int(comparison.index)];
        let part = Value::Int(part.unwrap_or(AddressPart::All).word());
        Ok(compared(Test::Address, index, comparison, vec![part, Value::Texts(headers), Value::Texts(keys)]))
    }

    fn envelope(&mut self) -> Result<TestNode, Stop> {
        self.accept();
        self.need(C::Envelope, "envelope");
        let (mut comparison, mut part) = (Comparison::new(), None);
        while self.address_part_tag(&mut part)
            || self.match_tag(&mut comparison)?
            || self.list_tag(&mut comparison)
            || self.comparator_tag(&mut comparison)?
        {}
        let mut parts = self.texts()?;
        let keys = self.texts()?;
        self.check_envelope_parts(&mut parts);
        self.check_patterns(&keys, &mut comparison, false);
        let part = Value::Int(part.unwrap_or(AddressPart::All).word());
        Ok(compared(
            Test::Envelope,
            Vec::new(),
            comparison,
            vec![part, Value::Texts(parts), Value::Texts(keys)],
        ))
    }

    fn body(&mut self) -> Result<TestNode, Stop> {
        self.accept();
        self.need(C::Body, "body");
        let (mut comparison, mut transform, mut content_types) = (Comparison::new(), None, None);
        loop {
            let new = match self.peek_word() {
                ":raw" => Transform::Raw,
                ":text" => Transform::Text,
                ":content" => Transform::Content,
                _ if self.match_tag(&mut comparison)? || self.comparator_tag(&mut comparison)? => continue,
                _ => break,
            };
            self.accept();
            if new == Transform::Content {
                content_types = Some(self.texts()?);
            }
            if transform.replace(new).is_some() {
                self.multiple_tags("transform");
            }
        }
        let keys = self.texts()?;
        self.check_patterns(&keys, &mut comparison, true);
        let transform = transform.unwrap_or(Transform::Text);
        let default = if transform == Transform::Raw { "" } else { "text" };
        let content_types = content_types.unwrap_or_else(|| vec![default.into()]);
        let after = vec![
            Value::Int(transform.word()),
            Value::Int(0),
            Value::Texts(content_types),
            Value::Texts(keys),
        ];
        Ok(compared(Test::Body, Vec::new(), comparison, after))
    }

    fn string(&mut self) -> Result<TestNode, Stop> {
        self.accept();
        self.need(C::Variables, "variables");
        let mut comparison = Comparison::new();
        while self.match_tag(&mut comparison)?
            || self.list_tag(&mut comparison)
            || self.comparator_tag(&mut comparison)?
        {}
        let sources = self.texts()?;
        let keys = self.texts()?;
        self.check_all_utf8(&sources);
        self.check_patterns(&keys, &mut comparison, true);
        Ok(compared(Test::String, Vec::new(), comparison, vec![Value::Texts(sources), Value::Texts(keys)]))
    }

    fn hasflag(&mut self) -> Result<TestNode, Stop> {
        self.accept();
        self.need(C::Imap4flags, "imap4flags");
        let mut comparison = Comparison::new();
        self.plain_tags(&mut comparison)?;
        let mut keys = self.texts()?;
        let mut variables = Texts::new();
        if self.at_texts() {
            variables = std::mem::replace(&mut keys, self.texts()?);
            self.need(C::Variables, "variables");
            self.check_identifiers(&variables);
        }
        self.check_patterns(&keys, &mut comparison, true);
        Ok(compared(Test::Hasflag, Vec::new(), comparison, vec![Value::Texts(variables), Value::Texts(keys)]))
    }

    fn date(&mut self, word: &str) -> Result<TestNode, Stop> {
        self.accept();
        self.need(C::Date, "date");
        let is_current = word == "currentdate";
        let (mut comparison, mut zone, mut offset) = (Comparison::new(), None, None);
        loop {
            match self.peek_word() {
                ":zone" => {
                    self.accept();
                    offset = Some(self.text()?);
                    if zone.replace(Zone::Given).is_some() {
                        self.duplicate_tag(":zone");
                    }
                }
                ":originalzone" if !is_current => {
                    self.accept();
                    if zone.replace(Zone::Original).is_some() {
                        self.duplicate_tag(":originalzone");
                    }
                }
                _ if self.match_tag(&mut comparison)? || self.comparator_tag(&mut comparison)? => {}
                _ if !is_current && self.index_extension_tag(&mut comparison)? => {}
                _ => break,
            }
        }
        let header = if is_current { None } else { Some(self.text()?) };
        let part = self.text()?;
        let keys = self.texts()?;
        if let Some(header) = &header {
            self.check_header(header);
        }
        self.check_patterns(&keys, &mut comparison, false);
        match comparison.index {
            0 => comparison.index = 1,
            LAST_ONLY => self.missing_tag(":index"),
            _ => {}
        }
        let known = DATE_PARTS.iter().find(|(name, _)| part.eq_ignore_ascii_case(name));
        if known.is_none() {
            self.complain(&[b"invalid date-part '", &part, b"'"]);
        }
        let part = Value::Int(known.map_or(0, |(_, part)| part.word()));
        let zone = zone.unwrap_or(Zone::Given);
        let mut before = Vec::new();
        if !is_current {
            before.push(Value::Int(comparison.index));
        }
        before.push(Value::Int(zone.word()));
        if zone == Zone::Given {
            before.push(Value::Text(offset));
        }
        let (kind, after) = match header {
            None => (Test::Currentdate, vec![part, Value::Texts(keys)]),
            Some(header) => (Test::Date, vec![part, text(header), Value::Texts(keys)]),
        };
        Ok(compared(kind, before, comparison, after))
    }

    fn environment(&mut self) -> Result<TestNode, Stop> {
        self.accept();
        self.need(C::Environment, "environment");
        self.of_item(Test::Environment, false)
    }

    fn notify_method_capability(&mut self) -> Result<TestNode, Stop> {
        self.accept();
        self.need(C::Enotify, "enotify");
        self.of_item(Test::NotifyMethodCapability, true)
    }

    fn metadata(&mut self) -> Result<TestNode, Stop> {
        self.accept();
        self.need(C::Mboxmetadata, "mboxmetadata");
        self.of_item(Test::Metadata, true)
    }

    fn servermetadata(&mut self) -> Result<TestNode, Stop> {
        self.accept();
        self.need(C::Servermetadata, "servermetadata");
        self.of_item(Test::Servermetadata, false)
    }

    /// A comparison of one named item, of an owner if there is one.
    fn of_item(&mut self, kind: Test, has_owner: bool) -> Result<TestNode, Stop> {
        let mut comparison = Comparison::new();
        self.plain_tags(&mut comparison)?;
        let mut after = Vec::new();
        if has_owner {
            after.push(text(self.text()?));
        }
        after.push(text(self.text()?));
        after.push(Value::Texts(self.texts()?));
        self.complete(&mut comparison);
        Ok(compared(kind, Vec::new(), comparison, after))
    }

    fn metadataexists(&mut self) -> Result<TestNode, Stop> {
        self.accept();
        let mailbox = self.text()?;
        let names = self.texts()?;
        self.need(C::Mboxmetadata, "mboxmetadata");
        Ok(TestNode::new(Test::Metadataexists, vec![text(mailbox), Value::Texts(names)]))
    }

    fn specialuse_exists(&mut self) -> Result<TestNode, Stop> {
        self.accept();
        let is_string = matches!(self.peek(), Token::Text(_));
        let mut list = self.texts()?;
        let mut mailbox = None;
        if is_string && self.at_texts() {
            mailbox = list.pop();
            list = self.texts()?;
        }
        self.need(C::SpecialUse, "special-use");
        Ok(TestNode::new(Test::SpecialuseExists, vec![Value::Text(mailbox), Value::Texts(list)]))
    }

    /// An unknown extension makes the test false, and what depends on it need not be understood. C: build_ihave()
    fn ihave(&mut self) -> Result<TestNode, Stop> {
        self.accept();
        let names = self.texts()?;
        self.need(C::Ihave, "ihave");
        let mut ignored = 0;
        for name in &names {
            match C::by_name(name) {
                None if ignored == 0 => {
                    self.diagnostics.ignored += 1;
                    ignored = self.diagnostics.ignored;
                }
                Some(C::EncodedCharacter | C::Variables) => {
                    self.diagnostics.ignored = 0;
                    self.complain(&[b"\"", name, b"\" extension MUST NOT be used in \"ihave\" test"]);
                    break;
                }
                _ => {}
            }
        }
        Ok(TestNode { kind: Test::Ihave, args: vec![Value::Texts(names)], inner: Vec::new(), ignored })
    }

    fn duplicate(&mut self) -> Result<TestNode, Stop> {
        self.accept();
        self.need(C::Duplicate, "duplicate");
        let (mut id, mut handle, mut seconds, mut last) = (None, None, -1, 0);
        loop {
            let word = self.peek_word();
            match word {
                ":header" | ":uniqueid" => {
                    self.accept();
                    let kind = if word == ":header" { DuplicateId::Header } else { DuplicateId::Uniqueid };
                    let new = (kind, self.text()?);
                    if id.replace(new).is_some() {
                        self.conflicting_tags(":header", ":uniqueid");
                    }
                }
                ":handle" => {
                    self.accept();
                    let new = self.text()?;
                    if handle.replace(new).is_some() {
                        self.duplicate_tag(":handle");
                    }
                }
                ":seconds" => {
                    self.accept();
                    let new = self.number()?;
                    if seconds != -1 {
                        self.duplicate_tag(":seconds");
                    }
                    seconds = new;
                }
                ":last" => {
                    self.accept();
                    if last != 0 {
                        self.duplicate_tag(":last");
                    }
                    last = 1;
                }
                _ => break,
            }
        }
        match &id {
            Some((DuplicateId::Header, name)) => {
                self.check_header(name);
            }
            Some((DuplicateId::Uniqueid, value)) => {
                self.check_utf8(value);
            }
            None => {}
        }
        if let Some(handle) = &handle {
            self.check_utf8(handle);
        }
        let (kind, value) = id.unwrap_or_else(|| (DuplicateId::Header, b"Message-ID".to_vec()));
        Ok(TestNode::new(
            Test::Duplicate,
            vec![
                Value::Int(kind.word()),
                text(value),
                text(handle.unwrap_or_default()),
                Value::Int(if seconds == -1 { WEEK_S } else { seconds }),
                Value::Int(last),
            ],
        ))
    }

    fn jmapquery(&mut self) -> Result<TestNode, Stop> {
        self.accept();
        let query = self.text()?;
        self.need(C::Jmapquery, "vnd.cyrus.jmapquery");
        let compact = self.check_jmapquery(&query);
        Ok(TestNode::new(Test::Jmapquery, vec![Value::Text(compact)]))
    }
}
