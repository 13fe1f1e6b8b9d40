//! LIST and its extensions (RFC 3501 6.3.8, RFC 5258, 5819, 6154, 8440).
//!
//! The names are found in one read transaction on mailboxes.db, what is missing about them is
//! asked in a second one, and special uses in one on annotations.db: no lock is held across
//! another or across STATUS.

use crate::command::ListRequest;
use crate::reply::Answer;
use crate::response::list::{Attributes, put_line};
use crate::session::{Flow, Session, User};
use libcyrus::auth::ServerOp;
use libcyrus::base::config::{Config, Opt};
use libcyrus::store::mboxlist::{Find, Found, MbEntry, MbKind, NonImapFolders, Step};
use libcyrus::store::{Catalog, Result};
use libcyrus::util::mboxname::{Category, MboxName};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::{Bound, ControlFlow};

/// Which command asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// LIST with one pattern and nothing else.
    Basic,
    /// LIST with options or several patterns (RFC 5258).
    Extended,
    /// LSUB
    Lsub,
    /// XLIST, LIST that always tells special uses, and which mailbox is the INBOX.
    Xlist,
}

impl Form {
    /// Name of the response.
    fn response(self) -> &'static str {
        match self {
            Self::Basic | Self::Extended => "LIST",
            Self::Lsub => "LSUB",
            Self::Xlist => "XLIST",
        }
    }
}

/// LIST.
pub fn list(session: &mut Session<'_>, request: &ListRequest) -> Flow {
    let mut request = request.clone();
    request.return_children = true;
    match session.magicplus.as_deref() {
        Some(b"+") => request.select_subscribed = true,
        Some(plus) if plus.eq_ignore_ascii_case(b"+dav") => request.select_dav = true,
        _ => {}
    }
    super::create::autocreate_inbox(session);
    let form = match request {
        ListRequest { extended: true, .. } => Form::Extended,
        ListRequest { is_xlist: true, .. } => Form::Xlist,
        _ => Form::Basic,
    };
    run(session, request, form)
}

/// One response to be written.
struct Response {
    ext: Vec<u8>,
    entry: Option<MbEntry>,
    attributes: Attributes,
}

/// What a LIST has to tell so far.
#[derive(Default)]
struct Told {
    /// The lines.
    out: Vec<u8>,
    /// How often a name was looked at, where that is told.
    calls: u32,
    /// The longest of the metadata entries that are too long to be told (MAXSIZE).
    longest: u64,
}

/// Runs LIST or LSUB.
pub(super) fn run(session: &mut Session<'_>, mut request: ListRequest, form: Form) -> Flow {
    let started = std::time::Instant::now();
    let mut told = Told::default();
    let Some(user) = &session.user else { return Answer::bad("Please login first").into() };
    let separator = user.namespace.hiersep();
    let is_question =
        matches!(form, Form::Basic | Form::Xlist) && request.patterns.first().is_some_and(Vec::is_empty);
    if is_question {
        put_line(&mut told.out, form.response(), Attributes::NO_SELECT, b"", separator, b"");
    } else {
        set_patterns(&session.imapd.config, separator, &mut request, form);
        // A failure is in the log; what was found until then is told, as in C.
        let _ = list_data(session, user, &request, form, &mut told);
    }
    session.stream.write(&told.out);
    super::noop::check(session);
    // As in GETMETADATA one octet above the bound is not reported.
    if request.metadata_options.max_size.is_some_and(|most| told.longest > most.saturating_add(1)) {
        return Answer::completed().with_code(format!("METADATA LONGENTRIES {}", told.longest)).into();
    }
    let seconds = started.elapsed().as_secs_f64();
    let calls = if told.calls > 0 { format!(" {} calls", told.calls) } else { String::new() };
    Answer::ok(format!("Completed ({seconds:.3} secs{calls})")).into()
}

