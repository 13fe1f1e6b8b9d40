//! Who, and may they: userid, groups, the one authorisation gate.
//!
//! [`canonical_userid`] makes the one form of a user's name, [`AuthState`] knows the user's groups,
//! [`authorize()`] says whether an operation on a mailbox is allowed and hands out the [`Granted`]
//! that the changing calls of the store ask for. [`namespace`] gives the view of mailbox names
//! that belongs to a session.
#![forbid(unsafe_code)]

pub mod authorize;
pub mod namespace;
mod state;
mod userid;

pub use authorize::{
    Denied, Granted, Op, ServerOp, Target, authorize, authorize_scripts, authorize_server, my_rights,
};
pub use state::{AuthState, Role};
pub use userid::{Anybody, UserIdRules, canonical_identifier, canonical_userid};
