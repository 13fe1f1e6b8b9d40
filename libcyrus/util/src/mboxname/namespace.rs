//! Names as clients see them: hierarchy separator, standard and alternate namespace, domains.
//!
//! A [`Namespace`] belongs to one session (or to a tool, which sees the administrator's view).
//! Some internal names cannot be written in some namespaces; then there is no external name.

use super::{MboxName, NameRules, Parts, deleted_stamp, hex_start, split};

/// The option `virtdomains`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum VirtDomains {
    /// No domains.
    #[default]
    Off,
    /// Domains only from user names.
    Userid,
    /// Domains from user names or from the address the client connected to.
    Yes,
}

impl VirtDomains {
    /// Whether names may have a domain.
    #[must_use]
    pub fn is_on(self) -> bool {
        self != Self::Off
    }
}

/// What the configuration says about names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Default domain and deleted prefix.
    pub rules: NameRules,
    /// `/` for `unixhierarchysep: yes`, else `.`.
    pub hiersep: u8,
    /// `altnamespace`.
    pub altnamespace: bool,
    /// `virtdomains`.
    pub virtdomains: VirtDomains,
    /// `crossdomains`.
    pub crossdomains: bool,
    /// `crossdomains_onlyother`.
    pub crossdomains_onlyother: bool,
    /// `userprefix`: top folder of other users in the alternate namespace.
    pub userprefix: Vec<u8>,
    /// `sharedprefix`: top folder of shared mailboxes in the alternate namespace.
    pub sharedprefix: Vec<u8>,
    /// `altprefix`: top folder for own names that clash with the others.
    pub altprefix: Vec<u8>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            rules: NameRules::default(),
            hiersep: b'/',
            altnamespace: true,
            virtdomains: VirtDomains::Off,
            crossdomains: false,
            crossdomains_onlyother: false,
            userprefix: b"Other Users".to_vec(),
            sharedprefix: b"Shared Folders".to_vec(),
            altprefix: b"Alt Folders".to_vec(),
        }
    }
}

/// Whose view of the names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Viewer {
    /// An administrator or a tool: standard namespace, domains as `name@domain`.
    Admin,
    /// A user.
    User,
}

/// A prefix the configuration gives is empty, too long or holds the separator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadPrefix;

/// Where a name lies as its reader sees it; the order is that of LIST. C: mbname_category()
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Category {
    /// The reader's INBOX.
    Inbox,
    /// Below INBOX in the alternate namespace (`user.ann.INBOX.x`).
    InboxSub,
    /// Another folder of the reader.
    Owner,
    /// The reader's folder called INBOX below INBOX, alternate namespace.
    AltInbox,
    /// A folder of the reader whose name clashes with a prefix, alternate namespace.
    AltPrefix,
    /// Another user's.
    OtherUser,
    /// Nobody's.
    Shared,
    /// The reader's, deleted.
    OwnerDeleted,
    /// Another user's, deleted.
    OtherDeleted,
}

/// Translates between external and internal names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Namespace {
    options: Options,
    is_admin: bool,
    is_alt: bool,
}

/// Longest prefix, with its terminator.
const MAX_NAMESPACE_PREFIX: usize = 40;

impl Namespace {
    /// The namespace of a viewer. C: mboxname_init_namespace()
    #[must_use]
    pub fn new(options: Options, viewer: Viewer) -> Self {
        let is_admin = viewer == Viewer::Admin;
        let is_alt = options.altnamespace && !is_admin;
        Self { options, is_admin, is_alt }
    }

    /// Whether the prefixes of the configuration can be used.
    ///
    /// # Errors
    /// [`BadPrefix`], which stops a service in C.
    pub fn check_prefixes(&self) -> Result<(), BadPrefix> {
        let fits = |prefix: &[u8]| {
            !prefix.is_empty()
                && prefix.len() < MAX_NAMESPACE_PREFIX
                && !prefix.contains(&self.options.hiersep)
        };
        let (user, shared) = (&self.options.userprefix, &self.options.sharedprefix);
        let clash = user.starts_with(shared);
        if !self.is_alt || (fits(user) && fits(shared) && !clash) { Ok(()) } else { Err(BadPrefix) }
    }

    /// The separator clients see.
    #[must_use]
    pub fn hiersep(&self) -> u8 {
        self.options.hiersep
    }

    /// Whether personal folders stand beside INBOX.
    #[must_use]
    pub fn is_alt(&self) -> bool {
        self.is_alt
    }

