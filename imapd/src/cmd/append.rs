//! APPEND and MULTIAPPEND, of literals, literal8s and catenated parts (RFC 3501 6.3.11, RFC 3502, RFC 3516,
//! RFC 4315 3, RFC 4469).
//!
//! Each message is streamed to a staging file before any lock is taken; then all of them go into
//! the mailbox in one transaction. The OK means that they survive a power cut.

use super::catenate::Catenator;
use crate::annotate::store::{octets, of_messages};
use crate::command::AnnotationEntry;
use crate::mailboxes::{Acting, Found};
use crate::parser::annotate::{self, Place};
use crate::parser::lexer::{Bad, Lexer, LiteralHead, Stop, is_atom};
use crate::reply::{self, Answer};
use crate::session::{Client, Flow, Session};
use libcyrus::auth::{Granted, Op};
use libcyrus::base::config::Opt;
use libcyrus::mime::binary;
use libcyrus::mime::copy::{EightBit, StrictCopy};
use libcyrus::store::Error;
use libcyrus::store::Store;
use libcyrus::store::append::{AppendParams, AppendTxn, QuotaCheck, Stage, Staged};
use libcyrus::store::event::EventKind;
use libcyrus::store::lock::Mode;
use libcyrus::store::mailbox::{QuotaUse, SystemFlags};
use libcyrus::store::quota::Change;
use libcyrus::util::acl::Rights;
use libcyrus::util::datetime::parse_internaldate;
use libcyrus::util::ids::UnixTime;
use libcyrus::util::mboxname::MboxName;
use std::path::PathBuf;
use std::sync::Arc;

/// One message received.
struct Message {
    staged: Staged,
    flags: Vec<Vec<u8>>,
    internaldate: UnixTime,
    annotations: Vec<AnnotationEntry>,
}

/// Why no further message is taken.
pub(super) enum Refused {
    Bad(Bad),
    /// The literal is on its way and too large: the session ends, as RFC 7888 4 allows.
    TooMuch,
    Store(Error),
    /// CATENATE: a URL gives nothing.
    Url(Answer),
}

impl<T: Into<Bad>> From<T> for Refused {
    fn from(bad: T) -> Self {
        Self::Bad(bad.into())
    }
}

/// Answers an APPEND whose mailbox was parsed.
///
/// # Errors
/// When the conversation cannot go on.
pub fn append(session: &mut Session<'_>, tag: &[u8], mailbox: &[u8]) -> Result<Flow, Stop> {
    let name = session.internal_name(mailbox);
    let receiver = match check(session, &name) {
        Ok(found) => receiver(session, &found),
        Err(answer) => Err(answer),
    };
    let receiver = match receiver {
        Ok(receiver) => receiver,
        Err(answer) => {
            let limits = session.limits();
            Lexer::new(&mut Client(&mut session.stream), limits).eat_line()?;
            return Ok(session.refuse_target(&name, answer).into());
        }
    };
    let limits = session.limits();
    let acting = Acting { imapd: session.imapd, user: session.user.as_ref() };
    let catenator = Catenator { acting, selected: session.selected.as_ref().map(|selected| &selected.name) };
    let mut client = Client(&mut session.stream);
    let mut lexer = Lexer::new(&mut client, limits);
    let messages = match receiver.messages(&mut lexer, catenator) {
        Ok(messages) => messages,
        Err(Refused::Bad(Bad::Stop(stop))) => return Err(stop),
        Err(Refused::Bad(bad)) => {
            lexer.eat_line()?;
            super::noop::refresh(session);
            let line = reply::refusal(tag, "Append", &bad).unwrap_or_default();
            session.stream.write(&line);
            return Ok(Flow::Answered);
        }
        Err(Refused::TooMuch) => {
            let answer = Answer::from(Error::MessageTooLarge).with_code("TOOBIG");
            session.stream.write(&answer.line(tag));
            return Err(Stop::TooMuch("[TOOBIG] Message size exceeds fixed limit"));
        }
        Err(Refused::Url(answer)) => {
            lexer.eat_line()?;
            super::noop::refresh(session);
            return Ok(answer.into());
        }
        Err(Refused::Store(error)) => {
            lexer.eat_line()?;
            super::noop::refresh(session);
            let code = matches!(error, Error::MessageTooLarge).then_some("TOOBIG");
            let answer = Answer::from(error);
            return Ok(match code {
                Some(code) => answer.with_code(code),
                None => answer,
            }
            .into());
        }
    };
    let answer = match store_messages(session, &name, &messages) {
        Ok(answer) => answer,
        Err(answer) => session.refuse_target(&name, answer),
    };
    super::noop::refresh(session);
    Ok(answer.into())
}

