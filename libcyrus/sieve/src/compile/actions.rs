//! The actions, and `include`: their tags and arguments.

use super::ast::{Command, Texts, Value};
use super::check::{Comparison, LAST_ONLY, is_identifier};
use super::lex::Token;
use super::parse::{Parser, Stop};
use super::times::is_date_time;
use crate::code::{Location, Op, include, modifier};
use crate::settings::Capability as C;

const DAY_S: i32 = 86400;

/// What `fileinto` and :fcc say of a folder.
#[derive(Debug, Default)]
pub(super) struct Folder {
    pub(super) name: Option<Vec<u8>>,
    pub(super) flags: Option<Texts>,
    pub(super) special_use: Option<Vec<u8>>,
    pub(super) mailboxid: Option<Vec<u8>>,
    pub(super) copy: i32,
    pub(super) create: i32,
}

/// A `set` modifier: its tag, its bit, the bits of its precedence, and the precedence.
const MODIFIERS: &[(&str, i32, i32, &str)] = &[
    (":lower", modifier::LOWER, modifier::LOWER | modifier::UPPER, "precedence 40 modifier"),
    (":upper", modifier::UPPER, modifier::LOWER | modifier::UPPER, "precedence 40 modifier"),
    (
        ":lowerfirst",
        modifier::LOWERFIRST,
        modifier::LOWERFIRST | modifier::UPPERFIRST,
        "precedence 30 modifier",
    ),
    (
        ":upperfirst",
        modifier::UPPERFIRST,
        modifier::LOWERFIRST | modifier::UPPERFIRST,
        "precedence 30 modifier",
    ),
    (
        ":quotewildcard",
        modifier::QUOTEWILDCARD,
        modifier::QUOTEWILDCARD | modifier::QUOTEREGEX,
        "precedence 20 modifier",
    ),
    (
        ":quoteregex",
        modifier::QUOTEREGEX,
        modifier::QUOTEWILDCARD | modifier::QUOTEREGEX,
        "precedence 20 modifier",
    ),
    (":encodeurl", modifier::ENCODEURL, modifier::ENCODEURL, "precedence 15 modifier"),
    (":length", modifier::LENGTH, modifier::LENGTH, "precedence 10 modifier"),
];

pub(super) fn text(text: Vec<u8>) -> Value {
    Value::Text(Some(text))
}

/// Words for a missing list are those of an empty one.
pub(super) fn texts(texts: Option<Texts>) -> Value {
    Value::Texts(texts.unwrap_or_default())
}

