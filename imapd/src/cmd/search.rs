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
use libcyrus::util::seqset::SeqSet;

/// So many records are read under one index lock.
const BATCH: usize = 1024;

/// A message found.
struct Hit {
    number: u32,
    modseq: ModSeq,
}

/// Answers a SEARCH.
pub fn search(session: &mut Session<'_>, tag: &[u8], by: Numbering, program: &SearchProgram) -> Flow {
    let started = std::time::Instant::now();
    let name = program.charset.as_deref().unwrap_or(b"US-ASCII");
    let Some(charset) = Charset::lookup(name) else {
        return Answer::bad("Unrecognized character set").into();
    };
    super::noop::refresh(session);
    response::changes(session, false);
    let flags = flags(session);
    let definitions = session.imapd.definitions();
    let found = super::with_selected(session, |selected, host| {
        let now = UnixTime::now().0;
        let ground = Ground { view: &selected.view, charset, flags, now, definitions: &definitions };
        let key = Key::And(program.keys.iter().map(|key| ground.key(key)).collect());
        let asks_modseq = key.asks_modseq();
        hits(&mut selected.view, &key, by, flags, host.userid).map(|hits| (hits, asks_modseq))
    });
    let (hits, asks_modseq) = match found {
        Some(Ok(found)) => found,
        Some(Err(error)) => return super::failed(session, error),
        None => return Answer::no("Mailbox does not exist").into(),
    };
    if asks_modseq {
        session.enabled.condstore = true;
    }
    let line = match &program.returns {
        None => plain(&hits, asks_modseq),
        Some(returns) => extended(&hits, asks_modseq, *returns, by, tag),
    };
    session.stream.write(&line);
    if signals::take_cancelled() {
        return Answer::no("Command cancelled by user").into();
    }
    let took = started.elapsed();
    let count = hits.len();
    Answer::ok(format!("Completed ({count} msgs in {}.{:03} secs)", took.as_secs(), took.subsec_millis()))
        .into()
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
    Hit { number, modseq: row.modseq }
}

fn highest(hits: &[Hit]) -> ModSeq {
    hits.iter().map(|hit| hit.modseq).max().unwrap_or_default()
}

fn plain(hits: &[Hit], asks_modseq: bool) -> Vec<u8> {
    let mut line = b"* SEARCH".to_vec();
    for hit in hits {
        response::put(&mut line, format_args!(" {}", hit.number));
    }
    if asks_modseq && !hits.is_empty() {
        response::put(&mut line, format_args!(" (MODSEQ {})", highest(hits)));
    }
    line.extend_from_slice(b"\r\n");
    line
}

fn extended(hits: &[Hit], asks_modseq: bool, returns: SearchReturn, by: Numbering, tag: &[u8]) -> Vec<u8> {
    let mut line = [b"* ESEARCH (TAG \"", tag, b"\")"].concat();
    if by == Numbering::Uid {
        line.extend_from_slice(b" UID");
    }
    if returns.count {
        response::put(&mut line, format_args!(" COUNT {}", hits.len()));
    }
    if let (Some(first), Some(last)) = (hits.first(), hits.last()) {
        if returns.min {
            response::put(&mut line, format_args!(" MIN {}", first.number));
        }
        if returns.max {
            response::put(&mut line, format_args!(" MAX {}", last.number));
        }
        if returns.all {
            let set = SeqSet::from_sorted(hits.iter().map(|hit| hit.number));
            response::put(&mut line, format_args!(" ALL {set}"));
        }
        if asks_modseq {
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
