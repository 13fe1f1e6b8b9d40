//! The locks of a mailbox, as values (reference/mailbox-files.md 7).
//!
//! Order, outermost first: user namespace, (mailboxes.db read), mailbox name, index,
//! conversations, then short inner locks. The signatures are the order: a name lock asks for the
//! [`UserLock`], the index lock (`Mailbox::lock_index`) asks for the [`UserLock`] and needs the
//! open mailbox, which holds the [`NameLock`].
//!
//! All of them are fcntl locks, which belong to the process and vanish when *any* descriptor of
//! the file is closed. The [`Registry`] of the `Store` therefore opens each locked file once per
//! process, counts the holders, and keeps a few idle lock files open, so that taking the same
//! lock again costs one system call.

mod registry;

pub use registry::{IndexFile, Registry};

use std::path::PathBuf;
use std::sync::Arc;

pub use cyrus_sys::lock::{Mode, Wait};

/// The user namespace lock: whose mailboxes are being read (shared) or changed (exclusive).
///
/// C: `user_namespacelock_full()`. A mailbox without owner has nothing to lock; its value is
/// [`UserLock::unowned`].
#[must_use = "the lock is released when this value is dropped"]
#[derive(Debug)]
pub struct UserLock {
    held: Option<Held>,
}

impl UserLock {
    /// The proof for mailboxes that belong to nobody.
    pub fn unowned() -> Self {
        Self { held: None }
    }

    /// Whether it allows `mode`: an exclusive lock allows everything.
    #[must_use]
    pub fn allows(&self, mode: Mode) -> bool {
        self.held.as_ref().is_none_or(|held| mode == Mode::Shared || held.mode() == Mode::Exclusive)
    }
}

/// The name lock of one mailbox: while it is held shared, no file of the mailbox is renamed,
/// removed or repacked. C: `mboxname_lock()`
#[must_use = "the lock is released when this value is dropped"]
#[derive(Debug)]
pub struct NameLock {
    held: Held,
}

impl NameLock {
    /// How it is held.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.held.mode()
    }
}

/// One holder's share of a lock in the registry.
#[derive(Debug)]
struct Held {
    registry: Arc<Registry>,
    path: PathBuf,
}

impl Held {
    fn mode(&self) -> Mode {
        self.registry.mode(&self.path)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.registry.release(&self.path);
    }
}

impl Registry {
    /// Takes the namespace lock of `userid`; the empty userid is the namespace of all shared
    /// mailboxes. Nested calls in one process count as one lock.
    ///
    /// # Errors
    /// `Locked` when `wait` is `Try` and somebody else has it; `Internal` for an exclusive
    /// request inside a shared one, which would break the order.
    pub fn lock_user(self: &Arc<Self>, userid: &[u8], mode: Mode, wait: Wait) -> crate::Result<UserLock> {
        let path = self.user_path(userid);
        self.acquire(&path, mode, wait, true)?;
        Ok(UserLock { held: Some(Held { registry: Arc::clone(self), path }) })
    }

    /// Whether this process holds the namespace lock of `userid`, and how.
    #[must_use]
    pub fn user_held(&self, userid: &[u8]) -> Option<Mode> {
        self.held(&self.user_path(userid))
    }

    /// Takes the name lock whose file is `path` (`mailbox::Location` knows it).
    ///
    /// # Errors
    /// `Locked` when somebody else has it and `wait` is `Try`, or when this process itself holds
    /// it in a way that cannot be shared.
    pub fn lock_name(
        self: &Arc<Self>,
        _user: &UserLock,
        path: PathBuf,
        mode: Mode,
        wait: Wait,
    ) -> crate::Result<NameLock> {
        self.acquire(&path, mode, wait, false)?;
        Ok(NameLock { held: Held { registry: Arc::clone(self), path } })
    }
}
