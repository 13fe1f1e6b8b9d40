//! CREATE (RFC 3501 6.3.3, RFC 6154 3).

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

pub fn create(session: &mut Session<'_>, mailbox: &[u8], options: &CreateOptions) -> Flow {
    todo!()
}

pub fn autocreate_at_login(session: &mut Session<'_>) {}
