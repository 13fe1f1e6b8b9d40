//! THREAD (RFC 5256 and draft-ietf-morg-inthread): messages gathered into trees.
//!
//! The trees are built by index, without recursion: a client's References may be as deep as there
//! are messages. C: `index_thread_orderedsubj()`, `_index_thread_ref()` and what they call

use crate::sort::{BATCH, sent_at};
use crate::view::View;
use cyrus_mime::cache::{CacheView, Item};
use cyrus_mime::facts::message_ids;
use cyrus_mime::{header, subject};
use cyrus_store::Result;
use cyrus_util::ids::MsgNo;
use std::collections::HashMap;

/// How messages are gathered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// By base subject.
    OrderedSubject,
    /// By References, then by subject.
    References,
    /// By References, the latest thread last.
    Refs,
}

/// What threading looks at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Message {
    msgno: u32,
    sent_at: i64,
    internaldate: i64,
    subject: Vec<u8>,
    is_reply: bool,
    id: Vec<u8>,
    references: Vec<Vec<u8>>,
}

/// A place in a tree, with or without a message.
#[derive(Clone, Debug, Default)]
struct Node {
    /// Position in the messages.
    message: Option<usize>,
    parent: Option<usize>,
    children: Vec<usize>,
    /// Of a root: what it is sorted by instead of its own date.
    latest: Option<i64>,
}

/// The trees.
#[derive(Debug, Default)]
struct Forest {
    messages: Vec<Message>,
    nodes: Vec<Node>,
    roots: Vec<usize>,
}

/// Threads of the messages, written as THREAD tells them; `number` says how a message is named.
///
/// # Errors
/// As reading the records.
pub fn thread(
    view: &mut View,
    msgnos: &[MsgNo],
    algorithm: Algorithm,
    number: impl Fn(&View, MsgNo) -> u32,
) -> Result<Vec<u8>> {
    let messages = load(view, msgnos)?;
    let mut forest = Forest { messages, ..Forest::default() };
    match algorithm {
        Algorithm::OrderedSubject => forest.by_subject(),
        Algorithm::References => forest.by_references(),
        Algorithm::Refs => forest.by_refs(),
    }
    Ok(forest.print(|message| number(view, MsgNo(message.msgno))))
}

fn load(view: &mut View, msgnos: &[MsgNo]) -> Result<Vec<Message>> {
    let mut messages = Vec::with_capacity(msgnos.len());
    for batch in msgnos.chunks(BATCH) {
        for (msgno, record) in &view.records(batch)? {
            let bytes = view.mailbox_mut().cache_bytes(record).map(std::borrow::Cow::into_owned);
            let bytes = bytes.unwrap_or_default();
            let mut message = Message {
                msgno: msgno.0,
                sent_at: sent_at(record),
                internaldate: record.internaldate.0,
                id: format!("<Empty-ID: {msgno}>").into_bytes(),
                ..Message::default()
            };
            if let Some(cache) = CacheView::at(&bytes, 0) {
                let base = cache.subject().map(subject::base).unwrap_or_default();
                (message.subject, message.is_reply) = (base.text, base.is_reply);
                let references = header::first(cache.item(Item::Headers), b"references");
                message.references = message_ids(references.unwrap_or_default(), usize::MAX);
                if let Some([.., in_reply_to, id]) = cache.envelope_tokens() {
                    if let Some(id) = message_ids(id, 1).pop() {
                        message.id = id;
                    }
                    if message.references.is_empty() {
                        message.references = message_ids(in_reply_to, 1);
                    }
                }
            }
            messages.push(message);
        }
    }
    Ok(messages)
}

impl Forest {
    fn node(&mut self, message: Option<usize>) -> usize {
        self.nodes.push(Node { message, ..Node::default() });
        self.nodes.len().saturating_sub(1)
    }

    fn has_message(&self, at: usize) -> bool {
        self.nodes.get(at).is_some_and(|node| node.message.is_some())
    }

    fn children(&self, at: usize) -> &[usize] {
        self.nodes.get(at).map(|node| node.children.as_slice()).unwrap_or_default()
    }

    fn take_children(&mut self, at: usize) -> Vec<usize> {
        self.nodes.get_mut(at).map(|node| std::mem::take(&mut node.children)).unwrap_or_default()
    }

    fn set_children(&mut self, at: usize, children: Vec<usize>) {
        if let Some(node) = self.nodes.get_mut(at) {
            node.children = children;
        }
    }

    /// The message of a node, of an empty one that of its first child.
    fn shown(&self, at: usize) -> Option<&Message> {
        let own = |at: usize| self.nodes.get(at)?.message.and_then(|message| self.messages.get(message));
        own(at).or_else(|| own(*self.children(at).first()?))
    }

