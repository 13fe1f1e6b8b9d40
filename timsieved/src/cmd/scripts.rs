//! The commands that read and change scripts (RFC 5804 2.5 to 2.12). C: timsieved/actions.c

use crate::reply;
use crate::session::{Session, User};
use libcyrus::base::config::Opt;
use libcyrus::dav;
use libcyrus::dav::sieve::{Scripts, is_valid_name};
use libcyrus::sieve;
use libcyrus::util::imapstr;

const INVALID_NAME: &str = "Invalid script name";

/// A refusal, or what makes the answer.
type Answer = Result<Vec<u8>, Vec<u8>>;

/// Writes what became of a command.
fn say(session: &mut Session<'_>, answer: Answer) {
    match answer {
        Ok(line) | Err(line) => session.stream.write(&line),
    }
}

/// The scripts; only users who have some reach the commands that ask for them.
fn scripts<'s>(session: &'s mut Session<'_>) -> Result<&'s mut Scripts, Vec<u8>> {
    match &mut session.user {
        Some(User::Owner(scripts, _)) => Ok(scripts),
        _ => Err(reply::no("Authenticate first")),
    }
}

fn check_name(name: &[u8], refusal: &str) -> Result<(), Vec<u8>> {
    if is_valid_name(name) { Ok(()) } else { Err(reply::no(refusal)) }
}

fn missing() -> Vec<u8> {
    reply::no_code("NONEXISTENT", "Script does not exist")
}

/// A script by its name; `failed` is said when the database fails.
fn find(scripts: &Scripts, name: &[u8], failed: &str) -> Result<dav::sieve::Script, Vec<u8>> {
    scripts.find(name).map_err(|error| match error {
        dav::Error::NotFound => missing(),
        _ => reply::no(failed),
    })
}

/// Whether a script may come: `sieve_maxscripts`. As in C, a full directory lets no script be
/// replaced either.
fn check_count(session: &mut Session<'_>) -> Result<(), Vec<u8>> {
    let most = session.timsieved.config.int(Opt::SieveMaxscripts);
    let count = scripts(session)?.count().map_err(|_| reply::no("Error putting script"))?;
    if count == most {
        let text = format!("You are only allowed {most} scripts on this server");
        return Err(reply::no_code("QUOTA/MAXSCRIPTS", &text));
    }
    Ok(())
}

fn check_text(session: &Session<'_>, text: &[u8]) -> Result<(), Vec<u8>> {
    sieve::compile(text, &session.timsieved.compile)
        .map(drop)
        .map_err(|errors| reply::script_errors(&sieve::compile::error_text(&errors)))
}

/// CHECKSCRIPT
pub fn check(session: &mut Session<'_>, text: &[u8]) {
    let answer = check_text(session, text).map(|()| reply::OK.to_vec());
    say(session, answer);
}

/// PUTSCRIPT; one who is logged in as `anonymous` only has the script checked.
pub fn put(session: &mut Session<'_>, name: &[u8], text: &[u8]) {
    let answer = try_put(session, name, text);
    say(session, answer);
}

fn try_put(session: &mut Session<'_>, name: &[u8], text: &[u8]) -> Answer {
    if matches!(session.user, Some(User::Anonymous)) {
        return check_text(session, text).map(|()| reply::OK.to_vec());
    }
    check_name(name, INVALID_NAME)?;
    check_count(session)?;
    check_text(session, text)?;
    match scripts(session)?.put(name, text) {
        Ok(()) => Ok(reply::OK.to_vec()),
        Err(_) => Err(reply::no("Error putting script")),
    }
}

/// GETSCRIPT
pub fn get(session: &mut Session<'_>, name: &[u8]) {
    let answer = try_get(session, name);
    say(session, answer);
}

fn try_get(session: &mut Session<'_>, name: &[u8]) -> Answer {
    const FAILED: &str = "Error getting script";
    check_name(name, INVALID_NAME)?;
    let scripts = scripts(session)?;
    let script = find(scripts, name, FAILED)?;
    let text = scripts.text(&script).map_err(|_| reply::no(FAILED))?;
    let mut answer = Vec::with_capacity(text.len().saturating_add(32));
    imapstr::put_literal(&mut answer, &text);
    answer.extend_from_slice(b"\r\nOK\r\n");
    Ok(answer)
}

