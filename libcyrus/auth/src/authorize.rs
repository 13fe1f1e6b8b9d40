//! The one gate: may this identity do this to that mailbox?
//!
//! Answers come in three kinds: [`Granted`], [`Denied::Permission`], and [`Denied::Hidden`] for a
//! mailbox the identity may not even know of, which is then said not to exist.

use crate::AuthState;
use cyrus_util::acl::{Acl, Rights};

/// What somebody wants to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// Change the ACL: SETACL, DELETEACL; list it: GETACL, LISTRIGHTS.
    Admin,
    /// Write shared annotations of messages.
    AnnotateMessage,
    /// Write shared annotations of the mailbox: SETMETADATA /shared.
    AnnotateShared,
    /// CREATE below this mailbox.
    Create,
    /// DELETE this mailbox, or move it away by RENAME.
    DeleteMailbox,
    /// Set or clear \Deleted.
    DeleteMessage,
    /// EXPUNGE, CLOSE.
    Expunge,
    /// APPEND, COPY and MOVE into it.
    Insert,
    /// See it in LIST, and that it exists.
    Lookup,
    /// Deliver mail to it.
    Post,
    /// SELECT, FETCH, SEARCH, STATUS, COPY from.
    Read,
    /// See the quota: GETQUOTAROOT.
    ReadQuota,
    /// Run RECONSTRUCT and other tools on it.
    Reconstruct,
    /// Set \Seen to stay.
    SetSeen,
    /// SETQUOTA.
    SetQuota,
    /// SUBSCRIBE to it.
    Subscribe,
    /// Set or clear flags other than \Seen and \Deleted.
    Write,
}

/// Who besides the ACL opens the gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Beside {
    /// Only the ACL counts, for administrators too.
    Nobody,
    /// Administrators always may.
    Admins,
    /// Administrators always may; the owner has the implicit rights.
    AdminsAndOwner,
    /// Only administrators may.
    AdminsOnly,
}

impl Op {
    /// The rights that are needed, any one of them being enough, and who needs none.
    fn needs(self) -> (Rights, Beside) {
        use Beside::{Admins, AdminsAndOwner, AdminsOnly, Nobody};
        match self {
            Self::Admin => (Rights::ADMIN, AdminsAndOwner),
            Self::AnnotateMessage => (Rights::ANNOTATEMSG, Nobody),
            Self::AnnotateShared => (Rights::WRITE, Admins),
            Self::Create => (Rights::CREATE, Admins),
            Self::DeleteMailbox => (Rights::DELETEMBOX, Admins),
            Self::DeleteMessage => (Rights::DELETEMSG, Nobody),
            Self::Expunge => (Rights::EXPUNGE, Nobody),
            Self::Insert => (Rights::INSERT, Nobody),
            Self::Lookup => (Rights::LOOKUP, AdminsAndOwner),
            Self::Post => (Rights::POST, Nobody),
            Self::Read => (Rights::READ, Nobody),
            Self::ReadQuota => (Rights::READ, Admins),
            Self::Reconstruct | Self::SetQuota => (Rights::NONE, AdminsOnly),
            Self::SetSeen => (Rights::SETSEEN, Nobody),
            Self::Subscribe => (Rights::LOOKUP, AdminsAndOwner),
            Self::Write => (Rights::WRITE, Nobody),
        }
    }
}

/// A mailbox as far as the gate needs to know it.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// Its ACL.
    pub acl: &'a Acl,
    /// Its owner's userid; `None` for a shared one.
    pub owner: Option<&'a [u8]>,
}

/// Proof that an operation was allowed; changing calls of the store ask for it.
#[must_use = "being allowed is of use only to the call that asks for it"]
#[derive(Clone, Copy, Debug)]
pub struct Granted {
    rights: Rights,
    is_admin: bool,
}

impl Granted {
    /// The administrator's tool of this name, run by root or cyrus.
    pub fn admin(_tool: &'static str) -> Self {
        Self { rights: Rights::ALL, is_admin: true }
    }

    /// The rights the identity has on the mailbox.
    #[must_use]
    pub fn rights(&self) -> Rights {
        self.rights
    }

    /// Whether it came from an administrator's power.
    #[must_use]
    pub fn is_admin(&self) -> bool {
        self.is_admin
    }
}

/// Why not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    /// The mailbox is to be treated as one that does not exist.
    Hidden,
    /// `Permission denied`
    Permission,
}

/// Whether `state` may do `op` to `target`.
///
/// # Errors
/// [`Denied`].
pub fn authorize(state: &AuthState, op: Op, target: &Target<'_>) -> Result<Granted, Denied> {
    let plain = state.rights(target.acl);
    let (needed, beside) = op.needs();
    let admin_may = state.is_admin() && beside != Beside::Nobody;
    let rights = match beside {
        Beside::AdminsAndOwner => with_implicit(state, target, plain),
        Beside::Admins | Beside::AdminsOnly | Beside::Nobody => plain,
    };
    let acl_allows = beside != Beside::AdminsOnly && rights.has_any(needed);
    if admin_may || acl_allows {
        return Ok(Granted { rights, is_admin: admin_may });
    }
    let visible = state.is_admin() || rights.has(Rights::LOOKUP);
    Err(if visible { Denied::Permission } else { Denied::Hidden })
}

/// What MYRIGHTS answers: the rights of the ACL, for owner and administrators with the implicit
/// ones.
#[must_use]
pub fn my_rights(state: &AuthState, target: &Target<'_>) -> Rights {
    let rights = with_implicit(state, target, state.rights(target.acl));
    if state.is_admin() { rights | Rights::ADMIN_IMPLICIT } else { rights }
}

fn with_implicit(state: &AuthState, target: &Target<'_>, rights: Rights) -> Rights {
    if target.owner == Some(state.userid()) { rights | state.implicit_owner_rights() } else { rights }
}
