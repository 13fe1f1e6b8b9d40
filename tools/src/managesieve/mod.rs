//! sieveshell and installsieve: scripts on a ManageSieve server, from a terminal or a pipe.
//!
//! | file | what |
//! |---|---|
//! | `client` | the connection |
//! | `options` | command lines as Perl's Getopt::Long reads them |
//! | `shell` | sieveshell |
//! | `install` | installsieve |

mod client;
mod install;
mod options;
mod shell;

pub use install::run as installsieve;
pub use shell::run as sieveshell;

use client::{Client, Login};

/// The default port, unless the system names one for `sieve`.
const PORT: u16 = 4190;

/// What Perl's `die` exits with where nothing else is known.
const DIED: i32 = 255;

/// `server`, `server:port`, `[address]`, `[address]:port`
fn server_and_port(text: &str) -> (String, u16) {
    let (host, rest) = match text.strip_prefix('[').and_then(|inner| inner.rsplit_once(']')) {
        Some((host, rest)) => (host, rest),
        None => match text.split_once(':') {
            Some((host, _)) => (host, text.get(host.len()..).unwrap_or_default()),
            None => (text, ""),
        },
    };
    let port = rest.strip_prefix(':').map(|port| port.parse().unwrap_or(0));
    (host.to_owned(), port.unwrap_or(PORT))
}

/// Connects and logs in; what goes wrong is on the standard error.
fn connect(server: &str, login: &mut Login) -> Option<Client> {
    let (host, port) = server_and_port(server);
    match Client::open(&host, port) {
        Ok(mut client) => client.login(login).is_ok().then_some(client),
        Err(error) => {
            let is_unknown = error.raw_os_error().is_none();
            let what = if is_unknown { "getaddrinfo" } else { "connect" };
            let text =
                if is_unknown { "Name or service not known".to_owned() } else { client::reason(&error) };
            crate::io::complain(format!("{what}: {text}\n").as_bytes());
            None
        }
    }
}

/// A line of a listing.
fn listed(name: &[u8], is_active: bool) -> Vec<u8> {
    [name, if is_active { b"  <- active script\n".as_slice() } else { b" \n" }].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_may_have_ports() {
        let check = |text: &str, host: &str, port| assert_eq!(server_and_port(text), (host.to_owned(), port));
        check("mail.example", "mail.example", PORT);
        check("mail.example:2000", "mail.example", 2000);
        check("[::1]:2000", "::1", 2000);
        check("[::1]", "::1", PORT);
    }
}
