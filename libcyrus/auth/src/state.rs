//! One identity and what it is a member of.

use cyrus_base::config::{Config, Opt};
use cyrus_util::acl::{Acl, DeleteRight, Rights};
use std::cell::OnceCell;
use std::ffi::CString;

/// A user, with groups looked up when an ACL first names one.
#[derive(Debug)]
pub struct AuthState {
    userid: Vec<u8>,
    groups: OnceCell<Vec<Vec<u8>>>,
    use_groups: bool,
    delete_right: DeleteRight,
    admin_implies_write: bool,
    implicit_owner_rights: Rights,
    is_admin: bool,
}

/// The lists of privileged identifiers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// `admins` (also `imap_admins`, `lmtp_admins`, ... by the service override).
    Admin,
    /// `proxyservers`
    Proxy,
    /// `proxy_authname`-like members that may take anyone's place in LMTP: `lmtp_admins` or `admins`.
    LmtpAdmin,
    /// `submitservers`: may fetch what users hand to a submission server by URL.
    SubmitServer,
}

impl AuthState {
    /// The identity of a canonical userid. C: auth_newstate()
    #[must_use]
    pub fn new(config: &Config, userid: &[u8]) -> Self {
        let mut state = Self {
            userid: userid.to_vec(),
            groups: OnceCell::new(),
            use_groups: config.switch(Opt::UnixGroupEnable),
            delete_right: DeleteRight::from_option(config.bytes(Opt::Deleteright).unwrap_or(b"c")),
            admin_implies_write: config.switch(Opt::AclAdminImpliesWrite),
            implicit_owner_rights: Rights::NONE,
            is_admin: false,
        };
        let implicit = config.bytes(Opt::ImplicitOwnerRights).unwrap_or(b"lkxan");
        state.implicit_owner_rights = Rights::parse(implicit, state.delete_right);
        state.is_admin = state.has_role(config, Role::Admin);
        state
    }

    /// Who has not logged in.
    #[must_use]
    pub fn anonymous(config: &Config) -> Self {
        Self::new(config, b"anonymous")
    }

    /// The canonical userid.
    #[must_use]
    pub fn userid(&self) -> &[u8] {
        &self.userid
    }

    /// Whether it is in the list of administrators of this service.
    #[must_use]
    pub fn is_admin(&self) -> bool {
        self.is_admin
    }

    /// The same identity without its administrator's powers, as a proxying administrator has.
    #[must_use]
    pub fn without_admin(mut self) -> Self {
        self.is_admin = false;
        self
    }

    /// Whether an identifier of the configuration's list for `role` covers this identity.
    /// C: global_authisa()
    #[must_use]
    pub fn has_role(&self, config: &Config, role: Role) -> bool {
        let opt = match role {
            Role::Admin => Opt::Admins,
            Role::Proxy => Opt::Proxyservers,
            Role::LmtpAdmin => Opt::Admins,
            Role::SubmitServer => Opt::Submitservers,
        };
        let service = match role {
            Role::LmtpAdmin => config.overflow("lmtp_admins"),
            Role::Admin | Role::Proxy | Role::SubmitServer => None,
        };
        let listed = service.unwrap_or_default().split_ascii_whitespace();
        config.words(opt).chain(listed).any(|identifier| self.is_member(identifier.as_bytes()))
    }

    /// Whether `identifier` (of an ACL, without minus) covers this identity. C: auth_memberof()
    #[must_use]
    pub fn is_member(&self, identifier: &[u8]) -> bool {
        if identifier == b"anyone" || identifier == self.userid {
            return true;
        }
        match identifier.strip_prefix(b"group:") {
            Some(group) => self.groups().iter().any(|each| each == group),
            None => false,
        }
    }

    /// The groups, asked from the system once. C: auth_groups()
    pub fn groups(&self) -> &[Vec<u8>] {
        self.groups.get_or_init(|| if self.use_groups { unix_groups(&self.userid) } else { Vec::new() })
    }

    /// The rights an ACL gives this identity. C: cyrus_acl_myrights()
    #[must_use]
    pub fn rights(&self, acl: &Acl) -> Rights {
        acl.rights_for(self.delete_right, self.admin_implies_write, |identifier| self.is_member(identifier))
    }

    /// The rights an owner always has (`implicit_owner_rights`).
    #[must_use]
    pub fn implicit_owner_rights(&self) -> Rights {
        self.implicit_owner_rights
    }

    /// How `c`, `d` and `x` belong together here.
    #[must_use]
    pub fn delete_right(&self) -> DeleteRight {
        self.delete_right
    }
}

fn unix_groups(userid: &[u8]) -> Vec<Vec<u8>> {
    let Some(name) = std::str::from_utf8(userid).ok() else { return Vec::new() };
    let Ok(c_name) = CString::new(name) else { return Vec::new() };
    let user = nix::unistd::User::from_name(name).ok().flatten();
    // A name the system does not know may still be listed in /etc/group; the primary group asked
    // for it is an impossible one and left out again.
    let nobody = nix::unistd::Gid::from_raw(u32::MAX);
    let primary = user.as_ref().map_or(nobody, |user| user.gid);
    let ids = nix::unistd::getgrouplist(&c_name, primary).unwrap_or_default();
    ids.into_iter()
        .filter(|&id| user.is_some() || id != nobody)
        .filter_map(|id| nix::unistd::Group::from_gid(id).ok().flatten())
        .map(|group| group.name.into_bytes())
        .collect()
}