/// Puts the reference in front of each pattern. C: canonical_list_patterns()
fn set_patterns(config: &Config, separator: u8, request: &mut ListRequest, form: Form) {
    let ignores = config.switch(Opt::Ignorereference);
    for pattern in &mut request.patterns {
        let is_absolute = pattern.first() == Some(&separator);
        if !ignores || is_absolute {
            let reference = match request.reference.strip_suffix(&[separator]) {
                Some(short) if is_absolute => short,
                _ => &request.reference,
            };
            *pattern = [reference, pattern.as_slice()].concat();
        }
    }
    if form != Form::Extended
        && config.switch(Opt::Foolstupidclients)
        && let Some(first) = request.patterns.first_mut().filter(|first| first.as_slice() == b"*")
    {
        *first = b"INBOX*".to_vec();
    }
}

fn list_data(
    session: &Session<'_>,
    user: &User,
    request: &ListRequest,
    form: Form,
    told: &mut Told,
) -> Result<()> {
    let catalog = &session.imapd.catalog;
    let is_admin = session.authorize_server(ServerOp::ListAll).is_ok();
    let find = Find { namespace: &user.namespace, auth: &user.auth, is_admin, patterns: &request.patterns };
    let skips = Skips { request, user, is_admin, folders: NonImapFolders::new(&session.imapd.config) };
    let responses = if request.select_recursivematch {
        recursive_match(catalog, &find, &skips, &mut told.calls)?
    } else if request.select_subscribed {
        subscribed(catalog, &find, &skips, form, &mut told.calls)?
    } else {
        all(session, &find, &skips, &mut told.calls)?
    };
    Writer { session, user, request, form }.write(responses, told)
}

/// What is passed over before it can be taken for somebody's parent.
struct Skips<'a> {
    request: &'a ListRequest,
    user: &'a User,
    /// Sees everything.
    is_admin: bool,
    folders: NonImapFolders,
}

impl Skips<'_> {
    fn skips(&self, ext: &[u8], entry: Option<&MbEntry>) -> bool {
        if self.is_admin {
            return false;
        }
        let mbtype = entry.map(|entry| entry.mbtype).unwrap_or_default();
        if mbtype.kind == MbKind::Netnews {
            return true;
        }
        if mbtype.is_intermediate() && !self.request.select_intermediates {
            return true;
        }
        !self.request.select_dav && self.is_no_imap(ext, entry)
    }

    fn is_no_imap(&self, ext: &[u8], entry: Option<&MbEntry>) -> bool {
        if entry.is_some_and(|entry| !matches!(entry.mbtype.kind, MbKind::Email | MbKind::Netnews)) {
            return true;
        }
        let rules = self.user.namespace.rules();
        let parts = match entry {
            Some(entry) => entry.name.parts(rules),
            None => self.user.namespace.parts_of(ext, Some(self.user.auth.userid())),
        };
        self.folders.hold(&parts)
    }
}

/// The walk's state: the name that waits until the next one tells whether it has children.
struct Walk<'a> {
    skips: &'a Skips<'a>,
    separator: u8,
    subscriptions: Option<BTreeSet<Vec<u8>>>,
    last: Option<Response>,
    found: Vec<Response>,
}

impl<'a> Walk<'a> {
    fn new(skips: &'a Skips<'a>) -> Self {
        let separator = skips.user.namespace.hiersep();
        Self { skips, separator, subscriptions: None, last: None, found: Vec::new() }
    }

    fn is_below(&self, ext: &[u8], above: &[u8]) -> bool {
        ext.strip_prefix(above).is_some_and(|rest| rest.first() == Some(&self.separator))
    }

    fn last_has_child(&self, found: &Found) -> bool {
        self.last.as_ref().is_some_and(|last| {
            self.is_below(&found.ext, &last.ext) || (!found.is_exact && last.ext == found.ext)
        })
    }

