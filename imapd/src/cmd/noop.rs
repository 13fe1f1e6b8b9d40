//! NOOP, CHECK, CAPABILITY, LOGOUT (RFC 3501 6.1).

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

pub fn capability(session: &mut Session<'_>) -> Flow {
    todo!()
}

pub fn noop(session: &mut Session<'_>) -> Flow {
    todo!()
}

pub fn logout(session: &mut Session<'_>, tag: &[u8]) -> Flow {
    todo!()
}