    /// The order among siblings: by date, then by number.
    fn place(&self, at: usize) -> (i64, u32) {
        let latest = self.nodes.get(at).and_then(|node| node.latest);
        let message = self.shown(at);
        let number =
            if latest.is_some() && !self.has_message(at) { 0 } else { message.map_or(0, |m| m.msgno) };
        (latest.unwrap_or_else(|| message.map_or(0, |m| m.sent_at)), number)
    }

    fn sort_siblings(&self, siblings: &mut [usize]) {
        siblings.sort_by_key(|&at| self.place(at));
    }

    /// All nodes from the roots down, parents before their children.
    fn downwards(&self) -> Vec<usize> {
        let mut order = self.roots.clone();
        let mut at = 0;
        while let Some(&node) = order.get(at) {
            order.extend_from_slice(self.children(node));
            at += 1;
        }
        order
    }

    fn sort_all(&mut self) {
        // The last levels first: an empty node is sorted by its first child.
        for at in self.downwards().into_iter().rev() {
            let mut children = self.take_children(at);
            // The children's own children are in order already.
            self.sort_siblings(&mut children);
            self.set_children(at, children);
        }
        let mut roots = std::mem::take(&mut self.roots);
        self.sort_siblings(&mut roots);
        self.roots = roots;
    }

    fn by_subject(&mut self) {
        let mut order: Vec<usize> = (0..self.messages.len()).collect();
        order.sort_by(|&a, &b| {
            let key = |at: usize| self.messages.get(at).map(|m| (&m.subject, m.sent_at, m.msgno));
            key(a).cmp(&key(b))
        });
        let mut last: Option<(usize, usize)> = None;
        for message in order {
            let subject = |at: usize| self.messages.get(at).map(|message| &message.subject);
            let first = last.filter(|(_, before)| subject(*before) == subject(message)).map(|(root, _)| root);
            let node = self.node(Some(message));
            let root = first.unwrap_or(node);
            match first.and_then(|first| self.nodes.get_mut(first)) {
                Some(first) => first.children.push(node),
                None => self.roots.push(node),
            }
            last = Some((root, message));
        }
        self.sort_all();
    }

    fn by_references(&mut self) {
        self.link();
        self.prune();
        self.sort_roots();
        self.group_subjects();
        self.sort_all();
    }

    fn by_refs(&mut self) {
        self.link();
        self.prune();
        // A tree is as late as its latest message.
        let order = self.downwards();
        let mut latest: HashMap<usize, i64> = HashMap::new();
        for &at in order.iter().rev() {
            let node = self.nodes.get(at);
            let own = node.and_then(|node| node.message).and_then(|message| self.messages.get(message));
            let below = self.children(at).iter().filter_map(|child| latest.get(child)).max().copied();
            let most = own.map(|message| message.internaldate).max(below);
            latest.insert(at, most.unwrap_or(0));
        }
        for at in self.roots.clone() {
            if let Some(node) = self.nodes.get_mut(at) {
                node.latest = latest.get(&at).copied();
            }
        }
        self.sort_all();
    }

    /// Whether `below` is `above` or stands below it.
    fn is_descendant(&self, above: usize, below: usize) -> bool {
        if self.children(above).is_empty() {
            return above == below;
        }
        let mut at = Some(below);
        while let Some(node) = at {
            if node == above {
                return true;
            }
            at = self.nodes.get(node).and_then(|node| node.parent);
        }
        false
    }

    fn adopt(&mut self, parent: usize, child: usize) {
        if let Some(node) = self.nodes.get_mut(child) {
            node.parent = Some(parent);
        }
        if let Some(node) = self.nodes.get_mut(parent) {
            node.children.push(child);
        }
    }

    fn orphan(&mut self, child: usize) {
        let Some(parent) = self.nodes.get_mut(child).and_then(|node| node.parent.take()) else { return };
        if let Some(node) = self.nodes.get_mut(parent) {
            node.children.retain(|&other| other != child);
        }
    }

