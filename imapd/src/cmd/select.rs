//! SELECT and EXAMINE (RFC 3501 6.3.1, 6.3.2).

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

pub fn examine(session: &mut Session<'_>, mailbox: &[u8], options: &SelectOptions) -> Flow {
    todo!()
}

pub fn select(session: &mut Session<'_>, mailbox: &[u8], options: &SelectOptions) -> Flow {
    todo!()
}
