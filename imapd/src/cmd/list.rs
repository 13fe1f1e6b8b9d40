//! LIST and its extensions (RFC 3501 6.3.8, RFC 5258, 5819, 6154, 8440).

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

pub fn list(session: &mut Session<'_>, request: &ListRequest) -> Flow {
    todo!()
}
