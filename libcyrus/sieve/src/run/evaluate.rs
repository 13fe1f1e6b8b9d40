//! The commands. C: sieve_eval_bc()

use super::action::{Folder, Keep, List, Notice, Redirect, Reject, Snooze, Tracked, Vacation};
use super::body::Body;
use super::budget::{self, Budget};
use super::host::{Host, Input, NotIncluded};
use super::vars::{Vars, modify};
use super::{Outcome, RunError, compare, flags, perform, vacation};
use crate::code::{Comparator, Location, Match, Priority};
use crate::read::Text;
use crate::verify::{
    self, Command, Comparison, FlagChange, Program, RedirectCommand, SnoozeCommand, VacationCommand,
};
use cyrus_mime::charset::{encode_mimeheader, parse_mimeheader};
use cyrus_util::datetime::parse_iso8601;
use std::collections::HashMap;
use std::rc::Rc;

/// How deep inclusion may go.
const INCLUDES: usize = 64;

/// A run.
pub struct Run<'r> {
    pub input: Input<'r>,
    pub host: &'r mut dyn Host,
    pub vars: Vars,
    pub budget: Budget,
    pub tracked: Vec<Tracked>,
    pub body: Option<Body<'r>>,
    /// The script that runs has `variables`.
    pub expands: bool,
    actions: List,
    notices: Vec<Notice>,
    loaded: HashMap<u64, Rc<Program>>,
    running: Vec<u64>,
    /// No keep, and nothing instead of it, so far.
    implicit_keep: bool,
}

/// How a script ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// Its last command, or `return` in an included one.
    Over,
    /// `stop`, or `return` where there is nothing to return to.
    Stopped,
}

/// Runs a script.
pub fn run(program: Program, input: Input<'_>, host: &mut dyn Host) -> Outcome {
    let identity = input.identity;
    let program = Rc::new(program);
    let mut run = Run {
        input,
        host,
        vars: Vars::default(),
        budget: Budget::new(),
        tracked: Vec::new(),
        body: None,
        expands: false,
        actions: List::default(),
        notices: Vec::new(),
        loaded: HashMap::from([(identity, Rc::clone(&program))]),
        running: Vec::new(),
        implicit_keep: true,
    };
    let mut ended = run.script(&program, identity);
    if ended == Ok(End::Over) && run.implicit_keep {
        ended = run.keep(Vec::new()).map(|()| End::Over);
    }
    let words = perform::Words::of(&mut run);
    let error = ended.err();
    let actions = if error.is_some() { Vec::new() } else { run.actions.0 };
    let edited = run.input.headers.edited();
    Outcome {
        actions,
        notices: run.notices.into_iter().filter(|notice| notice.is_active).collect(),
        tracked: if error.is_some() { Vec::new() } else { run.tracked },
        flags: run.vars.flags,
        edited,
        error,
        words,
    }
}

