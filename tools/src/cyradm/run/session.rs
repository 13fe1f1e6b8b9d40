//! The connection, and the shell itself.

use super::{Words, complain, need, one, send};
use crate::cyradm::client::{Connection, Login, word};
use crate::cyradm::table::{BUILTINS, Done, Trouble, find};
use crate::cyradm::{Shell, show};
use std::path::PathBuf;

const AUTH: &str = "usage: authenticate [-minssf N] [-maxssf N] [-mechanisms STR]
                    [-service name] [-tlskey keyfile] [-notls]
                    [-cafile cacertfile] [-capath cacertdir]
                    [user]";

/// version
pub fn version(shell: &mut Shell, words: &[String]) -> Done {
    if !words.is_empty() {
        return complain("usage: version");
    }
    let answer = send(shell, "version", b"ID NIL")?;
    if !answer.is_ok() {
        return complain(answer.text);
    }
    let Some(mut rest) = answer.responses("ID").next().and_then(|text| text.strip_prefix(b"(")) else {
        shell.print(b"no version info returned by server\n");
        return Ok(());
    };
    while let Some((field, _, tail)) = word(rest) {
        let Some((value, is_atom, tail)) = word(tail) else { break };
        let (field, value) = (String::from_utf8_lossy(&field), String::from_utf8_lossy(&value));
        let value = match field.as_ref() {
            _ if is_atom => String::new(),
            "environment" => value.replace(';', "\n            "),
            _ => value.into_owned(),
        };
        shell.print(format!("{field:<11}: {value}\n").as_bytes());
        rest = tail;
    }
    Ok(())
}

/// server
pub fn server(shell: &mut Shell, words: &[String]) -> Done {
    const USAGE: &str = "usage: server [-noauthenticate] [server]";
    let words = Words::new(words, &["noauthenticate"], USAGE)?;
    match words.plain.as_slice() {
        [] => {
            need(shell, "server")?;
            let name = shell.connection.borrow().as_ref().map(|server| server.servername.clone());
            shell.print(format!("{}\n", name.unwrap_or_default()).as_bytes());
            Ok(())
        }
        [host] => {
            let Ok(mut connection) = Connection::open(host, crate::cyradm::PORT) else {
                return complain(format!("server: {host}: cannot connect to server"));
            };
            let login = Login { user: crate::cyradm::system_user(), ..Login::default() };
            if !words.has("noauthenticate")
                && let Err(text) = connection.authenticate(&login, &mut crate::cyradm::ask_password)
            {
                shell.complain(&text);
                return complain(format!("server: {host}: cannot authenticate"));
            }
            *shell.connection.borrow_mut() = Some(connection);
            Ok(())
        }
        _ => complain(USAGE),
    }
}

/// authenticate
pub fn authenticate(shell: &mut Shell, words: &[String]) -> Done {
    let options =
        ["mechanisms=", "minssf=", "maxssf=", "service=", "tlskey=", "notls", "cafile=", "cadir=", "capath="];
    let words = Words::new(words, &options, AUTH)?;
    let user = match words.plain.as_slice() {
        [] => crate::cyradm::system_user(),
        [user] => Some((*user).to_owned()),
        _ => return complain(AUTH),
    };
    let number = |option| words.value(option).map(|value| value.parse().unwrap_or(0));
    let login = Login {
        user,
        mechanisms: words.value("mechanisms").map(str::to_owned),
        service: words.value("service").map(str::to_owned),
        ssf: (number("minssf").unwrap_or(0), number("maxssf")),
        tlskey: words.value("tlskey").map(PathBuf::from),
        notls: words.has("notls"),
        cafile: words.value("cafile").map(PathBuf::from),
        cadir: words.value("cadir").or(words.value("capath")).map(PathBuf::from),
        ..Login::default()
    };
    need(shell, "authenticate")?;
    let mut connection = shell.connection.borrow_mut();
    let Some(server) = connection.as_mut() else { return Ok(()) };
    match server.authenticate(&login, &mut crate::cyradm::ask_password) {
        Ok(()) => Ok(()),
        Err(text) => {
            let name = server.servername.clone();
            drop(connection);
            shell.complain(&text);
            complain(format!("authenticate: authentication to server {name} failed"))
        }
    }
}

/// disconnect
pub fn disconnect(shell: &mut Shell, words: &[String]) -> Done {
    if !words.is_empty() {
        return complain("usage: disconnect");
    }
    need(shell, "disconnect")?;
    *shell.connection.borrow_mut() = None;
    Ok(())
}

/// chdir
pub fn chdir(_: &mut Shell, words: &[String]) -> Done {
    let directory = one(words, "usage: chdir directory")?;
    std::env::set_current_dir(directory)
        .or_else(|error| complain(format!("chdir: {directory}: {}", show::errno(&error))))
}

/// exit
pub fn exit(_: &mut Shell, words: &[String]) -> Done {
    match Words::new(words, &[], "usage: exit [number]")?.plain.as_slice() {
        [] => Err(Trouble::Exit(0)),
        [number] => Err(Trouble::Exit(number.parse::<i32>().unwrap_or(0) & 0xff)),
        _ => complain("usage: exit [number]"),
    }
}

/// help
pub fn help(shell: &mut Shell, words: &[String]) -> Done {
    let words = Words::new(words, &[], "usage: help [command]")?;
    let mut asked = words.plain;
    asked.sort_unstable();
    for name in &asked {
        let text = match find(name) {
            None => format!("unknown command: {name}\n"),
            Some(found) => {
                let alias = if found.name == *name { String::new() } else { format!("{name}, alias for ") };
                format!("{alias}{} {}\n\t{}\n", found.name, found.arguments, found.about)
            }
        };
        shell.print(text.as_bytes());
    }
    if asked.is_empty() {
        let names = |builtin: &crate::cyradm::table::Builtin| {
            std::iter::once(&builtin.name).chain(builtin.aliases).copied().collect::<Vec<_>>().join(", ")
        };
        let width = BUILTINS.iter().map(|builtin| names(builtin).len()).max().unwrap_or(0);
        for builtin in BUILTINS {
            shell.print(format!("{:<width$}  {}\n", names(builtin), builtin.about).as_bytes());
        }
    }
    Ok(())
}