    fn mark_last(&mut self, attributes: Attributes) {
        if let Some(last) = &mut self.last {
            last.attributes.add(attributes);
        }
    }

    /// Lets the waiting name go and takes the next; false when it is passed over.
    /// C: perform_output()
    fn take(&mut self, ext: &[u8], entry: Option<&MbEntry>) -> bool {
        if self.skips.skips(ext, entry) {
            return false;
        }
        if self.last.as_ref().is_some_and(|last| last.ext == ext || self.is_below(&last.ext, ext)) {
            return false;
        }
        self.flush();
        self.last =
            Some(Response { ext: ext.to_vec(), entry: entry.cloned(), attributes: Attributes::default() });
        true
    }

    fn flush(&mut self) {
        let Some(mut last) = self.last.take() else { return };
        self.add_subscriptions(&mut last);
        let is_subscribed =
            last.attributes.has(Attributes::SUBSCRIBED) || last.attributes.has(Attributes::CHILD_SUBSCRIBED);
        if !self.skips.request.select_subscribed || is_subscribed {
            self.found.push(last);
        }
    }

    /// C: _addsubs()
    fn add_subscriptions(&self, last: &mut Response) {
        let (Some(subscriptions), Some(entry)) = (&self.subscriptions, &last.entry) else { return };
        let name = entry.name.as_bytes();
        if subscriptions.contains(name) {
            last.attributes.add(match last.attributes.has(Attributes::NON_EXISTENT) {
                true => Attributes::CHILD_SUBSCRIBED,
                false => Attributes::SUBSCRIBED,
            });
        }
        let below = [name, b"."].concat();
        let from = (Bound::Included(below.as_slice()), Bound::Unbounded);
        if subscriptions.range::<[u8], _>(from).next().is_some_and(|first| first.starts_with(&below)) {
            last.attributes.add(Attributes::CHILD_SUBSCRIBED);
        }
    }
}

/// Everything that matches. C: list_cb()
fn all(session: &Session<'_>, find: &Find<'_>, skips: &Skips<'_>, calls: &mut u32) -> Result<Vec<Response>> {
    let catalog = &session.imapd.catalog;
    let mut walk = Walk::new(skips);
    if skips.request.return_subscribed {
        let names = catalog.subscriptions(find.auth.userid())?;
        walk.subscriptions = Some(names.into_iter().map(MboxName::into_bytes).collect());
    }
    let shows_deleted =
        find.is_admin || (skips.request.select_deleted && session.imapd.config.switch(Opt::Allowdeleted));
    let mut inter = None;
    if skips.request.select_intermediates {
        inter = Some(intermediates(catalog, find)?);
    }
    catalog.find_all(find, |step| {
        let found = match step {
            Step::Section => {
                if walk.last.as_ref().is_some_and(|last| !last.attributes.has(Attributes::HAS_CHILDREN)) {
                    walk.mark_last(Attributes::HAS_NO_CHILDREN);
                }
                walk.flush();
                return ControlFlow::Continue(());
            }
            Step::Name(found) => found,
        };
        if !shows_deleted && found.parts.deleted != 0 {
            return ControlFlow::Continue(());
        }
        *calls = calls.saturating_add(1);
        if walk.last_has_child(found) {
            walk.mark_last(Attributes::HAS_CHILDREN);
        } else if walk.last.as_ref().is_some_and(|last| !last.attributes.has(Attributes::HAS_CHILDREN)) {
            walk.mark_last(Attributes::HAS_NO_CHILDREN);
        }
        if let Some(inter) = &inter {
            add_intermediates(&mut walk, inter, &found.ext);
        }
        if walk.take(&found.ext, found.entry.as_ref()) {
            if !found.is_exact {
                walk.mark_last(Attributes::HAS_CHILDREN);
                walk.mark_last(Attributes::NON_EXISTENT);
            } else if found.category == Category::AltInbox {
                walk.mark_last(Attributes::NO_INFERIORS);
            }
        }
        ControlFlow::Continue(())
    })?;
    walk.flush();
    Ok(walk.found)
}