/// Rights and room for one more message, before the client sends anything. C: `append_check()`
fn check(session: &Session<'_>, name: &MboxName) -> Result<Found, Answer> {
    let found = session.find(name)?;
    let _: Granted = session.authorize(Op::Insert, &found)?;
    if !session.imapd.options.ignore_quota {
        let one = QuotaUse { storage_octets: 0, messages: 1, annotation_octets: 0 };
        if let Some(root) = session.imapd.catalog.find_quota_root(name)? {
            session.imapd.catalog.check_quota(&root, &Change::from(&one))?;
        }
    }
    Ok(found)
}

/// Takes messages from the client.
pub(super) struct Receiver {
    store: Arc<Store>,
    partition_root: PathBuf,
    eight_bit: EightBit,
    octets_max: u64,
}

fn receiver(session: &Session<'_>, found: &Found) -> Result<Receiver, Answer> {
    let config = &session.imapd.config;
    let location = session.imapd.catalog.location(&found.entry)?;
    let eight_bit = if config.switch(Opt::Reject8bit) {
        EightBit::Reject
    } else if config.switch(Opt::Munge8bit) {
        EightBit::Munge
    } else {
        EightBit::Pass
    };
    let octets_max = match u64::try_from(config.int(Opt::Maxmessagesize)) {
        Ok(octets @ 1..) => octets,
        _ => u64::from(u32::MAX),
    };
    Ok(Receiver {
        store: Arc::clone(&session.imapd.store),
        partition_root: location.partition_root,
        eight_bit,
        octets_max,
    })
}

impl Receiver {
    /// The size from which on a message is too large.
    pub(super) fn octets_max(&self) -> u64 {
        self.octets_max
    }

    fn messages(&self, lexer: &mut Lexer<'_>, catenator: Catenator<'_>) -> Result<Vec<Message>, Refused> {
        let mut messages = Vec::new();
        loop {
            messages.push(self.message(lexer, catenator)?);
            if !lexer.eat(b' ')? {
                break;
            }
        }
        if lexer.at_eol()? { Ok(messages) } else { Err(Bad::text("junk after literal").into()) }
    }

    fn message(&self, lexer: &mut Lexer<'_>, catenator: Catenator<'_>) -> Result<Message, Refused> {
        let flags = if lexer.eat(b'(')? { flag_list(lexer)? } else { Vec::new() };
        let mut internaldate = UnixTime(0);
        if lexer.peek()? == Some(b'"') {
            let invalid = || Bad::text("Invalid date-time in Append command");
            let text = lexer.quoted_only()?.ok_or_else(invalid)?;
            internaldate = UnixTime(parse_internaldate(&text).ok_or_else(invalid)?);
            if !lexer.eat(b' ')? {
                return Err(invalid().into());
            }
        }
        let mut annotations = Vec::new();
        let mut word = lexer.word_before_literal()?;
        while word.eq_ignore_ascii_case(b"ANNOTATION") {
            if !lexer.eat(b' ')? {
                return Err(Bad::text("Missing annotation data in Append command").into());
            }
            annotations = annotate::values(lexer, Place::Message)?;
            if !lexer.eat(b' ')? {
                return Err(Bad::text("Missing required argument to Append command").into());
            }
            word = lexer.word_before_literal()?;
        }
        let mut stage = Stage::create(&self.store, &self.partition_root).map_err(Refused::Store);
        let is_binary = if word.eq_ignore_ascii_case(b"CATENATE") {
            let mut into = stage?;
            let is_binary = catenator.parts(lexer, self, &mut into)?;
            stage = Ok(into);
            is_binary
        } else if word.is_empty() {
            let head = self.literal(lexer, self.octets_max, Empty::Refused)?;
            self.receive(lexer, &head, &mut stage)?;
            head.binary
        } else {
            return Err(Bad::text("Missing required argument to Append command").into());
        };
        let staged = self.finish(stage?, is_binary)?;
        Ok(Message { staged, flags, internaldate, annotations })
    }

