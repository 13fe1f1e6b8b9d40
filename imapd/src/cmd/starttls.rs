//! STARTTLS (RFC 3501 6.2.1), TLS ports, and what TLS and SASL add to the capabilities.

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

pub fn starttls(session: &mut Session<'_>, tag: &[u8]) -> Result<Flow, Stop> {
    todo!()
}

pub fn at_once(session: &mut Session<'_>) -> bool {
    todo!()
}

pub fn set_peer(session: &mut Session<'_>) {
    todo!()
}

pub fn add_capabilities(session: &mut Session<'_>, tokens: &mut Vec<String>) {
    todo!()
}
