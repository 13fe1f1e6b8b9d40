//! Plain data: names, sets, dates, checksums, dlist, ACL strings; no I/O, no configuration.
#![forbid(unsafe_code)]

pub mod acl;
pub mod datetime;
pub mod dirhash;
pub mod dlist;
pub mod glob;
pub mod guid;
pub mod hex;
pub mod ids;
pub mod imapstr;
pub mod imapurl;
pub mod mboxname;
pub mod mutf7;
pub mod seqset;
