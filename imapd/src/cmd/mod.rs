//! One file per command, or per family of commands that share their work.
//!
//! A handler gets the session and the typed command. It returns its tagged [`Answer`];
//! the loop tells what changed in the selected mailbox before it, as the command's table row allows.

pub mod acl;
pub mod append;
pub mod authenticate;
mod catenate;
pub mod close;
pub mod compress;
pub mod copy;
pub mod create;
pub mod delete;
pub mod enable;
pub mod expunge;
pub mod fetch;
pub mod id;
pub mod idle;
pub mod list;
pub mod login;
pub mod lsub;
pub mod metadata;
pub mod namespace;
pub mod noop;
pub mod quota;
pub mod reconstruct;
pub mod rename;
pub mod search;
pub mod select;
pub mod sort;
pub mod starttls;
pub mod status;
pub mod store;
pub mod subscribe;
pub mod unauthenticate;
pub mod urlauth;

use crate::command::{Command, Ids, Range};
use crate::host::ProcessHost;
use crate::parser::lexer::Stop;
use crate::reply::Answer;
use crate::session::{Flow, Selected, Session};
use libcyrus::base::Opt;
use libcyrus::imap::view::By;
use libcyrus::store::Error as StoreError;

/// Runs a command.
///
/// # Errors
/// When the conversation cannot go on.
pub fn run(session: &mut Session<'_>, tag: &[u8], command: Command) -> Result<Flow, Stop> {
    match command {
        Command::Append { mailbox } => append::append(session, tag, &mailbox),
        Command::Authenticate { mechanism, initial } => {
            authenticate::authenticate(session, tag, &mechanism, initial.as_deref())
        }
        Command::Capability => Ok(noop::capability(session)),
        Command::Check | Command::Noop => Ok(noop::noop(session)),
        Command::Close => Ok(close::close(session)),
        Command::Compress { algorithm } => compress::compress(session, tag, &algorithm),
        Command::Copy { ids, mailbox } => Ok(copy::copy(session, &ids, &mailbox)),
        Command::Create { mailbox, options } => Ok(create::create(session, tag, &mailbox, &options)),
        Command::Delete { mailbox } => Ok(delete::delete(session, &mailbox)),
        Command::DeleteAcl { mailbox, identifier } => Ok(acl::delete(session, &mailbox, &identifier)),
        Command::Enable { capabilities } => Ok(enable::enable(session, &capabilities)),
        Command::Examine { mailbox, options } => Ok(select::examine(session, &mailbox, &options)),
        Command::Expunge { ids } => Ok(expunge::expunge(session, ids.as_ref())),
        Command::Fetch { ids, request } => fetch::fetch(session, &ids, &request),
        Command::GenUrlAuth { urls } => Ok(urlauth::generate(session, &urls)),
        Command::GetAcl { mailbox } => Ok(acl::get(session, &mailbox)),
        Command::GetAnnotation { mailbox, request } => {
            Ok(metadata::get_annotation(session, &mailbox, &request))
        }
        Command::GetMetadata { mailboxes, is_pattern, entries, options } => {
            Ok(metadata::get(session, &mailboxes, is_pattern, &entries, &options))
        }
        Command::GetQuota { root } => Ok(quota::get(session, &root)),
        Command::GetQuotaRoot { mailbox } => Ok(quota::get_root(session, &mailbox)),
        Command::Id { parameters } => Ok(id::id(session, &parameters)),
        Command::Idle => idle::idle(session, tag),
        Command::List(request) => Ok(list::list(session, &request)),
        Command::ListRights { mailbox, identifier } => Ok(acl::list_rights(session, &mailbox, &identifier)),
        Command::Login { user, password } => Ok(login::login(session, &user, &password.0)),
        Command::Logout => Ok(noop::logout(session, tag)),
        Command::Lsub(request) => Ok(lsub::lsub(session, &request)),
        Command::Move { ids, mailbox } => Ok(copy::move_(session, &ids, &mailbox)),
        Command::MyRights { mailbox } => Ok(acl::my_rights(session, &mailbox)),
        Command::Namespace => Ok(namespace::namespace(session)),
        Command::Reconstruct { mailbox, recursive } => {
            Ok(reconstruct::reconstruct(session, &mailbox, recursive))
        }
        Command::Rename { from, to, partition } => {
            Ok(rename::rename(session, &from, &to, partition.as_deref()))
        }
        Command::ResetKey { mailbox } => Ok(urlauth::reset(session, mailbox.as_deref())),
        Command::Search { by, program } => Ok(search::search(session, tag, by, &program)),
        Command::Select { mailbox, options } => Ok(select::select(session, &mailbox, &options)),
        Command::SetAcl { mailbox, identifier, rights } => {
            Ok(acl::set(session, &mailbox, &identifier, &rights))
        }
        Command::SetAnnotation { mailbox, entries } => {
            Ok(metadata::set_annotation(session, &mailbox, &entries))
        }
        Command::SetMetadata { mailbox, entries } => Ok(metadata::set(session, &mailbox, &entries)),
        Command::SetQuota { root, limits } => Ok(quota::set(session, tag, &root, &limits)),
        Command::Sort { by, criteria, program } => Ok(sort::sort(session, tag, by, &criteria, &program)),
        Command::StartTls => starttls::starttls(session, tag),
        Command::Status { mailbox, items } => Ok(status::status(session, &mailbox, &items)),
        Command::Store { ids, request } => Ok(store::store(session, &ids, &request)),
        Command::Subscribe { mailbox } => Ok(subscribe::subscribe(session, &mailbox)),
        Command::Thread { by, algorithm, program } => Ok(sort::thread(session, by, algorithm, &program)),
        Command::Unauthenticate => unauthenticate::unauthenticate(session, tag),
        Command::Unselect => Ok(close::unselect(session)),
        Command::UrlFetch { urls } => Ok(urlauth::fetch(session, &urls)),
        Command::Xmeid { id } => {
            session.imapd.catalog.set_event_client(&id);
            Ok(Answer::completed().into())
        }
        Command::Unsubscribe { mailbox } => Ok(subscribe::unsubscribe(session, &mailbox)),
    }
}