/// DELETESCRIPT
pub fn delete(session: &mut Session<'_>, name: &[u8]) {
    let answer = try_delete(session, name);
    say(session, answer);
}

fn try_delete(session: &mut Session<'_>, name: &[u8]) -> Answer {
    const FAILED: &str = "Error deleting script";
    check_name(name, INVALID_NAME)?;
    let scripts = scripts(session)?;
    let script = find(scripts, name, FAILED)?;
    if script.is_active {
        return Err(reply::no_code("ACTIVE", "Active script cannot be deleted"));
    }
    scripts.remove(&script).map_err(|_| reply::no(FAILED))?;
    Ok(reply::OK.to_vec())
}

/// LISTSCRIPTS
pub fn list(session: &mut Session<'_>) {
    let answer = try_list(session);
    say(session, answer);
}

fn try_list(session: &mut Session<'_>) -> Answer {
    let mut answer = Vec::new();
    // What the database does not tell is not there, as in C.
    for script in scripts(session)?.list().unwrap_or_default() {
        answer.extend_from_slice(&reply::quoted(&script.name));
        if script.is_active {
            answer.extend_from_slice(b" ACTIVE");
        }
        answer.extend_from_slice(b"\r\n");
    }
    answer.extend_from_slice(reply::OK);
    Ok(answer)
}

/// SETACTIVE; an empty name deactivates.
pub fn set_active(session: &mut Session<'_>, name: &[u8]) {
    let answer = try_set_active(session, name);
    say(session, answer);
}

fn try_set_active(session: &mut Session<'_>, name: &[u8]) -> Answer {
    if name.is_empty() {
        let done = scripts(session)?.activate(None);
        done.map_err(|_| reply::no("Error deactivating script"))?;
        return Ok(reply::OK.to_vec());
    }
    const FAILED: &str = "Error activating script";
    check_name(name, INVALID_NAME)?;
    let scripts = scripts(session)?;
    let script = find(scripts, name, FAILED)?;
    scripts.activate(Some(&script)).map_err(|_| reply::no(FAILED))?;
    Ok(reply::OK.to_vec())
}

/// RENAMESCRIPT
pub fn rename(session: &mut Session<'_>, old: &[u8], new: &[u8]) {
    let answer = try_rename(session, old, new);
    say(session, answer);
}

fn try_rename(session: &mut Session<'_>, old: &[u8], new: &[u8]) -> Answer {
    check_name(old, "Invalid old script name")?;
    check_name(new, "Invalid new script name")?;
    let scripts = scripts(session)?;
    let sentence = |code: &str, name: &[u8], tail: &[u8]| {
        let mut line = format!("NO ({code}) \"Script ").into_bytes();
        reply::put_name(&mut line, name);
        line.extend_from_slice(tail);
        line.extend_from_slice(b"\"\r\n");
        line
    };
    let failed = || reply::no("Error renaming script");
    match scripts.find(new) {
        Ok(_) => return Err(sentence("ALREADYEXISTS", new, b" already exists.")),
        Err(dav::Error::NotFound) => {}
        Err(_) => return Err(failed()),
    }
    let script = scripts.find(old).map_err(|error| match error {
        dav::Error::NotFound => sentence("NONEXISTENT", old, b" does not exist"),
        _ => failed(),
    })?;
    scripts.rename(&script, new).map_err(|_| failed())?;
    Ok(reply::OK.to_vec())
}

/// HAVESPACE
pub fn have_space(session: &mut Session<'_>, name: &[u8], octets: u64) {
    let answer = try_have_space(session, name, octets);
    say(session, answer);
}

fn try_have_space(session: &mut Session<'_>, name: &[u8], octets: u64) -> Answer {
    check_name(name, INVALID_NAME)?;
    let most = session.lexer.script_octets();
    if octets > most {
        let text = format!("Script size is too large. Max script size is {most} bytes");
        return Err(reply::no_code("QUOTA/MAXSIZE", &text));
    }
    check_count(session)?;
    Ok(reply::OK.to_vec())
}
