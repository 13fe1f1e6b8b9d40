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
    /// Write one's own annotations of the mailbox: SETMETADATA /private.
    AnnotatePrivate,
    /// Write shared annotations of the mailbox: SETMETADATA /shared.
    AnnotateShared,
    /// Write those that say how the server treats the mailbox (expire, sieve, ...).
    AnnotateSharedAdmin,
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
    /// Take mail out of it by POP3 where the ACL does not count (`popuseacl: no`): the owner's business.
    PickUp,
    /// Deliver mail to it.
    Post,
    /// SELECT, FETCH, SEARCH, STATUS, COPY from.
    Read,
    /// Read annotations of the mailbox: GETMETADATA.
    ReadAnnotations,
    /// See the quota: GETQUOTAROOT.
    ReadQuota,
    /// Set \Seen to stay.
    SetSeen,
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
    /// The owner always may, and nobody else but by the ACL.
    Owner,
    /// Administrators always may; the owner has the implicit rights.
    AdminsAndOwner,
}

impl Op {
    /// The rights that are needed, all of them, and who needs none.
    fn needs(self) -> (Rights, Beside) {
        use Beside::{Admins, AdminsAndOwner, Nobody, Owner};
        const SHARED: Rights = Rights::LOOKUP.with(Rights::READ).with(Rights::WRITE);
        match self {
            Self::Admin => (Rights::ADMIN, AdminsAndOwner),
            Self::AnnotateMessage => (Rights::ANNOTATEMSG, Admins),
            Self::AnnotatePrivate => (Rights::LOOKUP, Admins),
            Self::AnnotateShared => (SHARED, Admins),
            Self::AnnotateSharedAdmin => (SHARED.with(Rights::ADMIN), Admins),
            Self::Create => (Rights::CREATE, Admins),
            Self::DeleteMailbox => (Rights::DELETEMBOX, Admins),
            Self::DeleteMessage => (Rights::DELETEMSG, Nobody),
            Self::Expunge => (Rights::EXPUNGE, Nobody),
            Self::Insert => (Rights::INSERT, Nobody),
            Self::Lookup => (Rights::LOOKUP, AdminsAndOwner),
            Self::PickUp => (Rights::READ, Owner),
            Self::Post => (Rights::POST, Nobody),
            Self::Read => (Rights::READ, Nobody),
            Self::ReadAnnotations => (Rights::LOOKUP.with(Rights::READ), Admins),
            Self::ReadQuota => (Rights::READ, Admins),
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
    let admin_may = state.is_admin() && matches!(beside, Beside::Admins | Beside::AdminsAndOwner);
    let owner_may = beside == Beside::Owner && target.owner == Some(state.userid());
    let rights = match beside {
        Beside::AdminsAndOwner => with_implicit(state, target, plain),
        Beside::Admins | Beside::Nobody | Beside::Owner => plain,
    };
    if admin_may || owner_may || rights.has(needed) {
        return Ok(Granted { rights, is_admin: admin_may });
    }
    let visible = state.is_admin() || rights.has(Rights::LOOKUP);
    Err(if visible { Denied::Permission } else { Denied::Hidden })
}

/// What only administrators may do, whatever an ACL says, and to names that may not exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerOp {
    /// Write shared annotations of the server: SETMETADATA "".
    Annotate,
    /// GETQUOTA.
    ReadQuotaRoot,
    /// Choose partition or unique id: CREATE and RENAME with them.
    Place,
    /// See every name: LIST of all mailboxes, and those deleted.
    ListAll,
    /// RENAME of a user.
    MoveUser,
    /// RECONSTRUCT.
    Reconstruct,
    /// SETQUOTA.
    SetQuota,
}

/// Whether `state` may do `op`.
///
/// # Errors
/// [`Denied::Permission`].
pub fn authorize_server(state: &AuthState, op: ServerOp) -> Result<Granted, Denied> {
    let may = match op {
        ServerOp::Annotate
        | ServerOp::ListAll
        | ServerOp::MoveUser
        | ServerOp::Place
        | ServerOp::ReadQuotaRoot
        | ServerOp::Reconstruct
        | ServerOp::SetQuota => state.is_admin(),
    };
    if may { Ok(Granted { rights: Rights::NONE, is_admin: true }) } else { Err(Denied::Permission) }
}

/// Whether `state` may manage the Sieve scripts of `owner`: no ACL says so, only who one is logged in as.
///
/// # Errors
/// [`Denied::Permission`].
pub fn authorize_scripts(state: &AuthState, owner: &[u8]) -> Result<Granted, Denied> {
    if state.userid() == owner || state.is_admin() {
        Ok(Granted { rights: Rights::ALL, is_admin: state.is_admin() })
    } else {
        Err(Denied::Permission)
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use cyrus_base::Config;

    /// One letter: what becomes of `who` doing `op` where `anyone` has `rights`; the owner is `owner`.
    fn outcome(config: &Config, who: &str, op: Op, rights: &str) -> char {
        let acl = Acl::parse(format!("anyone\t{rights}\t").as_bytes());
        let target = Target { acl: &acl, owner: Some(b"owner") };
        match authorize(&AuthState::new(config, who.as_bytes()), op, &target) {
            Ok(granted) if granted.is_admin() => 'a',
            Ok(_) => 'y',
            Err(Denied::Permission) => 'n',
            Err(Denied::Hidden) => 'h',
        }
    }

    #[test]
    fn every_right_is_needed_and_some_need_none() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("imapd.conf");
        std::fs::write(&file, "configdirectory: /nowhere\nadmins: root\n").unwrap();
        let config = Config::load(Some(&file), "imap").unwrap();
        // Rights of anyone, and what happens to ann, to the owner and to an administrator.
        for (op, rights, expected) in [
            (Op::Read, "lr", "yyy"),
            (Op::Read, "l", "nnn"),
            (Op::Read, "", "hhn"),
            (Op::Lookup, "", "hya"),
            (Op::Admin, "l", "nya"),
            (Op::Create, "l", "nna"),
            (Op::DeleteMailbox, "lx", "yya"),
            (Op::PickUp, "", "hyn"),
            (Op::PickUp, "lr", "yyy"),
            (Op::Post, "p", "yyy"),
            (Op::ReadAnnotations, "lr", "yya"),
            (Op::ReadAnnotations, "r", "hha"),
            (Op::AnnotatePrivate, "l", "yya"),
            (Op::AnnotateShared, "lrw", "yya"),
            (Op::AnnotateShared, "lw", "nna"),
            (Op::AnnotateSharedAdmin, "lrw", "nna"),
            (Op::AnnotateSharedAdmin, "lrwa", "yya"),
        ] {
            let seen: String =
                ["ann", "owner", "root"].map(|who| outcome(&config, who, op, rights)).iter().collect();
            assert_eq!(seen, expected, "{op:?} with {rights:?}");
        }
        let server =
            |who: &[u8]| authorize_server(&AuthState::new(&config, who), ServerOp::SetQuota).map(drop);
        assert_eq!(server(b"root"), Ok(()));
        assert_eq!(server(b"owner"), Err(Denied::Permission));
    }

    #[test]
    fn scripts_belong_to_their_owner_alone() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("imapd.conf");
        std::fs::write(&file, "configdirectory: /nowhere\nadmins: root\n").unwrap();
        let config = Config::load(Some(&file), "sieve").unwrap();
        let may = |who: &[u8]| authorize_scripts(&AuthState::new(&config, who), b"ann").is_ok();
        assert!(may(b"ann") && may(b"root") && !may(b"bert") && !may(b"anyone"));
    }
}