/// How a command names its messages.
fn by(ids: &Ids) -> By {
    match ids {
        Ids::Seq(_) => By::MsgNo,
        Ids::Uid(_) => By::Uid,
    }
}

/// The ranges of a command's sequence set.
fn ranges(ids: &Ids) -> &[Range] {
    match ids {
        Ids::Seq(set) | Ids::Uid(set) => &set.0,
    }
}

/// Runs `work` on the selected mailbox; `None` when there is none (any more).
fn with_selected<T>(
    session: &mut Session<'_>,
    work: impl FnOnce(&mut Selected, &mut ProcessHost<'_>) -> T,
) -> Option<T> {
    let selected = session.selected.as_mut()?;
    let userid = session.user.as_ref().map_or(&[][..], |user| user.auth.userid());
    let mut host = ProcessHost { imapd: session.imapd, userid };
    Some(work(selected, &mut host))
}

/// The answer to a failed operation on the selected mailbox. One that is gone is told to be empty,
/// once (C: `index_check()`).
fn failed(session: &mut Session<'_>, error: StoreError) -> Flow {
    let disconnects = session.imapd.config.switch(Opt::DisconnectOnVanishedMailbox);
    if matches!(error, StoreError::NotFound)
        && let Some(selected) = session.selected.as_mut()
    {
        if disconnects {
            session.is_cut_off = true;
            return Answer::from(error).into();
        }
        let last = selected.view.last_uid();
        let told = usize::try_from(selected.view.vanish()).unwrap_or(0);
        let gone = match session.enabled.qresync {
            true if told > 0 => format!("* VANISHED 1:{last}\r\n"),
            true => String::new(),
            false => "* 1 EXPUNGE\r\n".repeat(told),
        };
        session.stream.write(gone.as_bytes());
    }
    Answer::from(error).into()
}

/// The selected mailbox's name as the client writes it.
fn selected_external_name(session: &Session<'_>) -> Vec<u8> {
    match (&session.selected, &session.user) {
        (Some(selected), Some(user)) => {
            user.namespace.to_external(&selected.name, Some(user.auth.userid())).unwrap_or_default()
        }
        _ => Vec::new(),
    }
}
