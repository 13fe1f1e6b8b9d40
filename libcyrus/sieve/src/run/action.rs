//! Actions, and the list they form. C: message.c

use super::RunError;

/// `keep`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keep {
    /// The mailbox, as the host named it.
    pub target: Option<Vec<u8>>,
    /// Flags.
    pub flags: Vec<Vec<u8>>,
    /// The header section, if it was edited.
    pub headers: Option<Vec<u8>>,
}

/// `fileinto`, and where a vacation's copy goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Folder {
    /// The mailbox, as the host named it.
    pub target: Option<Vec<u8>>,
    /// The name in the script.
    pub name: Vec<u8>,
    /// Its special use.
    pub special_use: Option<Vec<u8>>,
    /// Its mailbox id.
    pub mailboxid: Option<Vec<u8>>,
    /// It is made when missing.
    pub create: bool,
    /// Flags.
    pub flags: Vec<Vec<u8>>,
    /// The header section, if it was edited.
    pub headers: Option<Vec<u8>>,
}

/// `redirect`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Redirect {
    /// The address, or the URI of a list.
    pub address: Vec<u8>,
    /// It is a list.
    pub is_list: bool,
    /// Value of BY (RFC 2852).
    pub deliver_by: Option<Vec<u8>>,
    /// Value of NOTIFY (RFC 3461).
    pub dsn_notify: Option<Vec<u8>>,
    /// Value of RET (RFC 3461).
    pub dsn_ret: Option<Vec<u8>>,
    /// The header section, if it was edited.
    pub headers: Option<Vec<u8>>,
}

/// `reject`, `ereject`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reject {
    /// It is `ereject`.
    pub extended: bool,
    /// The reason.
    pub reason: Vec<u8>,
}

/// `snooze`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snooze {
    /// Where it awakes.
    pub mailbox: Option<Vec<u8>>,
    /// Its mailbox id.
    pub mailboxid: Option<Vec<u8>>,
    /// Its special use.
    pub special_use: Option<Vec<u8>>,
    /// It is made when missing.
    pub create: bool,
    /// Flags set on awaking; `None` when the script names none.
    pub add: Option<Vec<Vec<u8>>>,
    /// Flags removed on awaking.
    pub remove: Option<Vec<Vec<u8>>>,
    /// Bits of weekdays, Sunday is bit 0.
    pub weekdays: u8,
    /// Time zone.
    pub tzid: Option<Vec<u8>>,
    /// Seconds of the day.
    pub times: Vec<u32>,
    /// Flags.
    pub flags: Vec<Vec<u8>>,
    /// The header section, if it was edited.
    pub headers: Option<Vec<u8>>,
}

/// `vacation`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Vacation {
    /// Whom to answer.
    pub to: Vec<u8>,
    /// From whom.
    pub from: Vec<u8>,
    /// Subject.
    pub subject: Vec<u8>,
    /// The text, or a MIME entity.
    pub message: Vec<u8>,
    /// It is a MIME entity.
    pub is_mime: bool,
    /// Seconds until the next answer.
    pub seconds: i64,
    /// What is hashed to know an answer again: all parts one after another.
    pub key: Vec<Vec<u8>>,
    /// Where a copy goes.
    pub fcc: Option<Folder>,
}

/// A notification.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notice {
    /// Id, or who sends it.
    pub id: Option<Vec<u8>>,
    /// Method.
    pub method: Option<Vec<u8>>,
    /// Options.
    pub options: Vec<Vec<u8>>,
    /// `low`, `normal`, `high`, `any`
    pub priority: &'static str,
    /// Message, its words not yet replaced.
    pub message: Option<Vec<u8>>,
    /// Not taken back by `denotify`.
    pub(crate) is_active: bool,
}

/// An id that `duplicate` is to remember.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tracked {
    /// The id.
    pub id: Vec<u8>,
    /// For how long.
    pub seconds: i64,
}

/// An action, and whether it cancels the implicit keep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// `discard`
    Discard,
    /// `fileinto`, and whether it cancels.
    Fileinto(Folder, bool),
    /// `keep`
    Keep(Keep),
    /// `redirect`, and whether it cancels.
    Redirect(Redirect, bool),
    /// `reject`, `ereject`
    Reject(Reject),
    /// `snooze`
    Snooze(Box<Snooze>),
    /// `vacation`
    Vacation(Box<Vacation>),
}

