//! The first script of a new user: `autocreate_sieve_script`.
//!
//! As in C it becomes a `NAME.script` file with its bytecode and the active link; the first who opens
//! the scripts takes it into the mailbox.
//!
//! DIAGNOSTICS: `autocreate_sieve: ...` in C's words.

use super::dir::ScriptDir;
use super::observer::compiled;
use crate::error::Error;
use cyrus_base::config::Opt;
use cyrus_base::log::{self, Priority};
use cyrus_store::Catalog;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Gives a new user the script of `autocreate_sieve_script`, active; nothing without that option.
/// What fails is in the log and keeps nobody from the INBOX. C: autocreate_sieve()
pub fn autocreate(catalog: &Catalog, userid: &[u8]) {
    let Some(source) = catalog.config().path(Opt::AutocreateSieveScript) else { return };
    let user = log::printable(userid, 256);
    match install(catalog, userid, source) {
        Ok(()) => {
            let text = format!("User {user}, default sieve script creation succeeded");
            log::write(Priority::Notice, format_args!("autocreate_sieve: {text}"));
        }
        Err(Told) => {
            let text = format!("User {user}, default sieve script creation failed");
            log::write(Priority::Warning, format_args!("autocreate_sieve: {text}"));
        }
    }
}

/// It is in the log.
struct Told;

fn told(priority: Priority, text: &str) -> Told {
    log::write(priority, format_args!("{text}"));
    Told
}

fn install(catalog: &Catalog, userid: &[u8], source: &Path) -> Result<(), Told> {
    let config = catalog.config();
    let err = |text: String| told(Priority::Err, &text);
    if config.switch(Opt::Sieveusehomedir) {
        let text = "autocreate_sieve: does not work with sievehomeuserdiroption in imapd.conf";
        return Err(err(text.to_owned()));
    }
    let precompiled = config.path(Opt::AutocreateSieveScriptCompiled);
    if precompiled.is_none() {
        let text = "autocreate_sieve: autocreate_sieve_compiledscriptoption is not defined. Compiling it";
        told(Priority::Warning, text);
    }
    let Ok(Some(dir)) = ScriptDir::of_user(catalog, userid) else {
        let user = log::printable(userid, 256);
        return Err(err(format!("autocreate_sieve: unable to determine sieve directoryfor user {user}")));
    };
    if dir.path().join("defaultbc").exists() {
        return Err(err("autocreate_sieve: Default sieve script already exists".to_owned()));
    }
    let name = source.file_name().map(OsStrExt::as_bytes).unwrap_or_default();
    let text = std::fs::read(source).map_err(|_| {
        err(format!("autocreate_sieve: No read access permission to {}.Check permissions", source.display()))
    })?;
    let found = precompiled.and_then(|path| match std::fs::read(path) {
        Ok(bytecode) => Some(bytecode),
        Err(error) => {
            let text = format!("autocreate_sieve: Problem openingcompiled script {}:{error}", path.display());
            told(Priority::Warning, &text);
            None
        }
    });
    let was_compiled = found.is_none();
    let bytecode = match found {
        Some(bytecode) => bytecode,
        None => compiled(catalog, &text).map_err(|error| {
            told(Priority::Err, &format!("autosieve_create: Error parsing script {}.", source.display()));
            match error {
                Error::Invalid(text) => err(format!("autosieve_create: {}.", text.trim_end())),
                error => err(format!("autosieve_create: {error}.")),
            }
        })?,
    };
    dir.put_bytecode(name, &bytecode).map_err(|_| Told)?;
    write_new(&dir.script(name), 0o600, &text)
        .map_err(|error| err(format!("autocreate_sieve: Problem writing to sieve script{error}")))?;
    dir.activate(name).map_err(|_| Told)?;
    if was_compiled && config.switch(Opt::AutocreateSieveScriptCompile) {
        save_compiled(precompiled, &bytecode);
    }
    Ok(())
}

/// Keeps the bytecode for the next new user: `autocreate_sieve_script_compile`.
fn save_compiled(target: Option<&Path>, bytecode: &[u8]) {
    let Some(target) = target else {
        let text = "autocreate_sieve: To save a compiled sievescript, autocreate_sieve_compiledscript must have \
                    beendefined in imapd.conf";
        told(Priority::Warning, text);
        return;
    };
    match write_new(target, 0o644, bytecode) {
        Ok(()) => {
            let path = target.display();
            let text = format!("autocreate_sieve: Compiled sieve script wassuccessfully saved in {path}");
            told(Priority::Notice, &text);
        }
        Err(error) => {
            let path = target.display();
            told(Priority::Err, &format!("autocreate_sieve: Error opening file {path} :{error}"));
        }
    }
}

/// Writes a file beside its place and renames it.
fn write_new(path: &Path, mode: u32, bytes: &[u8]) -> std::io::Result<()> {
    let mut new = path.as_os_str().to_owned();
    new.push(".NEW");
    let new = Path::new(&new);
    let _ = std::fs::remove_file(new);
    let mut file = std::fs::File::options().write(true).create_new(true).mode(mode).open(new)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    written.and_then(|()| std::fs::rename(new, path)).inspect_err(|_| {
        let _ = std::fs::remove_file(new);
    })
}
