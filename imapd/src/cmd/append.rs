//! APPEND and MULTIAPPEND (RFC 3501 6.3.11, RFC 3502, RFC 4315).

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

pub fn append(session: &mut Session<'_>, tag: &[u8], mailbox: &[u8]) -> Result<Flow, Stop> {
    todo!()
}
