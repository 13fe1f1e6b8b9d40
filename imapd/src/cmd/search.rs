//! SEARCH and UID SEARCH (RFC 3501 6.4.4, RFC 4731, RFC 7162 3.1.5).

use crate::command::{Numbering, SearchProgram, SearchReturn};
use crate::reply::Answer;
use crate::response;
use crate::search::{Ground, Key, Message, Texts};
use crate::session::{Flow, Session};
use libcyrus::base::config::Opt;
use libcyrus::imap::view::View;
use libcyrus::mime::charset::{Charset, SearchFlags, Space};
use libcyrus::service::signals;
use libcyrus::store::Result;
use libcyrus::util::ids::{ModSeq, MsgNo, UnixTime};

/// So many records are read under one index lock.
const BATCH: usize = 1024;

/// A message found.
pub(super) struct Hit {
    /// Its message number.
    pub msgno: MsgNo,
    /// How the answer names it.
    pub number: u32,
    /// Its mod-sequence.
    pub modseq: ModSeq,
}

/// What was found.
pub(super) struct Hits {
    /// In the order of the mailbox.
    pub messages: Vec<Hit>,
    /// Whether a key asked for mod-sequences.
    pub asks_modseq: bool,
}

/// Answers a SEARCH.
pub fn search(session: &mut Session<'_>, tag: &[u8], by: Numbering, program: &SearchProgram) -> Flow {
    let started = std::time::Instant::now();
    let found = match find(session, by, program) {
        Ok(found) => found,
        Err(flow) => return flow,
    };
    let line = match &program.returns {
        None => plain("SEARCH", &found),
        Some(returns) => extended(&found, *returns, by, tag),
    };
    session.stream.write(&line);
    finish(found.messages.len(), started)
}

/// The tagged answer of SEARCH, SORT and THREAD.
pub(super) fn finish(count: usize, started: std::time::Instant) -> Flow {
    if signals::take_cancelled() {
        return Answer::no("Command cancelled by user").into();
    }
    let took = started.elapsed();
    Answer::ok(format!("Completed ({count} msgs in {}.{:03} secs)", took.as_secs(), took.subsec_millis()))
        .into()
}

/// The messages that a program finds in the selected mailbox; changes of the mailbox are told before.
pub(super) fn find(
    session: &mut Session<'_>,
    by: Numbering,
    program: &SearchProgram,
) -> std::result::Result<Hits, Flow> {
    let name = program.charset.as_deref().unwrap_or(b"US-ASCII");
    let Some(charset) = Charset::lookup(name) else {
        return Err(Answer::bad("Unrecognized character set").into());
    };
    let is_there = super::noop::refresh(session);
    response::changes(session, false);
    if !is_there {
        return Err(finish(0, std::time::Instant::now()));
    }
    let flags = flags(session);
    let definitions = session.imapd.definitions();
    let found = super::with_selected(session, |selected, host| {
        let now = UnixTime::now().0;
        let ground = Ground { view: &selected.view, charset, flags, now, definitions: &definitions };
        let key = Key::And(program.keys.iter().map(|key| ground.key(key)).collect());
        let asks_modseq = key.asks_modseq();
        hits(&mut selected.view, &key, by, flags, host.userid).map(|messages| Hits { messages, asks_modseq })
    });
    let found = match found {
        Some(Ok(found)) => found,
        Some(Err(error)) => return Err(super::failed(session, error)),
        None => return Err(Answer::no("Mailbox does not exist").into()),
    };
    if found.asks_modseq {
        session.enabled.condstore = true;
    }
    Ok(found)
}

/// How text is levelled before it is compared.
fn flags(session: &Session<'_>) -> SearchFlags {
    let config = &session.imapd.config;
    SearchFlags {
        skip_diacritics: config.switch(Opt::SearchSkipdiacrit),
        space: match config.choice(Opt::SearchWhitespace) {
            "skip" => Space::Skip,
            "none" => Space::Keep,
            _ => Space::Merge,
        },
        skip_html: config.switch(Opt::SearchSkiphtml),
        keep_case: false,
        mime_utf8: config.switch(Opt::Rfc2047Utf8),
    }
}

