//! EXPUNGE and UID EXPUNGE (RFC 3501 6.4.3, RFC 4315 2.1).

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

pub fn expunge(session: &mut Session<'_>, uids: Option<&Sequence>) -> Flow {
    todo!()
}