/// The intermediate names of the reader by external name.
fn intermediates(catalog: &Catalog, find: &Find<'_>) -> Result<BTreeMap<Vec<u8>, MbEntry>> {
    let userid = find.auth.userid();
    let entries = catalog.user_mailboxes(userid, false)?;
    let named = entries
        .into_iter()
        .filter_map(|entry| Some((find.namespace.to_external(&entry.name, Some(userid))?, entry)));
    Ok(named.collect())
}

/// Tells the ancestors that stand between the last name and this one. C: add_intermediates()
fn add_intermediates(walk: &mut Walk<'_>, known: &BTreeMap<Vec<u8>, MbEntry>, ext: &[u8]) {
    let separators = ext.iter().enumerate().filter(|(_, byte)| **byte == walk.separator);
    let ancestors: Vec<&[u8]> = separators.filter_map(|(at, _)| ext.get(..at)).collect();
    for ancestor in ancestors {
        let is_told =
            walk.last.as_ref().is_some_and(|last| last.ext == ancestor || walk.is_below(&last.ext, ancestor));
        if let (false, Some(entry)) = (is_told, known.get(ancestor)) {
            let entry = MbEntry { mbtype: entry.mbtype.with_intermediate(true), ..entry.clone() };
            walk.take(ancestor, Some(&entry));
        }
    }
}

/// Subscriptions that match. C: subscribed_cb()
fn subscribed(
    catalog: &Catalog,
    find: &Find<'_>,
    skips: &Skips<'_>,
    form: Form,
    calls: &mut u32,
) -> Result<Vec<Response>> {
    let mut matches: Vec<Option<Found>> = Vec::new();
    catalog.find_subscribed(find, false, |step| {
        matches.push(match step {
            Step::Section => None,
            Step::Name(found) => Some(found.clone()),
        });
        ControlFlow::Continue(())
    })?;
    let reader = catalog.list_reader()?;
    let mut walk = Walk::new(skips);
    for found in matches {
        let Some(found) = found else {
            walk.flush();
            continue;
        };
        *calls = calls.saturating_add(1);
        if walk.last_has_child(&found) {
            walk.mark_last(Attributes::HAS_CHILDREN);
        }
        if found.is_exact {
            let entry = reader.lookup(&found.parts.to_name(catalog.rules()))?;
            walk.take(&found.ext, entry.as_ref());
            walk.mark_last(Attributes::SUBSCRIBED);
            if entry.is_none() {
                walk.mark_last(Attributes::NON_EXISTENT);
            }
            if found.category == Category::AltInbox {
                walk.mark_last(Attributes::NO_INFERIORS);
            }
        } else if form == Form::Lsub {
            walk.take(&found.ext, found.entry.as_ref());
            walk.mark_last(Attributes::CHILD_SUBSCRIBED);
        }
    }
    walk.flush();
    Ok(walk.found)
}

/// Subscriptions, and names that match and have one below. C: recursivematch_cb()
fn recursive_match(
    catalog: &Catalog,
    find: &Find<'_>,
    skips: &Skips<'_>,
    calls: &mut u32,
) -> Result<Vec<Response>> {
    let mut table: BTreeMap<Vec<u8>, (Attributes, Option<MboxName>)> = BTreeMap::new();
    let shows_all = find.is_admin || skips.request.select_dav;
    catalog.find_subscribed(find, false, |step| {
        let Step::Name(found) = step else { return ControlFlow::Continue(()) };
        *calls = calls.saturating_add(1);
        if !shows_all && skips.is_no_imap(&found.ext, None) {
            return ControlFlow::Continue(());
        }
        let slot = table.entry(found.ext.clone()).or_insert((Attributes::NON_EXISTENT, None));
        if found.is_exact {
            slot.0.add(Attributes::SUBSCRIBED);
            slot.1 = Some(found.parts.to_name(catalog.rules()));
        } else {
            slot.0.add(Attributes::CHILD_SUBSCRIBED);
            slot.0.add(Attributes::HAS_CHILDREN);
        }
        ControlFlow::Continue(())
    })?;
    let reader = catalog.list_reader()?;
    let mut responses = Vec::new();
    for (ext, (mut attributes, name)) in table {
        let entry = match name {
            Some(name) => reader.lookup(&name)?,
            None => None,
        };
        if entry.is_some() {
            attributes.remove(Attributes::NON_EXISTENT);
        }
        responses.push(Response { ext, entry, attributes });
    }
    Ok(responses)
}

