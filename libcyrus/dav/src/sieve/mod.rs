//! Sieve scripts as 3.6 keeps them (reference/databases.md 8).
//!
//! The source of a script is a message of the mailbox `user.X.#sieve`; a row of `sieve_scripts` in
//! the user's .dav database finds it by name; its bytecode is `NAME.bc` in the user's Sieve
//! directory, where the link `defaultbc` names the active one. The message is what counts: an
//! observer of the mailbox keeps row, bytecode and link in step with it.
//!
//! | file | what |
//! |---|---|
//! | `scripts` | [`Scripts`]: what timsieved does with a user's scripts |
//! | `run` | what a delivery needs: [`active_script`], [`source`], [`ensure_bytecode`] |
//! | `autocreate` | the first script of a new user |
//! | `observer` | [`SieveObserver`] |
//! | `dir` | [`ScriptDir`]: bytecode files |
//! | `table` | [`Script`]: rows |
//! | `message` | the message of a script |

mod autocreate;
mod dir;
mod message;
mod observer;
mod run;
mod scripts;
mod table;

pub use autocreate::autocreate;
pub use dir::{ScriptDir, is_valid_name};
pub use observer::SieveObserver;
pub use run::{ActiveScript, Source, active_script, ensure_bytecode, source};
pub use scripts::{Scripts, folder_name};
pub use table::Script;
