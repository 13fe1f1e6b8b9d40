//! GETQUOTA, GETQUOTAROOT, SETQUOTA (RFC 2087).

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

pub fn get(session: &mut Session<'_>, root: &[u8]) -> Flow {
    todo!()
}

pub fn get_root(session: &mut Session<'_>, mailbox: &[u8]) -> Flow {
    todo!()
}

pub fn set(session: &mut Session<'_>, root: &[u8], limits: &[(Vec<u8>, i64)]) -> Flow {
    todo!()
}
