//! Facade over the crates that make a Cyrus daemon: one name for the floors below.
#![forbid(unsafe_code)]

pub use cyrus_auth as auth;
pub use cyrus_base as base;
pub use cyrus_dav as dav;
pub use cyrus_db as db;
pub use cyrus_imap as imap;
pub use cyrus_mime as mime;
pub use cyrus_net as net;
pub use cyrus_service as service;
pub use cyrus_sieve as sieve;
pub use cyrus_store as store;
pub use cyrus_sys as sys;
pub use cyrus_util as util;
