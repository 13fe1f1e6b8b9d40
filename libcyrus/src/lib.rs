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

pub mod autocreate;
pub mod login;
pub mod quota;

/// The store of an installation, with the observers that keep what is derived from messages.
#[must_use]
pub fn open_store(catalog: &std::sync::Arc<store::Catalog>) -> std::sync::Arc<store::Store> {
    let mut opened = store::Store::open(std::sync::Arc::clone(catalog));
    opened.observe(Box::new(dav::sieve::SieveObserver::new(std::sync::Arc::clone(catalog))));
    std::sync::Arc::new(opened)
}