    /// The head of a literal of at most so many octets; the client is told to go ahead.
    fn literal(&self, lexer: &mut Lexer<'_>, octets_max: u64, empty: Empty) -> Result<LiteralHead, Refused> {
        let binary = lexer.eat(b'~')?;
        if !lexer.eat(b'{')? {
            return Err(Bad::text("Missing required argument to Append command").into());
        }
        if !lexer.peek()?.is_some_and(|byte| byte.is_ascii_digit()) {
            return Err(Bad::text("Literal size not a number").into());
        }
        let head = lexer.literal_size(binary).map_err(|bad| match bad {
            Bad::Stop(Stop::Fatal(_)) => Bad::text("Literal size not a number"),
            other => other,
        })?;
        let Some(head) = head else {
            return Err(Bad::text("Invalid literal in Append command").into());
        };
        let refused = if head.octets > octets_max {
            Some(Error::MessageTooLarge)
        } else if head.octets == 0 && empty == Empty::Refused {
            Some(Error::EmptyMessage)
        } else {
            None
        };
        if let Some(error) = refused {
            if head.synchronising {
                lexer.end_line();
            } else if matches!(error, Error::MessageTooLarge) {
                return Err(Refused::TooMuch);
            }
            return Err(Refused::Store(error));
        }
        if head.synchronising {
            lexer.go_ahead()?;
        }
        Ok(head)
    }

    /// A TEXT part of CATENATE; tells whether it was a literal8.
    pub(super) fn text(&self, lexer: &mut Lexer<'_>, stage: &mut Stage) -> Result<bool, Refused> {
        let left = self.octets_max.saturating_sub(stage.size());
        let head = self.literal(lexer, left, Empty::Taken)?;
        let mut contains_nul = false;
        let mut written = Ok(());
        each_piece(lexer, head.octets, |piece| {
            contains_nul |= !head.binary && memchr::memchr(0, piece).is_some();
            if written.is_ok() && !contains_nul {
                written = stage.write(piece);
            }
        })?;
        written.map_err(Refused::Store)?;
        if contains_nul { Err(Refused::Store(Error::ContainsNul)) } else { Ok(head.binary) }
    }

    /// Streams the literal to its staging file. All its octets are taken from the client even when
    /// the message is refused on the way, so that the conversation stays in step.
    fn receive(
        &self,
        lexer: &mut Lexer<'_>,
        head: &LiteralHead,
        stage: &mut Result<Stage, Refused>,
    ) -> Result<(), Refused> {
        let mut strict = StrictCopy::new(self.eight_bit, head.binary);
        each_piece(lexer, head.octets, |piece| {
            if let Ok(into) = stage.as_mut() {
                let written = strict.piece(piece).map_err(refused_by_copy).and_then(|()| into.write(piece));
                if let Err(error) = written {
                    *stage = Err(Refused::Store(error));
                }
            }
        })?;
        if stage.is_ok() {
            strict.finish().map_err(|refusal| Refused::Store(refused_by_copy(refusal)))?;
        }
        Ok(())
    }

    /// The message as it is kept: what came as BINARY is encoded (RFC 3516 4.4).
    fn finish(&self, stage: Stage, is_binary: bool) -> Result<Staged, Refused> {
        let staged = stage.finish().map_err(Refused::Store)?;
        if !is_binary {
            return Ok(staged);
        }
        let message = staged.message().map_err(Refused::Store)?;
        let Some(encoded) = binary::encode(&message, &self.store.settings().limits) else {
            return Ok(staged);
        };
        let mut stage = Stage::create(&self.store, &self.partition_root).map_err(Refused::Store)?;
        stage.write(&encoded).map_err(Refused::Store)?;
        stage.finish().map_err(Refused::Store)
    }
}

/// Whether a literal may be one of no octets.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Empty {
    Refused,
    Taken,
}

/// Hands on the octets of a literal as they come.
fn each_piece(lexer: &mut Lexer<'_>, octets: u64, mut take: impl FnMut(&mut [u8])) -> Result<(), Refused> {
    let mut left = octets;
    let mut piece = Vec::new();
    while left > 0 {
        let chunk = lexer.chunk()?;
        let step = usize::try_from(left).unwrap_or(usize::MAX).min(chunk.len());
        piece.clear();
        piece.extend_from_slice(chunk.get(..step).unwrap_or(chunk));
        lexer.consume(step);
        left -= step as u64;
        take(&mut piece);
    }
    Ok(())
}

fn refused_by_copy(refusal: libcyrus::mime::copy::Refusal) -> Error {
    use libcyrus::mime::copy::Refusal;
    match refusal {
        Refusal::ContainsNul => Error::ContainsNul,
        Refusal::ContainsBareNewline => Error::ContainsBareNewline,
        Refusal::Contains8Bit => Error::Contains8Bit,
        Refusal::BadHeader => Error::BadHeader,
    }
}