fn hits(
    view: &mut View,
    key: &Key<'_>,
    by: Numbering,
    flags: SearchFlags,
    userid: &[u8],
) -> Result<Vec<Hit>> {
    let mut hits = Vec::new();
    let mut open: Vec<MsgNo> = Vec::new();
    // Messages decided by their rows, and those that need a look at the record, keep one order.
    for (msgno, row) in view.rows().filter(|(_, row)| !row.is_expunged()) {
        match key.matches(&mut Message { msgno, row, record: None, texts: None }) {
            Some(true) => hits.push((msgno, hit(msgno, row, by))),
            Some(false) => {}
            None => open.push(msgno),
        }
    }
    let by_rows = hits.len();
    for batch in open.chunks(BATCH) {
        for (msgno, record) in &view.records(batch)? {
            let Some(row) = view.row(*msgno).copied() else { continue };
            let message = &mut Message { msgno: *msgno, row: &row, record: Some(record), texts: None };
            let verdict = match key.matches(message) {
                Some(verdict) => verdict,
                None => {
                    let mut texts = Texts::new(view, record, flags, userid);
                    let message = &mut Message {
                        msgno: *msgno,
                        row: &row,
                        record: Some(record),
                        texts: Some(&mut texts),
                    };
                    key.matches(message).unwrap_or(false)
                }
            };
            if verdict {
                hits.push((*msgno, hit(*msgno, &row, by)));
            }
        }
    }
    if by_rows > 0 && by_rows < hits.len() {
        hits.sort_unstable_by_key(|(msgno, _)| *msgno);
    }
    Ok(hits.into_iter().map(|(_, hit)| hit).collect())
}

fn hit(msgno: MsgNo, row: &libcyrus::imap::view::Row, by: Numbering) -> Hit {
    let number = match by {
        Numbering::Seq => msgno.0,
        Numbering::Uid => row.uid.0,
    };
    Hit { msgno, number, modseq: row.modseq }
}

fn highest(hits: &[Hit]) -> ModSeq {
    hits.iter().map(|hit| hit.modseq).max().unwrap_or_default()
}

/// `* SEARCH 1 2`, `* SORT 2 1`
pub(super) fn plain(response: &str, found: &Hits) -> Vec<u8> {
    let mut line = format!("* {response}").into_bytes();
    for hit in &found.messages {
        response::put(&mut line, format_args!(" {}", hit.number));
    }
    if found.asks_modseq && !found.messages.is_empty() {
        response::put(&mut line, format_args!(" (MODSEQ {})", highest(&found.messages)));
    }
    line.extend_from_slice(b"\r\n");
    line
}

/// `* ESEARCH ...`
pub(super) fn extended(found: &Hits, returns: SearchReturn, by: Numbering, tag: &[u8]) -> Vec<u8> {
    let hits = &found.messages;
    let mut line = [b"* ESEARCH (TAG \"", tag, b"\")"].concat();
    if by == Numbering::Uid {
        line.extend_from_slice(b" UID");
    }
    if returns.count {
        response::put(&mut line, format_args!(" COUNT {}", hits.len()));
    }
    let first = hits.iter().min_by_key(|hit| hit.number);
    let last = hits.iter().max_by_key(|hit| hit.number);
    if let (Some(first), Some(last)) = (first, last) {
        if returns.min {
            response::put(&mut line, format_args!(" MIN {}", first.number));
        }
        if returns.max {
            response::put(&mut line, format_args!(" MAX {}", last.number));
        }
        if returns.all {
            response::put(&mut line, format_args!(" ALL {}", ranges(hits)));
        }
        if found.asks_modseq {
            // Only what is returned counts (RFC 7162 3.1.10).
            let modseq = match (returns.min, returns.max, returns.all || returns.count) {
                (true, false, false) => first.modseq,
                (false, true, false) => last.modseq,
                (true, true, false) => first.modseq.max(last.modseq),
                _ => highest(hits),
            };
            response::put(&mut line, format_args!(" MODSEQ {modseq}"));
        }
    }
    line.extend_from_slice(b"\r\n");
    line
}

/// The numbers in their order, neighbours that ascend as ranges.
fn ranges(hits: &[Hit]) -> String {
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for hit in hits {
        match ranges.last_mut() {
            Some((_, end)) if end.checked_add(1) == Some(hit.number) => *end = hit.number,
            _ => ranges.push((hit.number, hit.number)),
        }
    }
    let texts = ranges.iter().map(|(start, end)| match start == end {
        true => start.to_string(),
        false => format!("{start}:{end}"),
    });
    texts.collect::<Vec<_>>().join(",")
}
