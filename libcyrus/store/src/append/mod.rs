//! How messages get into mailboxes.
//!
//! A message is staged once (`stage.rs`: written, hashed, parsed, no lock held), then appended to
//! one mailbox ([`AppendTxn`]) or to many ([`DeliveryBatch`]); docs/durability.md argues, write by
//! write, why what was acknowledged survives a power cut.

mod delivery;
mod intent;
mod parse;
mod stage;
mod txn;

pub use delivery::{BatchOptions, Delivered, DeliveryBatch, MessageKey, Outcome, Target};
pub use intent::sweep;
pub use parse::ParsedMessage;
pub(crate) use parse::local_midnight_of;
pub use stage::{Stage, Staged};
pub use txn::{AppendParams, AppendTxn, Appended, CopyFlags, QuotaCheck, Sharing};