/// The flag list behind its `(`, and the space behind it.
fn flag_list(lexer: &mut Lexer<'_>) -> Result<Vec<Vec<u8>>, Bad> {
    let mut flags = Vec::new();
    if !lexer.eat(b')')? {
        loop {
            let mut flag = lexer.word()?;
            let valid = if flag.first() == Some(&b'\\') {
                flag.make_ascii_lowercase();
                matches!(
                    flag.as_slice(),
                    b"\\seen" | b"\\answered" | b"\\flagged" | b"\\draft" | b"\\deleted"
                )
            } else {
                is_atom(&flag)
            };
            if !valid {
                return Err(Bad::text("Invalid flag in Append command"));
            }
            flags.push(flag);
            if !lexer.eat(b' ')? {
                break;
            }
        }
        if !lexer.eat(b')')? {
            return Err(Bad::text("Missing space or ) after flag name in Append command"));
        }
    }
    if lexer.eat(b' ')? {
        Ok(flags)
    } else {
        Err(Bad::text("Missing space after flag list in Append command"))
    }
}

/// The transaction: nothing of it is visible before all of it is durable.
fn store_messages(
    session: &mut Session<'_>,
    name: &MboxName,
    messages: &[Message],
) -> Result<Answer, Answer> {
    let (mut mailbox, lock, granted) = session.open_mailbox(name, Op::Insert, Mode::Exclusive)?;
    let quota = if session.imapd.options.ignore_quota {
        QuotaCheck::Skip
    } else {
        let size = |message: &Message| i64::from(message.staged.parsed().size);
        QuotaCheck::Room(QuotaUse {
            storage_octets: messages.iter().map(size).sum(),
            messages: i64::try_from(messages.len()).unwrap_or(i64::MAX),
            annotation_octets: messages.iter().map(|message| octets(&message.annotations)).sum(),
        })
    };
    let location = mailbox.location().clone();
    let userid = session.user.as_ref().map_or_else(Vec::new, |user| user.auth.userid().to_vec());
    let index = mailbox.lock_index(&lock, Mode::Exclusive)?;
    let uniqueid = index.mailbox_header().uniqueid.clone();
    let definitions = session.imapd.definitions();
    let mut transaction = AppendTxn::begin(index, &userid, quota)?;
    transaction.tell_as(EventKind::MessageAppend);
    for message in messages {
        transaction.add(&message.staged, &parameters(message, &granted))?;
        // As in C: who may insert may annotate what is new.
        transaction.annotate(&of_messages(&definitions, &message.annotations, &userid, true)?)?;
    }
    let appended = transaction.commit()?;
    drop(lock);
    drop(mailbox);
    let mut host = crate::host::ProcessHost { imapd: session.imapd, userid: &userid };
    host.appended(&location, &uniqueid, &appended);
    let (Some(first), Some(last)) = (appended.uids.first(), appended.uids.last()) else {
        return Ok(Answer::completed());
    };
    if !granted.rights().has(Rights::READ) {
        return Ok(Answer::completed());
    }
    let uids = if first == last { first.to_string() } else { format!("{first}:{last}") };
    Ok(Answer::completed().with_code(format!("APPENDUID {} {uids}", appended.uidvalidity)))
}

/// The message's flags as far as the rights allow them (RFC 4314 4).
fn parameters(message: &Message, granted: &Granted) -> AppendParams {
    let rights = granted.rights();
    let mut params = AppendParams { internaldate: message.internaldate, ..AppendParams::default() };
    for flag in &message.flags {
        let (bit, needed) = match flag.as_slice() {
            b"\\seen" => (SystemFlags::SEEN, Rights::SETSEEN),
            b"\\deleted" => (SystemFlags::DELETED, Rights::DELETEMSG),
            b"\\answered" => (SystemFlags::ANSWERED, Rights::WRITE),
            b"\\draft" => (SystemFlags::DRAFT, Rights::WRITE),
            b"\\flagged" => (SystemFlags::FLAGGED, Rights::WRITE),
            keyword => {
                if rights.has(Rights::WRITE) {
                    params.keywords.push(keyword.to_vec());
                    params.flag_names.push(flag.clone());
                }
                continue;
            }
        };
        if rights.has(needed) {
            params.system_flags = params.system_flags.with(bit);
            params.flag_names.push(flag.clone());
        }
    }
    params
}