impl Action {
    /// Whether the message is not kept besides.
    #[must_use]
    pub fn cancels_keep(&self) -> bool {
        match self {
            Self::Discard | Self::Keep(_) | Self::Reject(_) | Self::Snooze(_) => true,
            Self::Fileinto(_, cancels) | Self::Redirect(_, cancels) => *cancels,
            Self::Vacation(_) => false,
        }
    }
}

/// The list: which actions exclude or replace each other.
#[derive(Debug, Default)]
pub struct List(pub Vec<Action>);

impl List {
    fn has_reject(&self) -> bool {
        self.0.iter().any(|action| matches!(action, Action::Reject(_)))
    }

    /// A later keep replaces an earlier one, and a fileinto of the same mailbox. C: do_keep()
    pub fn keep(&mut self, keep: Keep) -> Result<(), RunError> {
        if self.has_reject() {
            return Err(RunError::new("Keep can not be used with Reject"));
        }
        self.0.retain(|action| match action {
            Action::Keep(_) => false,
            Action::Fileinto(folder, _) => folder.target != keep.target,
            _ => true,
        });
        self.0.push(Action::Keep(keep));
        Ok(())
    }

    /// A later fileinto replaces what goes to the same mailbox. C: do_fileinto()
    pub fn fileinto(&mut self, folder: Folder, cancels: bool) -> Result<(), RunError> {
        if self.has_reject() {
            return Err(RunError::new("Fileinto can not be used with Reject"));
        }
        self.0.retain(|action| match action {
            Action::Keep(keep) => keep.target != folder.target,
            Action::Fileinto(other, _) => other.target != folder.target,
            _ => true,
        });
        self.0.push(Action::Fileinto(folder, cancels));
        Ok(())
    }

    /// C: do_redirect()
    pub fn redirect(&mut self, redirect: Redirect, cancels: bool) -> Result<(), RunError> {
        if self.has_reject() {
            return Err(RunError::new("Redirect can not be used with Reject"));
        }
        self.0.push(Action::Redirect(redirect, cancels));
        Ok(())
    }

    /// C: do_discard()
    pub fn discard(&mut self) {
        if !self.0.contains(&Action::Discard) {
            self.0.push(Action::Discard);
        }
    }

    /// Nothing but discard may stand before it. C: do_reject()
    pub fn reject(&mut self, reject: Reject) -> Result<(), RunError> {
        if self.0.iter().any(|action| *action != Action::Discard) {
            return Err(RunError::new("[e]Reject can not be used with any other action"));
        }
        self.0.push(Action::Reject(reject));
        Ok(())
    }

    /// A later snooze replaces an earlier one. C: do_snooze()
    pub fn snooze(&mut self, snooze: Snooze) -> Result<(), RunError> {
        if self.has_reject() {
            return Err(RunError::new("Snooze can not be used with Reject"));
        }
        self.0.retain(|action| !matches!(action, Action::Snooze(_)));
        self.0.push(Action::Snooze(Box::new(snooze)));
        Ok(())
    }

    /// There may be one. C: do_vacation()
    pub fn vacation(&mut self, vacation: Vacation) -> Result<(), RunError> {
        if self.0.iter().any(|action| matches!(action, Action::Reject(_) | Action::Vacation(_))) {
            return Err(RunError::new("Vacation can not be used with Reject or Vacation"));
        }
        self.0.push(Action::Vacation(Box::new(vacation)));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn into(target: &str) -> Folder {
        Folder { target: Some(target.into()), ..Folder::default() }
    }

    #[test]
    fn what_goes_to_the_same_mailbox_goes_once() {
        let mut list = List::default();
        list.fileinto(into("a"), true).expect("fileinto");
        list.fileinto(into("b"), true).expect("fileinto");
        list.fileinto(into("a"), false).expect("fileinto");
        let keep = Keep { target: Some(b"b".to_vec()), ..Keep::default() };
        list.keep(keep.clone()).expect("keep");
        assert_eq!(list.0, [Action::Fileinto(into("a"), false), Action::Keep(keep)]);
    }

    #[test]
    fn reject_stands_alone() {
        let mut list = List::default();
        list.discard();
        list.discard();
        list.reject(Reject::default()).expect("reject");
        assert_eq!(list.0.len(), 2);
        assert!(list.keep(Keep::default()).is_err() && list.fileinto(into("a"), true).is_err());
        assert!(list.reject(Reject::default()).is_err() && list.vacation(Vacation::default()).is_err());
        let mut list = List::default();
        list.vacation(Vacation::default()).expect("vacation");
        assert!(list.vacation(Vacation::default()).is_err() && list.reject(Reject::default()).is_err());
    }
}