    /// Whether this is the administrator's view.
    #[must_use]
    pub fn is_admin(&self) -> bool {
        self.is_admin
    }

    /// The options it was made from.
    #[must_use]
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Default domain and deleted prefix.
    #[must_use]
    pub fn rules(&self) -> &NameRules {
        &self.options.rules
    }

    /// The prefix of the reader's own folders, with separator: `INBOX.` or nothing.
    #[must_use]
    pub fn inbox_prefix(&self) -> Vec<u8> {
        if self.is_alt { Vec::new() } else { [b"INBOX".as_slice(), &[self.options.hiersep]].concat() }
    }

    /// The prefix of other users' folders, with separator.
    #[must_use]
    pub fn user_prefix(&self) -> Vec<u8> {
        let prefix = if self.is_alt { self.options.userprefix.as_slice() } else { b"user" };
        [prefix, &[self.options.hiersep]].concat()
    }

    /// The prefix of shared folders, with separator; nothing in the standard namespace.
    #[must_use]
    pub fn shared_prefix(&self) -> Vec<u8> {
        if self.is_alt {
            [self.options.sharedprefix.as_slice(), &[self.options.hiersep]].concat()
        } else {
            Vec::new()
        }
    }

    /// The internal name of an external one; empty when nothing can be meant.
    /// C: mboxname_from_external()
    #[must_use]
    pub fn to_internal(&self, ext: &[u8], userid: Option<&[u8]>) -> MboxName {
        self.parts_of(ext, userid).to_name(self.rules())
    }

    /// The parts of an external name. C: mbname_from_extname()
    #[must_use]
    pub fn parts_of(&self, ext: &[u8], userid: Option<&[u8]>) -> Parts {
        let mut parts = Parts::default();
        if ext.is_empty() {
            return parts;
        }
        let rules = self.rules();
        let user = Parts::from_userid(userid.unwrap_or_default(), rules);
        let crossdomains = self.crossdomains();
        let mut name = ext;
        if self.admindomains() {
            match rposition(ext, b'@') {
                Some((before, domain)) => {
                    name = before;
                    parts.set_domain(domain, rules);
                }
                None => parts.domain.clone_from(&user.domain),
            }
        } else if !crossdomains {
            parts.domain.clone_from(&user.domain);
        }
        let Some(boxes) = self.split_external(name) else { return parts };
        parts.boxes = boxes;
        let Some(top) = parts.boxes.first().cloned() else { return parts };
        if self.is_alt {
            self.fill_alternate(&mut parts, &user, top);
            return parts;
        }
        if top.eq_ignore_ascii_case(b"INBOX") {
            parts.boxes.remove(0);
            self.fill_own(&mut parts, user);
            return parts;
        }
        if self.is_admin && top == rules.deletedprefix {
            parts.boxes.remove(0);
            match parts.boxes.pop() {
                Some(stamp) => parts.deleted = hex_start(&stamp),
                None => return parts,
            }
        }
        match parts.boxes.first() {
            None => {}
            Some(first) if first == b"user" => {
                parts.boxes.remove(0);
                self.fill_other(&mut parts, &user);
            }
            // A shared mailbox is looked for in the reader's own domain.
            Some(_) if (self.options.virtdomains.is_on() && !self.is_admin) || crossdomains => {
                parts.domain = user.domain;
            }
            Some(_) => {}
        }
        parts
    }

    /// The external name as `userid` sees it; `None` when it cannot be written.
    /// C: mboxname_to_external()
    #[must_use]
    pub fn to_external(&self, name: &MboxName, userid: Option<&[u8]>) -> Option<Vec<u8>> {
        self.external_of(&name.parts(self.rules()), userid)
    }

