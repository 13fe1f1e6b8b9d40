//! CLOSE and UNSELECT (RFC 3501 6.4.2, RFC 3691).

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

pub fn close(session: &mut Session<'_>) -> Flow {
    todo!()
}

pub fn unselect(session: &mut Session<'_>) -> Flow {
    todo!()
}

pub fn leave_mailbox(session: &mut Session<'_>) {
    todo!()
}