impl Run<'_> {
    /// The notifications so far.
    pub fn notices(&self) -> &[Notice] {
        &self.notices
    }

    /// A string with its variables replaced, if the script has variables.
    pub fn expand(&self, text: &[u8]) -> Result<Vec<u8>, RunError> {
        if self.expands { self.vars.expand(text).ok_or(RunError::BUDGET) } else { Ok(text.to_vec()) }
    }

    /// The same for something that is kept until the end.
    fn kept(&mut self, text: &[u8]) -> Result<Vec<u8>, RunError> {
        let text = self.expand(text)?;
        self.budget.work(text.len() as u64)?;
        self.budget.keep(text.len())?;
        Ok(text)
    }

    fn kept_text(&mut self, text: &Text) -> Result<Text, RunError> {
        text.as_ref().map(|text| self.kept(text)).transpose()
    }

    fn script(&mut self, program: &Program, identity: u64) -> Result<End, RunError> {
        if self.running.contains(&identity) || self.running.len() > INCLUDES {
            return Err(RunError::new("Recursive Include"));
        }
        let is_included = !self.running.is_empty();
        self.running.push(identity);
        let expands = std::mem::replace(&mut self.expands, program.expands_variables);
        let ended = self.commands(program, is_included);
        self.expands = expands;
        self.running.pop();
        ended
    }

    fn commands(&mut self, program: &Program, is_included: bool) -> Result<End, RunError> {
        let mut at = 0;
        while let Some(command) = program.commands.get(at) {
            self.budget.work(budget::STEP)?;
            at += 1;
            match command {
                Command::If { test, then, otherwise } => {
                    at = if self.test(test)? { *then } else { *otherwise };
                }
                Command::Jump(target) => at = *target,
                Command::Null => {}
                Command::Return if is_included => return Ok(End::Over),
                Command::Return | Command::Stop => return Ok(End::Stopped),
                Command::Include { name, location, once, optional } => {
                    if self.include(name, *location, *once, *optional)? == End::Stopped {
                        return Ok(End::Stopped);
                    }
                }
                other => self.command(other)?,
            }
        }
        Ok(End::Over)
    }

    /// What neither jumps nor ends anything.
    fn command(&mut self, command: &Command) -> Result<(), RunError> {
        match command {
            Command::Addheader { last, name, value } => self.addheader(*last, name, value)?,
            Command::Deleteheader { index, comparison, name, patterns } => {
                self.deleteheader(*index, *comparison, name, patterns)?;
            }
            Command::Denotify { priority, how, relation, pattern } => {
                let comparison = how.map(|how| Comparison {
                    how,
                    relation: *relation,
                    comparator: Comparator::AsciiCasemap,
                });
                self.denotify(*priority, comparison, pattern)?;
            }
            Command::Discard => {
                self.budget.deed()?;
                self.actions.discard();
                self.implicit_keep = false;
            }
            // C does not read the text.
            Command::Error(_) => return Err(RunError::UNTOLD),
            Command::Fileinto { folder, copy } => self.fileinto(folder, *copy)?,
            Command::Flags { change, variable, flags } => self.change_flags(*change, variable, flags)?,
            Command::Imip { .. } => return Err(RunError::new("processimip is not supported")),
            Command::Impossible => return Err(RunError::UNTOLD),
            Command::Keep { flags } => {
                let flags = self.flag_list(flags)?;
                self.keep(flags)?;
                self.implicit_keep = false;
            }
            Command::Log(text) => {
                let text = self.expand(text)?;
                self.host.log(&text);
            }
            Command::Mark => {
                let marked = b"\\Flagged".to_vec();
                if !self.vars.flags.iter().any(|flag| flag.eq_ignore_ascii_case(&marked)) {
                    self.vars.flags.push(marked);
                }
            }
            Command::Unmark => self.vars.flags.retain(|flag| !flag.eq_ignore_ascii_case(b"\\flagged")),
            Command::Notify { is_enotify, method, id, options, priority, message } => {
                self.budget.deed()?;
                let message = self.kept_text(message)?;
                let (method, options) = method_and_options(*is_enotify, method, options);
                let (id, priority) = (id.clone(), priority_word(*priority));
                self.notices.push(Notice { id, method, options, priority, message, is_active: true });
            }
            Command::Redirect(redirect) => self.redirect(redirect)?,
            Command::Reject { extended, reason } => {
                self.budget.deed()?;
                let reason = self.kept(reason)?;
                self.actions.reject(Reject { extended: *extended, reason })?;
                self.implicit_keep = false;
            }
            Command::Set { modifiers, name, value } => {
                // Expanded whatever the script requires.
                let value = self.vars.expand(value).ok_or(RunError::BUDGET)?;
                let value = modify(value, *modifiers);
                self.budget.work(value.len() as u64)?;
                self.budget.keep(value.len())?;
                self.vars.set(name, vec![value]);
            }
            Command::Snooze(snooze) => self.snooze(snooze)?,
            Command::Vacation(vacation) => self.vacation(vacation)?,
            Command::If { .. }
            | Command::Include { .. }
            | Command::Jump(_)
            | Command::Null
            | Command::Return
            | Command::Stop => {}
        }
        Ok(())
    }

    fn include(
        &mut self,
        name: &[u8],
        location: Location,
        once: bool,
        optional: bool,
    ) -> Result<End, RunError> {
        let name = self.expand(name)?;
        self.budget.work(100 * budget::STEP)?;
        let included = match self.host.include(&name, location) {
            Ok(included) => included,
            Err(_) if optional => return Ok(End::Over),
            Err(NotIncluded::NotFound) => return Err(RunError::new("Include can not find script")),
            Err(NotIncluded::NotLoaded) => return Err(RunError::new("Include can not load script")),
        };
        let identity = included.identity;
        let program = match self.loaded.get(&identity) {
            Some(_) if once => return Ok(End::Over),
            Some(program) => Rc::clone(program),
            None => {
                self.budget.keep(included.bytecode.len())?;
                self.budget.work(included.bytecode.len() as u64 * 10)?;
                let program = Program::load(&included.bytecode)
                    .map_err(|malformed| RunError(malformed.to_string().into()))?;
                let program = Rc::new(program);
                self.loaded.insert(identity, Rc::clone(&program));
                program
            }
        };
        self.script(&program, identity)
    }

    /// Flags of an action; those of the internal variable when it names none. C: unwrap_flaglist()
    fn flag_list(&mut self, stated: &[Vec<u8>]) -> Result<Vec<Vec<u8>>, RunError> {
        let list = self.named_flags(stated)?;
        if stated.is_empty() { Ok(self.vars.flags.clone()) } else { Ok(list) }
    }

    fn named_flags(&mut self, stated: &[Vec<u8>]) -> Result<Vec<Vec<u8>>, RunError> {
        let mut expanded = Vec::new();
        for flag in stated {
            expanded.push(self.kept(flag)?);
        }
        let mut list = Vec::new();
        flags::add(&mut list, &expanded);
        Ok(list)
    }

    fn change_flags(
        &mut self,
        change: FlagChange,
        variable: &[u8],
        stated: &[Vec<u8>],
    ) -> Result<(), RunError> {
        let mut expanded = Vec::new();
        for flag in stated {
            expanded.push(self.kept(flag)?);
        }
        let old = self.vars.list(variable).cloned();
        let mut list = match change {
            FlagChange::Set => Vec::new(),
            FlagChange::Add => old.unwrap_or_default(),
            FlagChange::Remove => match old {
                Some(old) => old,
                None => return Ok(()),
            },
        };
        self.budget
            .work(100 * list.len() as u64 + (list.len() as u64).saturating_mul(expanded.len() as u64) * 10)?;
        if change == FlagChange::Remove {
            let mut removed = Vec::new();
            flags::add(&mut removed, &expanded);
            list.retain(|flag| !removed.contains(flag));
        } else {
            flags::add(&mut list, &expanded);
        }
        self.vars.set(variable, list);
        Ok(())
    }

    /// The header section for an action, when it was edited.
    fn section(&mut self) -> Result<Option<Vec<u8>>, RunError> {
        let section = self.input.headers.edited();
        self.budget.keep(section.as_ref().map_or(0, Vec::len))?;
        Ok(section)
    }

    fn keep(&mut self, flags: Vec<Vec<u8>>) -> Result<(), RunError> {
        self.budget.deed()?;
        let flags = if flags.is_empty() { self.vars.flags.clone() } else { flags };
        let headers = self.section()?;
        let target = self.host.keep_target();
        if target.is_none() {
            return Err(RunError::new("Keep can not be used with Reject"));
        }
        self.actions.keep(Keep { target, flags, headers })
    }

    fn fileinto(&mut self, folder: &verify::Folder, copy: bool) -> Result<(), RunError> {
        self.budget.deed()?;
        let mut folder = self.folder(folder)?;
        if folder.flags.is_empty() {
            folder.flags.clone_from(&self.vars.flags);
        }
        folder.headers = self.section()?;
        folder.target = self.host.fileinto_target(
            &folder.name,
            folder.special_use.as_deref(),
            folder.mailboxid.as_deref(),
        );
        if folder.target.is_none() {
            return Err(RunError::new("Fileinto can not be used with Reject"));
        }
        self.actions.fileinto(folder, !copy)?;
        self.implicit_keep &= copy;
        Ok(())
    }

    fn folder(&mut self, folder: &verify::Folder) -> Result<Folder, RunError> {
        Ok(Folder {
            target: None,
            name: self.kept(&folder.name)?,
            special_use: self.kept_text(&folder.special_use)?,
            mailboxid: self.kept_text(&folder.mailboxid)?,
            create: folder.create,
            flags: self.named_flags(&folder.flags)?,
            headers: None,
        })
    }

    fn redirect(&mut self, command: &RedirectCommand) -> Result<(), RunError> {
        self.budget.deed()?;
        let address = self.kept(&command.address)?;
        let by_time = self.kept_text(&command.by_time)?;
        let by_mode = self.kept_text(&command.by_mode)?;
        let deliver_by = match by_time {
            None => None,
            Some(time) => Some(self.deliver_by(&time, by_mode.as_deref(), command.by_trace)?),
        };
        let redirect = Redirect {
            address,
            is_list: command.is_list,
            deliver_by,
            dsn_notify: self.kept_text(&command.dsn_notify)?,
            dsn_ret: self.kept_text(&command.dsn_ret)?,
            headers: self.section()?,
        };
        self.actions.redirect(redirect, !command.copy)?;
        self.implicit_keep &= command.copy;
        Ok(())
    }

    /// A value of BY (RFC 2852): `[+|-]seconds;mode[T]`.
    fn deliver_by(&self, time: &[u8], mode: Option<&[u8]>, trace: bool) -> Result<Vec<u8>, RunError> {
        let seconds = if let Some(digits) = time.strip_prefix(b"+") {
            let count = digits.iter().take_while(|octet| octet.is_ascii_digit()).count();
            let digits = std::str::from_utf8(digits.get(..count).unwrap_or_default()).unwrap_or_default();
            digits.parse().unwrap_or(if digits.is_empty() { 0 } else { i64::MAX })
        } else {
            let at = parse_iso8601(time).ok_or(RunError::new("Redirect bytimeabsolute value is invalid"))?;
            at.saturating_sub(self.input.now)
        };
        if seconds.saturating_abs() > 999_999_999 {
            return Err(RunError::new("Redirect bytime value too large"));
        }
        let mode = mode.and_then(<[u8]>::first).map_or(' ', |octet| char::from(octet.to_ascii_uppercase()));
        Ok(format!("{seconds:+};{mode}{}", if trace { "T" } else { "" }).into_bytes())
    }

    fn snooze(&mut self, command: &SnoozeCommand) -> Result<(), RunError> {
        self.budget.deed()?;
        let snooze = Snooze {
            mailbox: self.kept_text(&command.mailbox)?,
            mailboxid: self.kept_text(&command.mailboxid)?,
            special_use: self.kept_text(&command.special_use)?,
            create: command.create,
            tzid: self.kept_text(&command.tzid)?,
            add: self.optional_flags(&command.add)?,
            remove: self.optional_flags(&command.remove)?,
            weekdays: command.weekdays,
            times: command.times.clone(),
            flags: self.vars.flags.clone(),
            headers: self.section()?,
        };
        self.actions.snooze(snooze)?;
        self.implicit_keep = false;
        Ok(())
    }

    fn optional_flags(&mut self, stated: &[Vec<u8>]) -> Result<Option<Vec<Vec<u8>>>, RunError> {
        if stated.is_empty() { Ok(None) } else { self.named_flags(stated).map(Some) }
    }

    fn vacation(&mut self, command: &VacationCommand) -> Result<(), RunError> {
        self.budget.deed()?;
        let mut addresses = Vec::new();
        for address in &command.addresses {
            addresses.push(self.expand(address)?);
        }
        let Some(parties) = vacation::parties(&self.input.headers, self.input.envelope, &addresses) else {
            return Ok(());
        };
        let from = self.kept_text(&command.from)?;
        let handle = self.kept_text(&command.handle)?;
        let message = self.kept(&command.message)?;
        let subject = match self.kept_text(&command.subject)? {
            Some(subject) => subject,
            None => match self.input.headers.first(b"subject") {
                Some(original) => [b"Auto: ".as_slice(), &parse_mimeheader(original, false)].concat(),
                None => b"Automated reply".to_vec(),
            },
        };
        let fcc = command.fcc.as_ref().map(|fcc| self.folder(fcc)).transpose()?;
        let from = from.unwrap_or(parties.from);
        let key = match handle {
            Some(handle) => vec![parties.to.clone(), handle],
            None => vec![parties.to.clone(), from.clone(), message.clone()],
        };
        let (to, is_mime, seconds) = (parties.to, command.is_mime, command.seconds);
        self.actions.vacation(Vacation { to, from, subject, message, is_mime, seconds, key, fcc })
    }

    fn denotify(
        &mut self,
        priority: Priority,
        comparison: Option<Comparison>,
        pattern: &[u8],
    ) -> Result<(), RunError> {
        let word = priority_word(priority);
        let mut notices = std::mem::take(&mut self.notices);
        for notice in notices.iter_mut().filter(|notice| notice.is_active) {
            if priority != Priority::Any && !notice.priority.eq_ignore_ascii_case(word) {
                continue;
            }
            notice.is_active = match (comparison, &notice.id) {
                (None, _) => false,
                (Some(_), None) => true,
                (Some(comparison), Some(id)) => {
                    if !compare::is_possible(comparison) {
                        return Err(RunError::UNTOLD);
                    }
                    let found = compare::compare(comparison, id, pattern, &mut self.budget, self.host)?;
                    if let Some(matches) = found.matches {
                        self.vars.matches = matches;
                    }
                    !found.matched
                }
            };
        }
        self.notices = notices;
        Ok(())
    }

    fn addheader(&mut self, last: bool, name: &[u8], value: &[u8]) -> Result<(), RunError> {
        let name = self.kept(name)?;
        if !name.iter().all(|octet| matches!(octet, 33..=57 | 59..=126)) {
            return Err(RunError::new("Invalid header field name in Addheader"));
        }
        let value = self.kept(value)?;
        self.input.headers.add(&name, &encode_mimeheader(&value), last);
        Ok(())
    }

    fn deleteheader(
        &mut self,
        index: i32,
        comparison: Comparison,
        name: &[u8],
        patterns: &[Vec<u8>],
    ) -> Result<(), RunError> {
        if !compare::is_possible(comparison) {
            return Err(RunError::UNTOLD);
        }
        let name = self.expand(name)?;
        // These are never deleted.
        if name.eq_ignore_ascii_case(b"received") || name.eq_ignore_ascii_case(b"auto-submitted") {
            return Ok(());
        }
        if patterns.is_empty() {
            self.input.headers.remove(&name, index);
            return Ok(());
        }
        let values: Vec<Vec<u8>> =
            self.input.headers.bodies(&name).into_iter().map(|body| parse_mimeheader(body, false)).collect();
        let total = values.len();
        let counted = if index == 0 { total } else { 1 }.to_string().into_bytes();
        let range = match i64::from(index) {
            0 => 0..total,
            index => {
                let count = i64::try_from(total).unwrap_or(i64::MAX);
                let at = if index < 0 { index + count } else { index - 1 };
                match usize::try_from(at).ok().filter(|at| *at < total) {
                    Some(at) => at..at + 1,
                    None => 0..0,
                }
            }
        };
        let mut doomed = Vec::new();
        for at in range {
            for pattern in patterns {
                // Expanded whatever the script requires.
                let pattern = self.vars.expand(pattern).ok_or(RunError::BUDGET)?;
                let value = if comparison.how == Match::Count { Some(&counted) } else { values.get(at) };
                let value = value.map(Vec::as_slice).unwrap_or_default();
                let found = compare::compare(comparison, value, &pattern, &mut self.budget, self.host)?;
                if found.matched {
                    doomed.push(at);
                    break;
                }
            }
        }
        for at in doomed.into_iter().rev() {
            self.input.headers.remove(&name, i32::try_from(at + 1).unwrap_or(i32::MAX));
        }
        Ok(())
    }
}

fn priority_word(priority: Priority) -> &'static str {
    match priority {
        Priority::Any => "any",
        Priority::High => "high",
        Priority::Low => "low",
        Priority::Normal => "normal",
    }
}

/// The method of a URI, whose rest becomes the first option.
fn method_and_options(is_enotify: bool, method: &Text, options: &[Vec<u8>]) -> (Text, Vec<Vec<u8>>) {
    let mut options = options.to_vec();
    let starts = |text: &[u8], prefix: &[u8]| {
        text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
    };
    let method = match method {
        Some(uri) if is_enotify && starts(uri, b"mailto:") => {
            options.insert(0, uri.get(7..).unwrap_or_default().to_vec());
            Some(b"mailto".to_vec())
        }
        Some(uri) if is_enotify && starts(uri, b"https://cyrusimap.org/notifiers/") => {
            Some(uri.get(32..).unwrap_or_default().to_vec())
        }
        other => other.clone(),
    };
    (method, options)
}