    /// The external name of parts. C: mbname_extname()
    #[must_use]
    pub fn external_of(&self, parts: &Parts, userid: Option<&[u8]>) -> Option<Vec<u8>> {
        let user = Parts::from_userid(userid.unwrap_or_default(), self.rules());
        let is_own = parts.userid().as_deref() == userid && parts.localpart.is_some();
        if self.is_alt {
            return self.external_alternate(parts, &user, is_own);
        }
        let mut out = Vec::new();
        if parts.deleted != 0 {
            out.extend_from_slice(&self.rules().deletedprefix);
            out.push(self.options.hiersep);
        }
        match &parts.localpart {
            None => {
                let first = parts.boxes.first()?;
                if first.eq_ignore_ascii_case(b"INBOX") {
                    return None;
                }
                if !self.admindomains() && parts.domain != user.domain {
                    return None;
                }
                self.put_external(&mut out, first);
                self.put_boxes(&mut out, parts.boxes.get(1..).unwrap_or_default());
            }
            Some(localpart) if parts.deleted != 0 || !is_own => {
                out.extend_from_slice(b"user");
                out.push(self.options.hiersep);
                self.put_external(&mut out, localpart);
                if self.crossdomains() {
                    self.put_domain(&mut out, parts, &user);
                } else if !self.admindomains() && parts.domain != user.domain {
                    return None;
                }
                self.put_boxes(&mut out, &parts.boxes);
            }
            Some(_) => {
                out.extend_from_slice(b"INBOX");
                self.put_boxes(&mut out, &parts.boxes);
            }
        }
        if parts.deleted != 0 {
            out.push(self.options.hiersep);
            out.extend_from_slice(&deleted_stamp(parts.deleted));
        }
        if let (true, Some(domain)) = (self.admindomains(), &parts.domain) {
            out.push(b'@');
            out.extend_from_slice(domain);
        }
        Some(out)
    }

    /// Where a name lies for its reader. C: mbname_category()
    #[must_use]
    pub fn category(&self, parts: &Parts, userid: Option<&[u8]>) -> Category {
        if parts.localpart.is_none() {
            return Category::Shared;
        }
        let is_own = parts.userid().as_deref() == userid;
        match (parts.deleted != 0, is_own) {
            (true, true) => return Category::OwnerDeleted,
            (true, false) => return Category::OtherDeleted,
            (false, false) => return Category::OtherUser,
            (false, true) => {}
        }
        let Some(top) = parts.boxes.first() else { return Category::Inbox };
        if self.is_alt {
            if top == b"INBOX" {
                return if parts.boxes.len() == 1 { Category::AltInbox } else { Category::InboxSub };
            }
            if top.eq_ignore_ascii_case(b"INBOX") || self.is_prefix_word(top) {
                return Category::AltPrefix;
            }
        }
        Category::Owner
    }

    /// The parts an address `local+detail@domain` names, without the detail's charset conversion:
    /// `detail` must be modified UTF-7 already. C: mbname_from_recipient()
    #[must_use]
    pub fn parts_of_recipient(&self, recipient: &[u8]) -> Parts {
        let mut parts = Parts::default();
        let mut local = recipient;
        if let Some((before, domain)) = rposition(recipient, b'@') {
            local = before;
            if self.options.virtdomains.is_on() {
                parts.set_domain(domain, self.rules());
            }
        }
        match local.iter().position(|&byte| byte == b'+') {
            Some(at) => {
                let detail = local.get(at.saturating_add(1)..).unwrap_or_default();
                let detail = crate::mutf7::from_utf8(detail);
                parts.boxes = split(&detail, self.options.hiersep).map(<[u8]>::to_vec).collect();
                parts.localpart = local.get(..at).map(<[u8]>::to_vec);
            }
            None => parts.localpart = Some(local.to_vec()),
        }
        parts
    }

    fn crossdomains(&self) -> bool {
        self.options.crossdomains && !self.is_admin
    }

    fn admindomains(&self) -> bool {
        self.options.virtdomains.is_on() && self.is_admin
    }

    fn is_prefix_word(&self, word: &[u8]) -> bool {
        word == self.options.userprefix || word == self.options.sharedprefix || word == self.options.altprefix
    }

    /// Components with dots as dots; `None` when a byte cannot stand in a component.
    fn split_external(&self, name: &[u8]) -> Option<Vec<Vec<u8>>> {
        let is_unix = self.options.hiersep == b'/';
        split(name, self.options.hiersep)
            .map(|part| {
                part.iter()
                    .map(|&byte| match byte {
                        b'^' if is_unix => None,
                        b'^' => Some(b'.'),
                        b'/' => None,
                        other => Some(other),
                    })
                    .collect()
            })
            .collect()
    }

