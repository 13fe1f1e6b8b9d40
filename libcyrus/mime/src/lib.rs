//! A message as bytes: header, structure, envelope, bodystructure, charset, cache record.
//!
//! Rests on RFC 5322, RFC 2045-2049, RFC 2231, RFC 2047 and on the layout of `cyrus.cache`. Everything here is
//! a function of the bytes given: no file, no socket, no configuration is read, nothing is logged. There is no
//! error type either, since there is always a best reading of a message. Depth and counts are bounded, and time
//! grows with the size of the message.
//!
//! | module | duty |
//! |---|---|
//! | [`message`] | bytes to a tree of [`message::Part`]s |
//! | [`header`] | field lines: iterate, pick (`HEADER.FIELDS`), unfold |
//! | [`address`] | address lists |
//! | [`param`] | parameter lists with RFC 2231 continuations |
//! | [`imapstructure`] | ENVELOPE, BODY, BODYSTRUCTURE as IMAP text |
//! | [`cache`] | the ten items of a cache record: write, verify, read |
//! | [`section`] | `BODY[1.2.MIME]` out of the SECTION item |
//! | [`facts`] | what cyrus.index and the conversations want to know |
//! | [`subject`] | normalised and base subjects |
//! | [`binary`] | parts of encoding BINARY to base64 |
//! | [`copy`] | what APPEND accepts and changes on the way to the spool |
//! | [`charset`] | character sets, transfer encodings, encoded words, search form |
#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used))]

pub mod address;
pub mod binary;
pub mod cache;
pub mod charset;
pub mod copy;
pub mod facts;
mod fieldvalue;
pub mod header;
pub mod imapstructure;
pub mod message;
pub mod param;
mod parser;
pub mod section;
pub mod subject;

pub use cache::{CacheRecord, CacheView, Item, cache_record};
pub use facts::IndexFacts;
pub use message::{Limits, Message, Part, PartId, Span};