impl Parser<'_> {
    /// May the word ahead begin a command?
    pub(super) fn at_command(&mut self) -> bool {
        matches!(
            self.peek_word(),
            "if" | "stop"
                | "error"
                | "include"
                | "return"
                | "keep"
                | "fileinto"
                | "redirect"
                | "discard"
                | "set"
                | "vacation"
                | "setflag"
                | "addflag"
                | "removeflag"
                | "mark"
                | "unmark"
                | "addheader"
                | "deleteheader"
                | "reject"
                | "ereject"
                | "notify"
                | "denotify"
                | "log"
                | "snooze"
                | "processimip"
        )
    }

    /// A command up to its `;`.
    pub(super) fn action(&mut self) -> Result<Command, Stop> {
        let Token::Word(word) = self.accept() else { return Err(Stop::Unexpected) };
        match word {
            "keep" => self.keep(),
            "fileinto" => self.fileinto(),
            "redirect" => self.redirect(),
            "discard" => Ok(Command::Simple(Op::Discard, Vec::new())),
            "set" => self.set(),
            "vacation" => self.vacation(),
            "setflag" => self.change_flags(Op::Setflag),
            "addflag" => self.change_flags(Op::Addflag),
            "removeflag" => self.change_flags(Op::Removeflag),
            "mark" => Ok(self.mark(Op::Addflag)),
            "unmark" => Ok(self.mark(Op::Removeflag)),
            "addheader" => self.addheader(),
            "deleteheader" => self.deleteheader(),
            "reject" => self.text().map(|text| self.message_command(Op::Reject, text)),
            "ereject" => self.text().map(|text| self.message_command(Op::Ereject, text)),
            "notify" => self.notify(),
            "denotify" => self.denotify(),
            "log" => self.text().map(|text| self.message_command(Op::Log, text)),
            "snooze" => self.snooze(),
            "processimip" => self.processimip(),
            _ => Err(Stop::Unexpected),
        }
    }

    /// `reject`, `ereject`, `error`, `log`: one string.
    pub(super) fn message_command(&mut self, op: Op, message: Vec<u8>) -> Command {
        self.check_utf8(&message);
        match op {
            Op::Reject => self.need(C::Reject, "reject"),
            Op::Ereject => self.need(C::Ereject, "ereject"),
            Op::Log => self.need(C::Log, "vnd.cyrus.log"),
            _ => self.need(C::Ihave, "ihave"),
        }
        Command::Simple(op, vec![text(message)])
    }

    /// `include`, with its `;`.
    pub(super) fn include(&mut self) -> Result<Command, Stop> {
        self.need(C::Include, "include");
        let (mut location, mut bits) = (None, 0);
        loop {
            let word = self.peek_word();
            match word {
                ":personal" | ":global" => {
                    self.accept();
                    if location.is_some() {
                        self.conflicting_tags(":personal", ":location");
                    }
                    location = Some(if word == ":global" { Location::Global } else { Location::Personal });
                }
                ":once" | ":optional" => {
                    self.accept();
                    let bit = if word == ":once" { include::ONCE } else { include::OPTIONAL };
                    if bits & bit != 0 {
                        self.duplicate_tag(word);
                    }
                    bits |= bit;
                }
                _ => break,
            }
        }
        let script = self.text()?;
        self.expect_byte(b';')?;
        if script.contains(&b'/') {
            self.invalid_value("script-name");
        }
        let first = location.unwrap_or(Location::Personal).word() | bits;
        Ok(Command::Simple(Op::Include, vec![Value::Int(first), text(script)]))
    }

    /// :flags with its list.
    pub(super) fn flags_tag(&mut self, flags: &mut Option<Texts>) -> Result<(), Stop> {
        self.accept();
        let list = self.texts()?;
        self.new_flags(":flags", flags, list);
        Ok(())
    }

    pub(super) fn new_flags(&mut self, tag: &str, flags: &mut Option<Texts>, list: Texts) {
        if flags.replace(list).is_some() {
            self.duplicate_tag(tag);
        } else {
            self.need(C::Imap4flags, "imap4flags");
        }
    }

    /// One tag of a folder, if one is ahead.
    pub(super) fn folder_tag(&mut self, folder: &mut Folder) -> Result<bool, Stop> {
        match self.peek_word() {
            ":create" => {
                self.accept();
                if folder.create > 0 {
                    self.duplicate_tag(":create");
                } else {
                    self.need(C::Mailbox, "mailbox");
                }
                folder.create = folder.create.saturating_add(1);
            }
            ":specialuse" => {
                self.accept();
                let special_use = self.text()?;
                if folder.special_use.replace(special_use).is_some() {
                    self.duplicate_tag(":specialuse");
                } else if !self.has(C::SpecialUse) {
                    self.need(C::SpecialUse, "special-use");
                } else if folder.mailboxid.is_some() {
                    self.conflicting_tags(":specialuse", ":mailboxid");
                }
            }
            ":mailboxid" => {
                self.accept();
                let mailboxid = self.text()?;
                if folder.mailboxid.replace(mailboxid).is_some() {
                    self.duplicate_tag(":mailboxid");
                } else if !self.has(C::Mailboxid) {
                    self.need(C::Mailboxid, "mailboxid");
                } else if folder.special_use.is_some() {
                    self.conflicting_tags(":mailboxid", ":specialuse");
                }
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// One tag of :fcc, if one is ahead.
    pub(super) fn fcc_tag(&mut self, folder: &mut Folder) -> Result<bool, Stop> {
        match self.peek_word() {
            ":fcc" => {
                self.accept();
                let name = self.text()?;
                if folder.name.replace(name).is_some() {
                    self.duplicate_tag(":fcc");
                } else {
                    self.need(C::Fcc, "fcc");
                }
            }
            ":flags" => self.flags_tag(&mut folder.flags)?,
            _ => return self.folder_tag(folder),
        }
        Ok(true)
    }

    /// The folder of an :fcc when all tags are read.
    pub(super) fn check_fcc(&mut self, fcc: &mut Folder) {
        if let Some(name) = &fcc.name {
            self.check_mailbox(name);
            fcc.flags = fcc.flags.take().map(|flags| self.canonical_flags(flags));
        } else if fcc.create > 0
            || fcc.flags.is_some()
            || fcc.special_use.is_some()
            || fcc.mailboxid.is_some()
        {
            self.missing_tag(":fcc");
        }
    }

    /// The string of a tag that may stand once.
    pub(super) fn text_tag(&mut self, tag: &str, slot: &mut Option<Vec<u8>>) -> Result<(), Stop> {
        self.accept();
        let text = self.text()?;
        if slot.replace(text).is_some() {
            self.duplicate_tag(tag);
        }
        Ok(())
    }

    fn copy_tag(&mut self, copy: &mut i32) {
        self.accept();
        if *copy > 0 {
            self.duplicate_tag(":copy");
        } else {
            self.need(C::Copy, "copy");
        }
        *copy = copy.saturating_add(1);
    }

    fn keep(&mut self) -> Result<Command, Stop> {
        let mut flags = None;
        while self.peek_word() == ":flags" {
            self.flags_tag(&mut flags)?;
        }
        let flags = flags.map(|flags| self.canonical_flags(flags));
        Ok(Command::Simple(Op::Keep, vec![texts(flags)]))
    }

    fn fileinto(&mut self) -> Result<Command, Stop> {
        self.need(C::Fileinto, "fileinto");
        let mut folder = Folder::default();
        loop {
            match self.peek_word() {
                ":copy" => self.copy_tag(&mut folder.copy),
                ":flags" => self.flags_tag(&mut folder.flags)?,
                _ if self.folder_tag(&mut folder)? => {}
                _ => break,
            }
        }
        let name = self.text()?;
        let flags = folder.flags.map(|flags| self.canonical_flags(flags));
        self.check_mailbox(&name);
        Ok(Command::Simple(
            Op::Fileinto,
            vec![
                Value::Text(folder.mailboxid),
                Value::Text(folder.special_use),
                Value::Int(folder.create),
                texts(flags),
                Value::Int(folder.copy),
                text(name),
            ],
        ))
    }

    fn redirect(&mut self) -> Result<Command, Stop> {
        let (mut copy, mut list, mut by_trace) = (0, 0, 0);
        let (mut by_time, mut by_mode, mut dsn_notify, mut dsn_ret) = (None, None, None, None);
        loop {
            let word = self.peek_word();
            match word {
                ":copy" => self.copy_tag(&mut copy),
                ":list" => {
                    self.accept();
                    if list > 0 {
                        self.duplicate_tag(":list");
                    } else {
                        self.need(C::Extlists, "extlists");
                    }
                    list += 1;
                }
                ":bytimerelative" | ":bytimeabsolute" => {
                    self.accept();
                    let is_relative = word == ":bytimerelative";
                    let new =
                        if is_relative { format!("+{}", self.number()?).into_bytes() } else { self.text()? };
                    if let Some(old) = by_time.replace(new) {
                        // The old one is told by its first character.
                        let was_absolute = old.first().is_some_and(u8::is_ascii_digit);
                        if was_absolute != is_relative {
                            self.duplicate_tag(word);
                        } else if is_relative {
                            self.conflicting_tags(":bytimerelative", ":bytimeabsolute");
                        } else {
                            self.conflicting_tags(":bytimeabsolute", ":bytimerelative");
                        }
                    }
                    self.need(C::RedirectDeliverby, "redirect-deliverby");
                }
                ":bymode" => {
                    self.text_tag(":bymode", &mut by_mode)?;
                    self.need(C::RedirectDeliverby, "redirect-deliverby");
                }
                ":bytrace" => {
                    self.accept();
                    if by_trace > 0 {
                        self.duplicate_tag(":bytrace");
                    }
                    by_trace = 1;
                    self.need(C::RedirectDeliverby, "redirect-deliverby");
                }
                ":notify" => {
                    self.text_tag(":notify", &mut dsn_notify)?;
                    self.need(C::RedirectDsn, "redirect-dsn");
                }
                ":ret" => {
                    self.text_tag(":ret", &mut dsn_ret)?;
                    self.need(C::RedirectDsn, "redirect-dsn");
                }
                _ => break,
            }
        }
        let address = self.text()?;
        if list > 0 {
            self.check_list(&address);
        } else {
            self.check_address(&address);
        }
        self.check_deliver_by(by_time.as_deref(), by_mode.as_deref(), by_trace);
        if !self.has(C::Variables) {
            if let Some(notify) = &dsn_notify {
                self.check_dsn_notify(notify);
            }
            if let Some(ret) = &dsn_ret {
                if !ret.eq_ignore_ascii_case(b"FULL") && !ret.eq_ignore_ascii_case(b"HDRS") {
                    self.complain(&[b"string '", ret, b"': not a valid DSN RET value"]);
                }
            }
        }
        Ok(Command::Simple(
            Op::Redirect,
            vec![
                Value::Text(by_time),
                Value::Text(by_mode),
                Value::Int(by_trace),
                Value::Text(dsn_notify),
                Value::Text(dsn_ret),
                Value::Int(list),
                Value::Int(copy),
                text(address),
            ],
        ))
    }

    fn check_deliver_by(&mut self, time: Option<&[u8]>, mode: Option<&[u8]>, trace: i32) {
        let Some(time) = time else {
            if mode.is_some() || trace > 0 {
                self.missing_tag(":bytimerelative OR :bytimeabsolute");
            }
            return;
        };
        if self.has(C::Variables) {
            return;
        }
        if time.first() != Some(&b'+') && !is_date_time(time) {
            self.complain(&[b"string '", time, b"': not a valid DELIVERBY time value"]);
        }
        if let Some(mode) = mode {
            if !mode.eq_ignore_ascii_case(b"NOTIFY") && !mode.eq_ignore_ascii_case(b"RETURN") {
                self.complain(&[b"string '", mode, b"': not a valid DELIVERBY mode value"]);
            }
        }
    }

    fn check_dsn_notify(&mut self, notify: &[u8]) {
        let mut never = false;
        for value in notify.split(|byte| *byte == b',').filter(|value| !value.is_empty()) {
            let space = |byte: &u8| matches!(byte, b' ' | b'\t'..=b'\r');
            let start = value.iter().take_while(|byte| space(byte)).count();
            let value = value.get(start..).unwrap_or_default();
            let trailing = value.iter().rev().take_while(|byte| space(byte)).count();
            let value = value.get(..value.len() - trailing).unwrap_or_default();
            if value.eq_ignore_ascii_case(b"NEVER") {
                never = true;
            } else if never {
                self.complain(&[b"DSN NOTIFY value 'NEVER' MUST be used by itself"]);
                return;
            } else if ![&b"SUCCESS"[..], b"FAILURE", b"DELAY"]
                .iter()
                .any(|known| value.eq_ignore_ascii_case(known))
            {
                self.complain(&[b"string '", value, b"': not a valid DSN NOTIFY value"]);
                return;
            }
        }
    }

    fn set(&mut self) -> Result<Command, Stop> {
        self.need(C::Variables, "variables");
        let mut modifiers = 0;
        loop {
            let word = self.peek_word();
            let Some((tag, bit, class, name)) = MODIFIERS.iter().find(|(tag, ..)| *tag == word) else {
                break;
            };
            self.accept();
            match *tag {
                ":quoteregex" => self.need(C::Regex, "regex"),
                ":encodeurl" => self.need(C::Enotify, "enotify"),
                _ => {}
            }
            if modifiers & class != 0 {
                self.multiple_tags(name);
            }
            modifiers |= bit;
        }
        let variable = self.text()?;
        let value = self.text()?;
        self.check_identifier(&variable);
        self.check_utf8(&value);
        Ok(Command::Simple(Op::Set, vec![Value::Int(modifiers), text(variable), text(value)]))
    }

    fn vacation(&mut self) -> Result<Command, Stop> {
        self.need(C::Vacation, "vacation");
        let (mut seconds, mut mime, mut addresses) = (-1, -1, None);
        let (mut subject, mut from, mut handle) = (None, None, None);
        let mut fcc = Folder::default();
        loop {
            match self.peek_word() {
                ":days" => {
                    self.accept();
                    let days = self.number()?;
                    if seconds != -1 {
                        self.duplicate_tag(":days");
                    }
                    seconds = days.wrapping_mul(DAY_S);
                }
                ":seconds" => {
                    self.accept();
                    let number = self.number()?;
                    self.need(C::VacationSeconds, "vacation-seconds");
                    if seconds != -1 {
                        self.duplicate_tag(":seconds");
                    }
                    seconds = number;
                }
                ":subject" => self.text_tag(":subject", &mut subject)?,
                ":from" => self.text_tag(":from", &mut from)?,
                ":addresses" => {
                    self.accept();
                    let list = self.texts()?;
                    if addresses.replace(list).is_some() {
                        self.duplicate_tag(":addresses");
                    }
                }
                ":mime" => {
                    self.accept();
                    if mime != -1 {
                        self.duplicate_tag(":mime");
                    }
                    mime = 1;
                }
                ":handle" => self.text_tag(":handle", &mut handle)?,
                _ if self.fcc_tag(&mut fcc)? => {}
                _ => break,
            }
        }
        let message = self.text()?;
        for text in [&handle, &subject].into_iter().flatten() {
            self.check_utf8(text);
        }
        if let Some(from) = &from {
            self.check_address(from);
        }
        addresses.iter().flatten().all(|address| self.check_address(address));
        if mime == -1 {
            self.check_utf8(&message);
            mime = 0;
        }
        self.check_fcc(&mut fcc);
        if seconds == -1 {
            seconds = 7 * DAY_S;
        }
        let seconds = seconds.max(self.settings.vacation_min_s).min(self.settings.vacation_max_s);
        let mut args = vec![
            texts(addresses),
            Value::Text(subject),
            text(message),
            Value::Int(seconds),
            Value::Int(mime),
            Value::Text(from),
            Value::Text(handle),
        ];
        match fcc.name {
            None => args.push(Value::Text(None)),
            Some(name) => args.extend([
                text(name),
                Value::Int(fcc.create),
                texts(fcc.flags),
                Value::Text(fcc.special_use),
                Value::Text(fcc.mailboxid),
            ]),
        }
        Ok(Command::Simple(Op::Vacation, args))
    }

    fn change_flags(&mut self, op: Op) -> Result<Command, Stop> {
        self.need(C::Imap4flags, "imap4flags");
        let mut variable: Option<Vec<u8>> = None;
        let flags = loop {
            if !matches!(self.peek(), Token::Text(_)) {
                break self.texts()?;
            }
            // A string followed by `;` is the flags; any other is the variable.
            let string = self.text()?;
            if self.peek_byte(b';') {
                break vec![string];
            }
            if variable.replace(string).is_some() {
                self.complain(&[b"duplicate variablename argument"]);
            } else {
                self.need(C::Imap4flags, "imap4flags");
            }
        };
        let flags = self.canonical_flags(flags);
        let variable = variable.unwrap_or_default();
        if !is_identifier(&variable) {
            self.invalid_value("variablename");
        }
        Ok(Command::Simple(op, vec![text(variable), Value::Texts(flags)]))
    }

    /// `mark`, `unmark`: `\Flagged` added or removed.
    fn mark(&mut self, op: Op) -> Command {
        self.need(C::Imap4flags, "imap4flags");
        let flags = self.canonical_flags(vec![b"\\Flagged".to_vec()]);
        Command::Simple(op, vec![text(Vec::new()), Value::Texts(flags)])
    }

    fn addheader(&mut self) -> Result<Command, Stop> {
        self.need(C::Editheader, "editheader");
        let mut index = 1;
        while self.peek_word() == ":last" {
            self.accept();
            if index < 0 {
                self.duplicate_tag(":last");
            }
            index = -1;
        }
        let name = self.text()?;
        let value = self.text()?;
        self.check_header(&name);
        self.check_utf8(&value);
        Ok(Command::Simple(Op::Addheader, vec![Value::Int(index), text(name), text(value)]))
    }

    fn deleteheader(&mut self) -> Result<Command, Stop> {
        self.need(C::Editheader, "editheader");
        let mut comparison = Comparison::new();
        while self.match_tag(&mut comparison)?
            || self.list_tag(&mut comparison)
            || self.comparator_tag(&mut comparison)?
            || self.index_tag(&mut comparison)?
        {}
        let name = self.text()?;
        let patterns = if self.at_texts() { self.texts()? } else { Texts::new() };
        if name.eq_ignore_ascii_case(b"Received") || name.eq_ignore_ascii_case(b"Auto-Submitted") {
            self.complain(&[b"MUST NOT delete Received or Auto-Submitted headers"]);
        } else if comparison.index == LAST_ONLY {
            self.missing_tag(":index");
        }
        self.check_header(&name);
        self.check_patterns(&patterns, &mut comparison, true);
        let mut args = vec![Value::Int(comparison.index)];
        args.extend(comparison.values());
        args.extend([text(name), Value::Texts(patterns)]);
        Ok(Command::Simple(Op::Deleteheader, args))
    }
}