    /// Step 1 of REFERENCES, and the roots of step 2. C: `ref_link_messages()`
    fn link(&mut self) {
        let mut by_id: HashMap<Vec<u8>, usize> = HashMap::new();
        let mut duplicates = 0_u32;
        for message in 0..self.messages.len() {
            let Some((mut id, references)) =
                self.messages.get_mut(message).map(|m| (m.id.clone(), std::mem::take(&mut m.references)))
            else {
                continue;
            };
            let known = by_id.get(&id).copied();
            let current = match known.filter(|&at| !self.has_message(at)) {
                Some(at) => {
                    if let Some(node) = self.nodes.get_mut(at) {
                        node.message = Some(message);
                    }
                    at
                }
                None => {
                    if known.is_some() {
                        id.extend_from_slice(format!("-dup{duplicates}").as_bytes());
                        duplicates = duplicates.saturating_add(1);
                    }
                    let at = self.node(Some(message));
                    by_id.insert(id, at);
                    at
                }
            };
            let mut parent: Option<usize> = None;
            for reference in references {
                let at = match by_id.get(&reference) {
                    Some(&at) => at,
                    None => {
                        let at = self.node(None);
                        by_id.insert(reference, at);
                        at
                    }
                };
                let is_free = self.nodes.get(at).is_some_and(|node| node.parent.is_none());
                if let Some(parent) = parent.filter(|&parent| is_free && !self.is_descendant(at, parent)) {
                    self.adopt(parent, at);
                }
                parent = Some(at);
            }
            // What stood above it was guessed from other messages' references.
            self.orphan(current);
            if let Some(parent) = parent.filter(|&parent| !self.is_descendant(current, parent)) {
                self.adopt(parent, current);
            }
        }
        self.roots = (0..self.nodes.len())
            .filter(|&at| self.nodes.get(at).is_some_and(|node| node.parent.is_none()))
            .collect();
    }

    /// Step 3: empty nodes go, their children move up; at the root only a single child does.
    /// C: `ref_prune_tree()`
    fn prune(&mut self) {
        let order = self.downwards();
        // Of each node below a root: what stands in its place.
        let mut instead: HashMap<usize, Vec<usize>> = HashMap::new();
        let counts: HashMap<usize, usize> =
            self.roots.iter().map(|&at| (at, self.children(at).len())).collect();
        let original: Vec<Vec<usize>> = self.nodes.iter().map(|node| node.children.clone()).collect();
        for &at in order.iter().rev() {
            let mut kept = Vec::new();
            for child in self.take_children(at) {
                kept.append(&mut instead.remove(&child).unwrap_or_default());
            }
            if self.has_message(at) {
                self.set_children(at, kept);
                instead.insert(at, vec![at]);
            } else {
                self.set_children(at, kept.clone());
                instead.insert(at, kept);
            }
        }
        let mut roots = Vec::new();
        for root in std::mem::take(&mut self.roots) {
            let mut at = root;
            // An empty root with one child, as it was before pruning, gives way to it.
            let mut count = counts.get(&root).copied().unwrap_or(0);
            while !self.has_message(at) && count == 1 {
                let Some(&only) = original.get(at).and_then(|children| children.first()) else { break };
                at = only;
                count = original.get(at).map_or(0, Vec::len);
            }
            if self.has_message(at) || !self.children(at).is_empty() {
                roots.push(at);
            }
        }
        self.roots = roots;
    }

    /// Step 4. C: `ref_sort_root()`
    fn sort_roots(&mut self) {
        for at in self.roots.clone() {
            if !self.has_message(at) {
                let mut children = self.take_children(at);
                self.sort_siblings(&mut children);
                self.set_children(at, children);
            }
        }
        let mut roots = std::mem::take(&mut self.roots);
        self.sort_siblings(&mut roots);
        self.roots = roots;
    }

    /// Step 5: roots with the same subject. C: `ref_group_subjects()`
    fn group_subjects(&mut self) {
        let is_reply = |forest: &Self, at: usize| {
            forest.has_message(at) && forest.shown(at).is_some_and(|message| message.is_reply)
        };
        let mut table: HashMap<Vec<u8>, usize> = HashMap::new();
        for &at in &self.roots {
            let Some(message) = self.shown(at).filter(|message| !message.subject.is_empty()) else {
                continue;
            };
            let replaces = table.get(&message.subject).is_none_or(|&old| {
                (!self.has_message(at) && self.has_message(old))
                    || (is_reply(self, old) && self.has_message(at) && !is_reply(self, at))
            });
            if replaces {
                table.insert(message.subject.clone(), at);
            }
        }
        let mut roots = Vec::new();
        for at in std::mem::take(&mut self.roots) {
            let subject = self.shown(at).map(|message| message.subject.as_slice()).unwrap_or_default();
            let old = match table.get(subject) {
                Some(&old) if old != at && !subject.is_empty() => old,
                _ => {
                    roots.push(at);
                    continue;
                }
            };
            if !self.has_message(old) && !self.has_message(at) {
                let mut children = self.take_children(at);
                if let Some(node) = self.nodes.get_mut(old) {
                    node.children.append(&mut children);
                }
            } else if !self.has_message(old) || (is_reply(self, at) && !is_reply(self, old)) {
                if let Some(node) = self.nodes.get_mut(old) {
                    node.children.insert(0, at);
                }
            } else {
                let message = self.nodes.get_mut(old).and_then(|node| node.message.take());
                let copy = self.node(message);
                let children = self.take_children(old);
                self.set_children(copy, children);
                self.set_children(old, vec![at, copy]);
            }
        }
        self.roots = roots;
    }

