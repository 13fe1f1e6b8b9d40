//! AUTHENTICATE (RFC 3501 6.2.2, RFC 4959).

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

pub fn authenticate(
    session: &mut Session<'_>,
    tag: &[u8],
    mechanism: &[u8],
    initial: Option<&[u8]>,
) -> Result<Flow, Stop> {
    todo!()
}
