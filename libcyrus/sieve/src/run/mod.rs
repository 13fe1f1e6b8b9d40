//! The evaluator: a verified script, a message and answers from a host become a list of actions.
//!
//! | file | what |
//! |---|---|
//! | `host` | [`Host`]: what a script may ask; [`Effects`]: what is done in the end |
//! | `evaluate` | the commands |
//! | `condition` | the tests |
//! | `body` | the parts of the body, decoded |
//! | `date` | parts of dates |
//! | `compare` | comparators and match types |
//! | `vacation` | whether and to whom a vacation is answered |
//! | `vars` | variables, their expansion and modifiers |
//! | `flags` | lists of flags |
//! | `headers` | the header, as tests see it and as editheader changes it |
//! | `action` | [`Action`] and the list they form |
//! | `perform` | the list carried out, notifications, the rule of errors |
//! | `budget` | steps and octets a run may take |
//!
//! Evaluating has no effect but the host's log. It ends: jumps lead forward, inclusion cannot recurse, and every
//! step is paid from a budget. An error ends it with C's words; what a script decided before is then dropped, and
//! the caller delivers normally.

mod action;
mod body;
mod budget;
mod compare;
mod condition;
mod date;
mod evaluate;
mod flags;
mod headers;
mod host;
mod perform;
mod vacation;
mod vars;

pub use action::{Action, Folder, Keep, Notice, Redirect, Reject, Snooze, Tracked, Vacation};
pub use evaluate::run;
pub use headers::Headers;
pub use host::{Deed, Effects, Envelope, Host, Included, Input, NotIncluded};
pub use perform::Failed;

use std::borrow::Cow;
use std::fmt;

/// Why a script stopped before its end, in C's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunError(pub Cow<'static, str>);

impl RunError {
    pub(crate) const UNTOLD: Self = Self(Cow::Borrowed("Run error"));
    pub(crate) const BUDGET: Self = Self(Cow::Borrowed("Script takes too many resources"));

    pub(crate) fn new(text: &'static str) -> Self {
        Self(Cow::Borrowed(text))
    }
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for RunError {}

/// What a run came to.
#[derive(Debug)]
pub struct Outcome {
    /// The actions in their order; empty after an error.
    pub actions: Vec<Action>,
    /// Notifications, sent even after an error.
    pub notices: Vec<Notice>,
    /// Ids to remember if all goes well.
    pub tracked: Vec<Tracked>,
    /// The internal variable of flags, for an implicit keep.
    pub flags: Vec<Vec<u8>>,
    /// The header section at the end, if it was edited.
    pub edited: Option<Vec<u8>>,
    /// Why it stopped early.
    pub error: Option<RunError>,
    /// Text for `$from$`, `$env-from$`, `$subject$` and `$text$` in notifications.
    pub(crate) words: perform::Words,
}