    /// `(1 2)(3 (4)(5))`. C: `_index_thread_print()`
    fn print(&self, number: impl Fn(&Message) -> u32) -> Vec<u8> {
        enum Step {
            Node(usize),
            Close,
        }
        let mut out = Vec::new();
        let put = |at: usize, out: &mut Vec<u8>| {
            let node = self.nodes.get(at);
            if let Some(message) = node.and_then(|node| node.message).and_then(|m| self.messages.get(m)) {
                out.extend_from_slice(number(message).to_string().as_bytes());
                if !self.children(at).is_empty() {
                    out.push(b' ');
                }
            }
        };
        let mut steps: Vec<Step> = self.roots.iter().rev().map(|&at| Step::Node(at)).collect();
        while let Some(step) = steps.pop() {
            let Step::Node(at) = step else {
                out.push(b')');
                continue;
            };
            out.push(b'(');
            put(at, &mut out);
            let mut last = at;
            while let [only] = self.children(last) {
                put(*only, &mut out);
                last = *only;
            }
            steps.push(Step::Close);
            steps.extend(self.children(last).iter().rev().map(|&child| Step::Node(child)));
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(msgno: u32, id: &str, references: &[&str], subject: &str) -> Message {
        let base = subject::base(subject.as_bytes());
        Message {
            msgno,
            sent_at: msgno.into(),
            internaldate: msgno.into(),
            subject: base.text,
            is_reply: base.is_reply,
            id: id.into(),
            references: references.iter().map(|id| id.as_bytes().to_vec()).collect(),
        }
    }

    fn check(messages: &[Message], algorithm: Algorithm, expected: &str) {
        let mut forest = Forest { messages: messages.to_vec(), ..Forest::default() };
        match algorithm {
            Algorithm::OrderedSubject => forest.by_subject(),
            Algorithm::References => forest.by_references(),
            Algorithm::Refs => forest.by_refs(),
        }
        assert_eq!(String::from_utf8_lossy(&forest.print(|message| message.msgno)), expected);
    }

    #[test]
    fn references_make_trees() {
        let messages = [
            message(1, "<a>", &[], "x"),
            message(2, "<b>", &["<a>"], "Re: x"),
            message(3, "<c>", &["<a>", "<b>"], "Re: x"),
            message(4, "<d>", &["<a>"], "Re: x"),
            message(5, "<e>", &["<lost>"], "y"),
            message(6, "<f>", &["<lost>"], "z"),
        ];
        check(&messages, Algorithm::References, "(1 (2 3)(4))((5)(6))");
        check(&messages, Algorithm::Refs, "(1 (2 3)(4))((5)(6))");
    }

    #[test]
    fn the_same_subject_gathers_roots() {
        let messages = [
            message(1, "<a>", &[], "x"),
            message(2, "<b>", &[], "Re: x"),
            message(3, "<c>", &[], "y"),
            message(4, "<d>", &[], "y"),
        ];
        check(&messages, Algorithm::References, "(1 2)((3)(4))");
        check(&messages, Algorithm::Refs, "(1)(2)(3)(4)");
        check(&messages, Algorithm::OrderedSubject, "(1 2)(3 4)");
    }

    #[test]
    fn loops_and_duplicates_lose_no_message() {
        let messages = [
            message(1, "<a>", &["<b>"], "p"),
            message(2, "<b>", &["<a>"], "q"),
            message(3, "<b>", &["<b>"], "r"),
        ];
        let mut forest = Forest { messages: messages.to_vec(), ..Forest::default() };
        forest.by_references();
        let text = forest.print(|message| message.msgno);
        let digits = text.iter().filter(|byte| byte.is_ascii_digit()).count();
        assert_eq!(digits, 3, "{}", String::from_utf8_lossy(&text));
    }

    #[test]
    fn a_deep_thread_takes_no_stack() {
        let messages: Vec<Message> = (1..=20_000_u32)
            .map(|n| message(n, &format!("<{n}>"), &[&format!("<{}>", n - 1)], "deep"))
            .collect();
        let mut forest = Forest { messages, ..Forest::default() };
        forest.by_refs();
        assert!(forest.print(|message| message.msgno).starts_with(b"(1 2 3 4 "));
    }
}
