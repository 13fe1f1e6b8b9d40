//! COPY and MOVE (RFC 3501 6.4.7, RFC 6851, RFC 4315).

#![allow(
    unused_variables,
    unused_imports,
    missing_docs,
    clippy::missing_errors_doc,
    reason = "not filled in yet"
)]

use crate::command::{
    CreateOptions, FetchRequest, Ids, ListRequest, Numbering, SearchProgram, SelectOptions, Sequence,
    StatusItem, StoreRequest,
};
use crate::parser::lexer::Stop;
use crate::reply::Answer;
use crate::session::{Flow, Session};

pub fn copy(session: &mut Session<'_>, ids: &Ids, mailbox: &[u8]) -> Flow {
    todo!()
}

pub fn move_(session: &mut Session<'_>, ids: &Ids, mailbox: &[u8]) -> Flow {
    todo!()
}
