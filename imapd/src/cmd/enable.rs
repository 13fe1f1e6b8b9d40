//! ENABLE (RFC 5161).

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

pub fn enable(session: &mut Session<'_>, capabilities: &[Vec<u8>]) -> Flow {
    todo!()
}

/// A command that needs CONDSTORE switches it on (RFC 7162 3.1). C: condstore_enabled()
pub fn use_condstore(session: &mut Session<'_>, command: &str) {
    todo!()
}