/// Finishes the attributes and writes the lines. C: list_response()
struct Writer<'a> {
    session: &'a Session<'a>,
    user: &'a User,
    request: &'a ListRequest,
    form: Form,
}

impl Writer<'_> {
    fn write(&self, mut responses: Vec<Response>, told: &mut Told) -> Result<()> {
        for response in &mut responses {
            if response.entry.as_ref().is_some_and(|entry| entry.mbtype.is_intermediate()) {
                response.attributes.add(Attributes::NON_EXISTENT);
            }
            if response.attributes.has(Attributes::NON_EXISTENT) && self.form != Form::Extended {
                response.attributes.add(Attributes::NO_SELECT);
                response.attributes.remove(Attributes::NON_EXISTENT);
            }
        }
        if self.request.return_children {
            self.find_children(&mut responses, &mut told.calls)?;
        }
        responses.retain_mut(|response| self.settle(response));
        let uses = self.special_uses(&responses)?;
        for (mut response, uses) in responses.into_iter().zip(uses) {
            if self.request.select_special_use && uses.is_empty() {
                continue;
            }
            self.put(&mut response, &uses, told);
        }
        Ok(())
    }

    fn find_children(&self, responses: &mut [Response], calls: &mut u32) -> Result<()> {
        let namespace = &self.user.namespace;
        let mut reader = None;
        for response in responses {
            let attributes = &mut response.attributes;
            if attributes.has(Attributes::HAS_CHILDREN) || attributes.has(Attributes::HAS_NO_CHILDREN) {
                continue;
            }
            let has_children = if namespace.is_alt() && response.ext == b"INBOX" {
                // What is below it in the alternate namespace stands beside it.
                false
            } else {
                let name = match &response.entry {
                    Some(entry) => entry.name.clone(),
                    None => namespace.to_internal(&response.ext, Some(self.user.auth.userid())),
                };
                let reader = match &mut reader {
                    Some(reader) => reader,
                    none => none.insert(self.session.imapd.catalog.list_reader()?),
                };
                reader.has_children(&name)?
            };
            attributes.add(match has_children {
                true => Attributes::HAS_CHILDREN,
                false => Attributes::HAS_NO_CHILDREN,
            });
            *calls = calls.saturating_add(u32::from(has_children));
        }
        Ok(())
    }

    /// Leaves only attributes that may stand together; false when the name is not to be told.
    fn settle(&self, response: &mut Response) -> bool {
        let attributes = &mut response.attributes;
        if attributes.has(Attributes::NON_EXISTENT) || attributes.has(Attributes::NO_SELECT) {
            let keeps = match self.form {
                Form::Extended => true,
                Form::Lsub => attributes.has(Attributes::CHILD_SUBSCRIBED),
                Form::Basic | Form::Xlist => attributes.has(Attributes::HAS_CHILDREN),
            };
            if !keeps {
                return false;
            }
        }
        if self.form == Form::Lsub {
            if !attributes.has(Attributes::SUBSCRIBED) && attributes.has(Attributes::CHILD_SUBSCRIBED) {
                attributes.add(Attributes::NO_SELECT);
                attributes.add(Attributes::HAS_CHILDREN);
            }
            attributes.remove(Attributes::SUBSCRIBED);
        }
        if !self.request.select_recursivematch {
            attributes.remove(Attributes::CHILD_SUBSCRIBED);
        }
        if attributes.has(Attributes::NO_INFERIORS) {
            attributes.remove(Attributes::HAS_CHILDREN);
        }
        if attributes.has(Attributes::HAS_CHILDREN) {
            attributes.remove(Attributes::HAS_NO_CHILDREN);
        }
        if self.form == Form::Extended {
            if attributes.has(Attributes::NO_INFERIORS) {
                attributes.remove(Attributes::HAS_NO_CHILDREN);
            }
            if attributes.has(Attributes::NON_EXISTENT) {
                attributes.remove(Attributes::NO_SELECT);
            }
        }
        true
    }

    /// Special uses of the reader's own folders, in the order of the responses.
    fn special_uses(&self, responses: &[Response]) -> Result<Vec<Vec<u8>>> {
        let mut all = vec![Vec::new(); responses.len()];
        let is_asked = self.request.return_special_use || self.request.is_xlist;
        if !is_asked && !self.session.imapd.config.switch(Opt::Specialusealways) {
            return Ok(all);
        }
        let catalog = &self.session.imapd.catalog;
        let userid = self.user.auth.userid();
        let inbox = MboxName::user_inbox(userid, catalog.rules());
        for (response, slot) in responses.iter().zip(&mut all) {
            let is_inbox = response.entry.as_ref().is_some_and(|entry| entry.name == inbox);
            if self.form == Form::Xlist && is_inbox {
                *slot = b"\\Inbox".to_vec();
            }
        }
        let own = |response: &Response| {
            response.entry.as_ref().is_some_and(|e| e.name != inbox && e.name.is_in_tree_of(&inbox))
        };
        let (places, entries): (Vec<usize>, Vec<&MbEntry>) = responses
            .iter()
            .enumerate()
            .filter(|(_, response)| own(response))
            .filter_map(|(at, response)| Some((at, response.entry.as_ref()?)))
            .unzip();
        let found = catalog.special_uses_of(userid, &entries)?;
        for (at, uses) in places.into_iter().zip(found) {
            if let Some(slot) = all.get_mut(at) {
                *slot = uses;
            }
        }
        Ok(all)
    }

    fn put(&self, response: &mut Response, uses: &[u8], told: &mut Told) {
        let out = &mut told.out;
        let status = match (&self.request.return_status, &response.entry) {
            (Some(items), Some(entry)) => {
                let data = super::status::look_up(self.session, entry, items);
                if data.is_err() {
                    // RFC 5819 2: no STATUS response then.
                    response.attributes.add(Attributes::NO_SELECT);
                }
                data.ok().map(|data| (data, items))
            }
            _ => None,
        };
        put_line(
            out,
            self.form.response(),
            response.attributes,
            uses,
            self.user.namespace.hiersep(),
            &response.ext,
        );
        if response.attributes.has(Attributes::NO_SELECT) {
            return;
        }
        if let Some((data, items)) = status {
            data.put_line(out, &response.ext, items);
        }
        if let (true, Some(entry)) = (self.request.return_myrights, &response.entry) {
            let owner = entry.name.owner(self.session.imapd.catalog.rules());
            let is_own = owner.as_deref() == Some(self.user.auth.userid());
            let line = super::acl::my_rights_line(&self.user.auth, &entry.acl(), is_own, &response.ext);
            out.extend_from_slice(&line.unwrap_or_default());
        }
        if let (false, Some(entry)) = (self.request.return_metadata.is_empty(), &response.entry) {
            let (names, options) = (&self.request.return_metadata, &self.request.metadata_options);
            let (line, biggest) =
                super::metadata::line_of(self.session, entry, names, options, &response.ext);
            out.extend(line);
            told.longest = told.longest.max(biggest);
        }
    }
}