    fn fill_alternate(&self, parts: &mut Parts, user: &Parts, top: Vec<u8>) {
        if top == self.options.altprefix {
            parts.boxes.remove(0);
            self.fill_own(parts, user.clone());
        } else if top == self.options.userprefix {
            parts.boxes.remove(0);
            self.fill_other(parts, user);
        } else if top == self.options.sharedprefix {
            parts.boxes.remove(0);
            if self.crossdomains() {
                match parts.boxes.first().and_then(|top| rposition(top, b'@')) {
                    Some((before, domain)) => {
                        let (before, domain) = (before.to_vec(), domain.to_vec());
                        parts.set_domain(&domain, &self.options.rules);
                        if let Some(first) = parts.boxes.first_mut() {
                            *first = before;
                        }
                    }
                    None if self.options.crossdomains_onlyother => {
                        parts.domain.clone_from(&user.domain);
                    }
                    None => {}
                }
            }
        } else {
            self.fill_own(parts, user.clone());
            if top.eq_ignore_ascii_case(b"INBOX") {
                if parts.boxes.len() == 1 {
                    parts.boxes.clear();
                } else if let Some(first) = parts.boxes.first_mut() {
                    *first = b"INBOX".to_vec();
                }
            }
        }
    }

    fn fill_own(&self, parts: &mut Parts, user: Parts) {
        parts.localpart = user.localpart;
        if self.crossdomains() {
            parts.domain = user.domain;
        }
    }

    fn fill_other(&self, parts: &mut Parts, user: &Parts) {
        if parts.boxes.is_empty() {
            return;
        }
        let localpart = parts.boxes.remove(0);
        if self.crossdomains() {
            if let Some((before, domain)) = rposition(&localpart, b'@') {
                parts.set_domain(domain, &self.options.rules);
                parts.localpart = Some(before.to_vec());
                return;
            }
            if self.options.crossdomains_onlyother {
                parts.domain.clone_from(&user.domain);
            }
        }
        parts.localpart = Some(localpart);
    }

    fn external_alternate(&self, parts: &Parts, user: &Parts, is_own: bool) -> Option<Vec<u8>> {
        if parts.deleted != 0 {
            return None;
        }
        let mut out = Vec::new();
        let Some(localpart) = &parts.localpart else {
            let top = parts.boxes.first()?;
            if parts.boxes.len() == 1 && top == b"user" {
                return Some(self.options.userprefix.clone());
            }
            out.extend_from_slice(&self.options.sharedprefix);
            out.push(self.options.hiersep);
            self.put_external(&mut out, top);
            if self.crossdomains() {
                self.put_domain(&mut out, parts, user);
            }
            self.put_boxes(&mut out, parts.boxes.get(1..).unwrap_or_default());
            return Some(out);
        };
        if !is_own {
            out.extend_from_slice(&self.options.userprefix);
            out.push(self.options.hiersep);
            self.put_external(&mut out, localpart);
            if self.crossdomains() {
                self.put_domain(&mut out, parts, user);
            }
            self.put_boxes(&mut out, &parts.boxes);
            return Some(out);
        }
        let Some(top) = parts.boxes.first() else { return Some(b"INBOX".to_vec()) };
        let needs_prefix = if top.eq_ignore_ascii_case(b"INBOX") {
            parts.boxes.len() == 1 || top != b"INBOX"
        } else {
            self.is_prefix_word(top)
        };
        if needs_prefix {
            out.extend_from_slice(&self.options.altprefix);
            out.push(self.options.hiersep);
        }
        self.put_external(&mut out, top);
        self.put_boxes(&mut out, parts.boxes.get(1..).unwrap_or_default());
        Some(out)
    }

    fn put_boxes(&self, out: &mut Vec<u8>, boxes: &[Vec<u8>]) {
        for component in boxes {
            out.push(self.options.hiersep);
            self.put_external(out, component);
        }
    }

    fn put_external(&self, out: &mut Vec<u8>, component: &[u8]) {
        let dot = if self.options.hiersep == b'/' { b'.' } else { b'^' };
        out.extend(component.iter().map(|&byte| if byte == b'.' { dot } else { byte }));
    }

    fn put_domain(&self, out: &mut Vec<u8>, parts: &Parts, user: &Parts) {
        if self.options.crossdomains_onlyother && parts.domain == user.domain {
            return;
        }
        out.push(b'@');
        let domain = parts.domain.as_deref().unwrap_or(&self.options.rules.defaultdomain);
        self.put_external(out, domain);
    }
}

/// What is before and after the last `byte`.
fn rposition(text: &[u8], byte: u8) -> Option<(&[u8], &[u8])> {
    let at = text.iter().rposition(|&each| each == byte)?;
    Some((text.get(..at)?, text.get(at.checked_add(1)?..)?))
}
