//! The two sides a caller gives: answers while a script runs, deeds when it has ended.

use super::action::{Keep, Notice, Redirect, Reject, Snooze, Vacation};
use super::headers::Headers;
use crate::code::Location;
use crate::settings::Capabilities;

/// The envelope of the message.
#[derive(Clone, Copy, Debug, Default)]
pub struct Envelope<'m> {
    /// Reverse-path; empty is the null reverse-path.
    pub from: &'m [u8],
    /// The recipient, as given.
    pub to: &'m [u8],
    /// Who authenticated, if anybody.
    pub auth: Option<&'m [u8]>,
}

/// What a script sees without asking.
#[derive(Clone, Debug)]
pub struct Input<'m> {
    /// The message, for its body.
    pub message: &'m [u8],
    /// Its header.
    pub headers: Headers,
    /// Its envelope.
    pub envelope: Envelope<'m>,
    /// Its size, as `size` sees it.
    pub size: u64,
    /// When the run began.
    pub now: i64,
    /// Which script this is, so that it cannot include itself.
    pub identity: u64,
    /// Which capabilities `ihave` finds.
    pub active: Capabilities,
    /// How the message is read.
    pub limits: cyrus_mime::Limits,
}

/// An included script.
#[derive(Debug)]
pub struct Included {
    /// Tells one file from another (an inode number).
    pub identity: u64,
    /// Its bytecode.
    pub bytecode: Vec<u8>,
}

/// Why a script is not included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotIncluded {
    /// Its name is no name of a script.
    NotFound,
    /// There is no such file, or it cannot be read.
    NotLoaded,
}

/// What a script may ask. Names of mailboxes are those of the user, in UTF-8.
pub trait Host {
    /// `mailboxexists`
    fn mailbox_exists(&mut self, name: &[u8]) -> bool;
    /// `mailboxidexists`
    fn mailboxid_exists(&mut self, id: &[u8]) -> bool;
    /// `specialuse_exists`, in a mailbox or anywhere.
    fn special_uses_exist(&mut self, mailbox: Option<&[u8]>, uses: &[Vec<u8>]) -> bool;
    /// The value of a metadata entry of a mailbox, or of the server.
    fn metadata(&mut self, mailbox: Option<&[u8]>, entry: &[u8]) -> Option<Vec<u8>>;
    /// An item of the environment.
    fn environment(&mut self, item: &[u8]) -> Option<Vec<u8>>;
    /// Whether a URI names an external list.
    fn is_list(&mut self, uri: &[u8]) -> bool;
    /// Whether an external list has a member.
    fn list_contains(&mut self, uri: &[u8], member: &[u8]) -> bool;
    /// Whether `duplicate` knows an id.
    fn is_duplicate(&mut self, id: &[u8]) -> bool;
    /// Loads a script to be included.
    ///
    /// # Errors
    /// Why it is not.
    fn include(&mut self, name: &[u8], location: Location) -> Result<Included, NotIncluded>;
    /// The mailbox that `fileinto` means, in any form that can be compared; `None` when there is no such name.
    fn fileinto_target(
        &mut self,
        name: &[u8],
        special_use: Option<&[u8]>,
        mailboxid: Option<&[u8]>,
    ) -> Option<Vec<u8>>;
    /// The mailbox that `keep` means, in the same form.
    fn keep_target(&mut self) -> Option<Vec<u8>>;
    /// `log`
    fn log(&mut self, text: &[u8]);
}

/// A failed deed in C's words.
pub type Deed = Result<(), String>;

/// What is done when a script has ended.
pub trait Effects {
    /// `keep`; `target` is what [`Host::keep_target`] said, `None` for the implicit one after the script.
    ///
    /// # Errors
    /// In C's words.
    fn keep(&mut self, keep: &Keep) -> Deed;
    /// `fileinto`
    ///
    /// # Errors
    /// In C's words.
    fn fileinto(&mut self, folder: &super::Folder) -> Deed;
    /// `redirect`
    ///
    /// # Errors
    /// In C's words.
    fn redirect(&mut self, redirect: &Redirect) -> Deed;
    /// `discard`
    fn discard(&mut self);
    /// `reject`, `ereject`
    ///
    /// # Errors
    /// In C's words.
    fn reject(&mut self, reject: &Reject) -> Deed;
    /// `snooze`
    ///
    /// # Errors
    /// In C's words.
    fn snooze(&mut self, snooze: &Snooze) -> Deed;
    /// Whether a vacation is to be answered now; if so that is remembered.
    fn is_vacation_due(&mut self, vacation: &Vacation) -> bool;
    /// Answers a vacation.
    ///
    /// # Errors
    /// In C's words.
    fn vacation(&mut self, vacation: &Vacation) -> Deed;
    /// Sends a notification with its message.
    fn notify(&mut self, notice: &Notice, message: &[u8]);
    /// Remembers an id for `duplicate`.
    fn track(&mut self, id: &[u8], seconds: i64);
    /// A script or an action failed.
    fn runtime_error(&mut self, text: &[u8]);
}
