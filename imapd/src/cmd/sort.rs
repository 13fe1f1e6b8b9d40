//! SORT and THREAD (RFC 5256, 5267, 5957).

use super::search::{extended, find, finish, plain};
use crate::command::{Numbering, SearchProgram, SortCriterion, SortKey, ThreadAlgorithm};
use crate::session::{Flow, Session};
use libcyrus::imap::sort::{self, Criterion};
use libcyrus::imap::thread::{self, Algorithm};
use libcyrus::imap::view::View;
use libcyrus::util::ids::MsgNo;
use std::collections::HashMap;
use std::time::Instant;

/// Answers a SORT.
pub fn sort(
    session: &mut Session<'_>,
    tag: &[u8],
    by: Numbering,
    criteria: &[SortCriterion],
    program: &SearchProgram,
) -> Flow {
    let started = Instant::now();
    let mut found = match find(session, by, program) {
        Ok(found) => found,
        Err(flow) => return flow,
    };
    let userid = session.user.as_ref().map_or_else(Vec::new, |user| user.auth.userid().to_vec());
    let criteria: Vec<Criterion> = criteria.iter().map(|each| criterion(each, &userid)).collect();
    let msgnos: Vec<MsgNo> = found.messages.iter().map(|hit| hit.msgno).collect();
    let sorted =
        super::with_selected(session, |selected, _| sort::sort(&mut selected.view, &msgnos, &criteria));
    let sorted = match sorted {
        Some(Ok(sorted)) => sorted,
        Some(Err(error)) => return super::failed(session, error),
        None => Vec::new(),
    };
    let places: HashMap<MsgNo, usize> = sorted.into_iter().zip(0..).collect();
    found.messages.retain(|hit| places.contains_key(&hit.msgno));
    found.messages.sort_by_key(|hit| places.get(&hit.msgno).copied());
    let line = match &program.returns {
        None => plain("SORT", &found),
        Some(returns) => extended(&found, *returns, by, tag),
    };
    session.stream.write(&line);
    finish(found.messages.len(), started)
}

fn criterion(given: &SortCriterion, userid: &[u8]) -> Criterion {
    use sort::SortKey as K;
    let key = match &given.key {
        SortKey::Annotation { entry, is_shared } => {
            K::Annotation(entry.clone(), if *is_shared { Vec::new() } else { userid.to_vec() })
        }
        SortKey::Arrival => K::Arrival,
        SortKey::Cc => K::Cc,
        SortKey::Date => K::Date,
        SortKey::DisplayFrom => K::DisplayFrom,
        SortKey::DisplayTo => K::DisplayTo,
        SortKey::Folder | SortKey::Relevancy => K::Same,
        SortKey::From => K::From,
        SortKey::HasFlag(name) => K::HasFlag(name.clone()),
        SortKey::ModSeq => K::ModSeq,
        SortKey::Size => K::Size,
        SortKey::SpamScore => K::SpamScore,
        SortKey::Subject => K::Subject,
        SortKey::To => K::To,
        SortKey::Uid => K::Uid,
    };
    Criterion { key, reverse: given.reverse }
}

/// Answers a THREAD.
pub fn thread(
    session: &mut Session<'_>,
    by: Numbering,
    algorithm: ThreadAlgorithm,
    program: &SearchProgram,
) -> Flow {
    let started = Instant::now();
    let found = match find(session, by, program) {
        Ok(found) => found,
        Err(flow) => return flow,
    };
    let msgnos: Vec<MsgNo> = found.messages.iter().map(|hit| hit.msgno).collect();
    let algorithm = match algorithm {
        ThreadAlgorithm::OrderedSubject => Algorithm::OrderedSubject,
        ThreadAlgorithm::References => Algorithm::References,
        ThreadAlgorithm::Refs => Algorithm::Refs,
    };
    let number = |view: &View, msgno: MsgNo| match by {
        Numbering::Seq => msgno.0,
        Numbering::Uid => view.row(msgno).map_or(0, |row| row.uid.0),
    };
    let mut line = b"* THREAD".to_vec();
    if !msgnos.is_empty() {
        let threads = super::with_selected(session, |selected, _| {
            thread::thread(&mut selected.view, &msgnos, algorithm, number)
        });
        match threads {
            Some(Ok(threads)) => line.extend_from_slice(&[b" ".as_slice(), &threads].concat()),
            Some(Err(error)) => return super::failed(session, error),
            None => {}
        }
        let highest = found.messages.iter().map(|hit| hit.modseq).max();
        if let Some(modseq) = highest.filter(|_| found.asks_modseq) {
            crate::response::put(&mut line, format_args!(" (MODSEQ {modseq})"));
        }
    }
    line.extend_from_slice(b"\r\n");
    session.stream.write(&line);
    finish(found.messages.len(), started)
}
