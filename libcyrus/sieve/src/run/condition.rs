//! The tests. C: eval_bc_test()

use super::body::Body;
use super::budget;
use super::evaluate::Run;
use super::vacation::whole;
use super::{RunError, compare, date, flags};
use crate::code::{AddressPart, DuplicateId, Match, SizeSide};
use crate::settings::Capability;
use crate::verify::{Comparison, Condition, DateZone};
use cyrus_mime::Message;
use cyrus_mime::address::{Address, parse_list};
use cyrus_mime::charset::parse_mimeheader;
use cyrus_util::datetime::parse_rfc5322;
use std::borrow::Cow;

type Verdict = Result<bool, RunError>;

impl Run<'_> {
    /// Evaluates a test.
    pub fn test(&mut self, condition: &Condition) -> Verdict {
        self.budget.work(budget::STEP)?;
        match condition {
            Condition::Address { index, comparison, part, headers, keys } => {
                self.address(Some(*index), *comparison, *part, headers, keys)
            }
            Condition::Envelope { comparison, part, fields, keys } => {
                self.address(None, *comparison, *part, fields, keys)
            }
            Condition::Allof(tests) => {
                for test in tests {
                    if !self.test(test)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Condition::Anyof(tests) => {
                for test in tests {
                    if self.test(test)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Condition::Body { comparison, types, keys } => self.body(*comparison, types, keys),
            Condition::Date { header, zone, comparison, part, keys } => {
                let Some((at, minutes)) = self.date_of(header.as_ref(), zone)? else { return Ok(false) };
                check(*comparison)?;
                if comparison.how == Match::Count {
                    return Ok(false);
                }
                let text = date::part(*part, at, minutes);
                self.any_key(*comparison, text.as_bytes(), keys, Matches::Set)
            }
            Condition::Duplicate { by, id, handle, seconds, last } => {
                self.duplicate(*by, id, handle, *seconds, *last)
            }
            Condition::Environment { comparison, item, keys } => {
                check(*comparison)?;
                let item = self.expand(item)?;
                match self.host.environment(&item) {
                    Some(value) => self.any_key(*comparison, &value, keys, Matches::Leave),
                    None => Ok(false),
                }
            }
            Condition::Exists(names) => {
                for name in names {
                    let name = self.expand(name)?;
                    if self.input.headers.first(&name).is_none() {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Condition::Hasflag { comparison, variables, keys } => self.hasflag(*comparison, variables, keys),
            Condition::Header { index, comparison, headers, keys } => {
                self.header(*index, *comparison, headers, keys)
            }
            Condition::Impossible => Err(RunError::UNTOLD),
            Condition::Ihave(names) => Ok(names.iter().all(|name| {
                Capability::by_name(name).is_some_and(|capability| self.input.active.has(capability))
            })),
            // Whatever we said, the message might be filed or discarded against the script.
            Condition::Jmapquery(_) => Err(RunError::new("jmapquery is not supported")),
            Condition::Mailboxexists(names) => {
                // Any of them will do, against the RFC.
                for name in names {
                    let name = self.expand(name)?;
                    if self.host.mailbox_exists(&name) {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Condition::Mailboxidexists(ids) => {
                for id in ids {
                    let id = self.expand(id)?;
                    if self.host.mailboxid_exists(&id) {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Condition::Metadata { comparison, mailbox, entry, keys } => {
                check(*comparison)?;
                let mailbox = mailbox.as_ref().map(|mailbox| self.expand(mailbox)).transpose()?;
                let entry = self.expand(entry)?;
                match self.host.metadata(mailbox.as_deref(), &entry) {
                    Some(value) => self.any_key(*comparison, &value, keys, Matches::Leave),
                    None => Ok(false),
                }
            }
            Condition::Metadataexists { mailbox, entries } => {
                let mailbox = mailbox.as_ref().map(|mailbox| self.expand(mailbox)).transpose()?;
                for entry in entries {
                    let entry = self.expand(entry)?;
                    if self.host.metadata(mailbox.as_deref(), &entry).is_none() {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Condition::Not(test) => Ok(!self.test(test)?),
            Condition::NotifyMethodCapability { comparison, capability, keys } => {
                check(*comparison)?;
                let capability = self.expand(capability)?;
                let value: &[u8] = match () {
                    () if capability.eq_ignore_ascii_case(b"online") => b"maybe",
                    () if capability.eq_ignore_ascii_case(b"fcc") => b"no",
                    () => return Ok(false),
                };
                self.any_key(*comparison, value, keys, Matches::Leave)
            }
            Condition::Size { side, octets } => {
                let octets = u64::try_from(*octets).unwrap_or(0);
                Ok(match side {
                    SizeSide::Over => self.input.size > octets,
                    SizeSide::Under => self.input.size < octets,
                })
            }
            Condition::SpecialuseExists { mailbox, uses } => {
                let mailbox = mailbox.as_ref().map(|mailbox| self.expand(mailbox)).transpose()?;
                if let Some(mailbox) = &mailbox {
                    if !self.host.mailbox_exists(mailbox) {
                        return Ok(false);
                    }
                }
                Ok(self.host.special_uses_exist(mailbox.as_deref(), uses))
            }
            Condition::String { comparison, sources, keys } => self.string(*comparison, sources, keys),
            Condition::True(verdict) => Ok(*verdict),
            Condition::ValidExtList(lists) => {
                for list in lists {
                    let list = self.expand(list)?;
                    if !self.host.is_list(&list) {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Condition::ValidNotifyMethod(uris) => {
                for uri in uris {
                    let uri = self.expand(uri)?;
                    let scheme = if self.expands {
                        let end =
                            uri.iter().position(|&octet| octet == b':').map_or(uri.len(), |colon| colon + 1);
                        uri.get(..end).unwrap_or(&uri).to_vec()
                    } else {
                        uri
                    };
                    if !scheme.eq_ignore_ascii_case(b"mailto:") {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
        }
    }

    /// Whether any of the keys matches; they are expanded first.
    fn any_key(
        &mut self,
        comparison: Comparison,
        text: &[u8],
        keys: &[Vec<u8>],
        matches: Matches,
    ) -> Verdict {
        for key in keys {
            let key = self.expand(key)?;
            if self.one_key(comparison, text, &key, matches)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Compares with an expanded key.
    fn one_key(&mut self, comparison: Comparison, text: &[u8], key: &[u8], matches: Matches) -> Verdict {
        let found = compare::compare(comparison, text, key, &mut self.budget, self.host)?;
        if let (Some(new), Matches::Set) = (found.matches, matches) {
            self.vars.matches = new;
        }
        Ok(found.matched)
    }

    fn counted(&mut self, comparison: Comparison, count: usize, keys: &[Vec<u8>]) -> Verdict {
        self.any_key(comparison, count.to_string().as_bytes(), keys, Matches::Set)
    }

    /// `envelope` is `address` without index.
    fn address(
        &mut self,
        header_index: Option<i32>,
        comparison: Comparison,
        part: AddressPart,
        names: &[Vec<u8>],
        keys: &[Vec<u8>],
    ) -> Verdict {
        check(comparison)?;
        let mut index = Index(i64::from(header_index.unwrap_or(0)));
        let mut count = 0;
        for name in names {
            let name = self.expand(name)?;
            let (bodies, is_reverse_path) = match header_index {
                Some(_) => (self.bodies(&name), false),
                None => (self.envelope(&name).map(|value| vec![value]), name == b"from"),
            };
            let Some(bodies) = bodies else { continue };
            let Some(range) = index.range(bodies.len()) else { break };
            for body in bodies.get(range).unwrap_or_default() {
                let addresses = if body.is_empty() && is_reverse_path {
                    vec![Address::default()]
                } else {
                    parse_list(body)
                };
                for address in &addresses {
                    if comparison.how == Match::Count {
                        count += 1;
                    } else {
                        let text = part_of(address, part);
                        if self.any_key(comparison, &text, keys, Matches::Set)? {
                            return Ok(true);
                        }
                    }
                }
            }
        }
        if comparison.how == Match::Count { self.counted(comparison, count, keys) } else { Ok(false) }
    }

    fn header(&mut self, index: i32, comparison: Comparison, names: &[Vec<u8>], keys: &[Vec<u8>]) -> Verdict {
        check(comparison)?;
        let mut index = Index(i64::from(index));
        let mut count = 0;
        for name in names {
            let name = self.expand(name)?;
            let Some(bodies) = self.bodies(&name) else { continue };
            let Some(range) = index.range(bodies.len()) else { break };
            for body in bodies.get(range).unwrap_or_default() {
                if comparison.how == Match::Count {
                    count += 1;
                } else {
                    let text = parse_mimeheader(body, true);
                    if self.any_key(comparison, text.trim_ascii(), keys, Matches::Set)? {
                        return Ok(true);
                    }
                }
            }
        }
        if comparison.how == Match::Count { self.counted(comparison, count, keys) } else { Ok(false) }
    }

    fn string(&mut self, comparison: Comparison, sources: &[Vec<u8>], keys: &[Vec<u8>]) -> Verdict {
        check(comparison)?;
        let mut count = 0;
        for source in sources {
            let source = self.expand(source)?;
            if comparison.how == Match::Count {
                count += usize::from(!source.is_empty());
            } else if self.any_key(comparison, &source, keys, Matches::Set)? {
                return Ok(true);
            }
        }
        if comparison.how == Match::Count && !sources.is_empty() {
            return self.counted(comparison, count, keys);
        }
        Ok(false)
    }

    fn hasflag(&mut self, comparison: Comparison, variables: &[Vec<u8>], keys: &[Vec<u8>]) -> Verdict {
        check(comparison)?;
        let mut lists = Vec::new();
        for variable in variables {
            let mut list = self.vars.list(variable).cloned().unwrap_or_default();
            flags::tidy(&mut list);
            lists.push(list);
        }
        if variables.is_empty() {
            lists.push(self.vars.flags.clone());
        }
        if comparison.how == Match::Count {
            let count = lists.iter().map(Vec::len).sum();
            return self.counted(comparison, count, keys);
        }
        for list in &lists {
            for key in keys {
                let key = self.expand(key)?;
                for flag in list {
                    if self.one_key(comparison, flag, &key, Matches::Set)? {
                        return Ok(true);
                    }
                }
            }
        }
        Ok(false)
    }

    fn duplicate(&mut self, by: DuplicateId, id: &[u8], handle: &[u8], seconds: i32, last: bool) -> Verdict {
        if seconds == 0 {
            return Ok(false);
        }
        let id = match by {
            DuplicateId::Header => match self.input.headers.first(id) {
                Some(body) => body.to_vec(),
                None => return Ok(false),
            },
            DuplicateId::Uniqueid => self.expand(id)?,
        };
        let id = [handle, b":", &id].concat();
        let is_known = self.host.is_duplicate(&id);
        if !is_known || last {
            self.budget.deed()?;
            self.budget.keep(id.len())?;
            self.tracked.push(super::Tracked { id, seconds: i64::from(seconds) });
        }
        Ok(is_known)
    }

    fn bodies(&self, name: &[u8]) -> Option<Vec<Vec<u8>>> {
        let bodies = self.input.headers.bodies(name);
        (!bodies.is_empty()).then(|| bodies.into_iter().map(<[u8]>::to_vec).collect())
    }

    /// C: getenvelope()
    fn envelope(&self, name: &[u8]) -> Option<Vec<u8>> {
        let envelope = self.input.envelope;
        let value = match () {
            () if name.eq_ignore_ascii_case(b"from") => envelope.from,
            () if name.eq_ignore_ascii_case(b"to") => envelope.to,
            () if name.eq_ignore_ascii_case(b"auth") => envelope.auth?,
            () => return None,
        };
        Some(value.to_vec())
    }

    /// The date meant and its zone in minutes; the date is moved by the zone.
    fn date_of(
        &self,
        header: Option<&(i32, Vec<u8>)>,
        zone: &DateZone,
    ) -> Result<Option<(i64, i64)>, RunError> {
        let mut minutes = match zone {
            DateZone::Original => 0,
            DateZone::Local => date::local_minutes(),
            DateZone::Offset(offset) => match date::zone_minutes(&self.expand(offset)?) {
                Some(minutes) => minutes,
                None => return Ok(None),
            },
        };
        let at = match header {
            None => self.input.now,
            Some((index, name)) => {
                let name = self.expand(name)?;
                let bodies = self.input.headers.bodies(&name);
                let body =
                    Index(i64::from(*index)).range(bodies.len()).and_then(|range| bodies.get(range.start));
                let Some(body) = body else { return Ok(None) };
                let behind =
                    body.iter().rposition(|&octet| octet == b';').map_or(0, |semicolon| semicolon + 1);
                let Some(at) = body.get(behind..).and_then(parse_rfc5322) else { return Ok(None) };
                if *zone == DateZone::Original {
                    let blank = body.iter().rposition(|&octet| octet == b' ');
                    let stated = blank.and_then(|blank| date::zone_minutes(body.get(blank + 1..)?));
                    let Some(stated) = stated else { return Ok(None) };
                    minutes = stated;
                }
                at
            }
        };
        Ok(Some((at.saturating_add(minutes * 60), minutes)))
    }

    fn body(&mut self, comparison: Comparison, types: &[Vec<u8>], keys: &[Vec<u8>]) -> Verdict {
        check(comparison)?;
        let parts = self.parts(types)?;
        if comparison.how == Match::Count {
            return self.counted(comparison, parts.len(), keys);
        }
        for part in parts {
            let Some(body) = &mut self.body else { break };
            let text = body.take(part, &mut self.budget)?;
            // Wildcards set match variables here too, against the RFC.
            let verdict = match &text {
                Some(text) => self.any_key(comparison, text, keys, Matches::Set),
                None => Ok(false),
            };
            if let Some(body) = &mut self.body {
                body.put(part, text);
            }
            if verdict? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The first text part, decoded: `$text$` of notifications.
    pub fn first_text(&mut self) -> Result<Option<Vec<u8>>, RunError> {
        let parts = self.parts(&[b"text".to_vec()])?;
        let (Some(&first), Some(body)) = (parts.first(), &mut self.body) else { return Ok(None) };
        Ok(body.take(first, &mut self.budget)?.map(Cow::into_owned))
    }

    /// Numbers of the parts that have one of the types.
    fn parts(&mut self, types: &[Vec<u8>]) -> Result<Vec<usize>, RunError> {
        if self.body.is_none() {
            self.budget.work(self.input.message.len() as u64)?;
            let message = Message::parse(self.input.message, &self.input.limits);
            self.body = Some(Body::new(self.input.message, message));
        }
        Ok(self.body.as_ref().map(|body| body.parts(types)).unwrap_or_default())
    }
}

/// Whether a comparison writes `${0}`.
#[derive(Clone, Copy)]
enum Matches {
    Set,
    Leave,
}

/// The index of a test. C changes it as it goes from field to field, so that it means something else for the
/// second.
struct Index(i64);

impl Index {
    /// Which of `count` instances are meant; `None` when there is no such one.
    fn range(&mut self, count: usize) -> Option<std::ops::Range<usize>> {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        if self.0 == 0 {
            return Some(0..usize::try_from(count).unwrap_or(0));
        }
        if self.0 > 0 {
            self.0 -= 1;
        } else {
            self.0 += count;
        }
        let at = usize::try_from(self.0).ok().filter(|_| self.0 < count)?;
        Some(at..at + 1)
    }
}

/// A comparison that does not exist ends the script.
fn check(comparison: Comparison) -> Result<(), RunError> {
    if compare::is_possible(comparison) { Ok(()) } else { Err(RunError::new("Invalid test")) }
}

fn part_of(address: &Address, part: AddressPart) -> Vec<u8> {
    let mailbox = address.mailbox.as_deref();
    let plus = mailbox.and_then(|mailbox| mailbox.iter().position(|&octet| octet == b'+'));
    match part {
        AddressPart::All => whole(&address.mailbox, &address.host),
        AddressPart::Localpart => mailbox.unwrap_or_default().to_vec(),
        AddressPart::Domain => address.host.clone().unwrap_or_default(),
        AddressPart::User => {
            let mailbox = mailbox.unwrap_or_default();
            mailbox.get(..plus.unwrap_or(mailbox.len())).unwrap_or(mailbox).to_vec()
        }
        AddressPart::Detail => {
            plus.and_then(|plus| mailbox?.get(plus + 1..)).map(<[u8]>::to_vec).unwrap_or_default()
        }
    }
}
