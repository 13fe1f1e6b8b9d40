//! Tells waiting imapd processes that a mailbox changed.
//!
//! Whoever changes a mailbox sends a datagram to idled's socket; idled passes it on to the processes
//! that said they idle on that mailbox. `message.rs` is the datagram, `table.rs` who waits for what,
//! `server.rs` the socket and the loop.
#![forbid(unsafe_code)]

pub mod message;
pub mod server;
pub mod table;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use cyrus_base::args::{Args, Spec};
use cyrus_base::exit::EX_USAGE;
use cyrus_base::log::{self, Priority};
use cyrus_base::start::{Need, become_cyrus, init};
use cyrus_base::{Config, Opt};
use cyrus_sys::spawn::{Fork, fork};

/// Runs idled and gives its exit code.
pub fn run() -> i32 {
    let mut words = std::env::args_os();
    let program = words.next().unwrap_or_else(|| "idled".into());
    let words: Vec<OsString> = words.collect();
    let Ok(args) = Args::parse(&program, &words, &Spec { short: "C:d", long: &[] }) else {
        eprintln!("invalid argument");
        return EX_USAGE;
    };
    let config = match init(args.value('C').map(Path::new), "idled", Need::Nothing) {
        Ok(config) => config,
        Err(fatal) => return fatal.report(),
    };
    if let Err(fatal) = become_cyrus(&config) {
        return fatal.report();
    }
    let debug = args.has('d');
    let is_daemon = std::env::var_os("CYRUS_ISDAEMON").is_some();
    let settings = server::Settings {
        socket: socket_path(&config),
        msgdir: config.configdirectory().join("msg"),
        timeout_s: u64::try_from(config.duration_s(Opt::Timeout)).unwrap_or(0).max(TIMEOUT_S_MIN),
        exit_on_hangup: is_daemon,
        verbose: debug || std::env::var_os("CYRUS_VERBOSE").is_some(),
    };
    let mut server = match server::Server::bind(settings) {
        Ok(server) => server,
        Err(error) => {
            let text = server::errno_text(&error);
            eprintln!("bind: {text}");
            log::write(Priority::Err, format_args!("IDLE: unable to bind socket: {text}"));
            return 1;
        }
    };
    if !debug && !is_daemon {
        match fork() {
            Ok(Fork::Child) => {}
            Ok(Fork::Parent(_)) => {
                // the socket is the child's now
                server.abandon();
                return 0;
            }
            Err(error) => {
                eprintln!("fork: {}", server::errno_text(&error));
                return 1;
            }
        }
    }
    match server.work() {
        Ok(code) => code,
        Err(error) => {
            log::write(Priority::Crit, format_args!("select error: {}", server::errno_text(&error)));
            log::write(Priority::Notice, format_args!("exiting"));
            255
        }
    }
}

fn socket_path(config: &Config) -> PathBuf {
    match config.path(Opt::Idlesocket) {
        Some(path) => path.to_owned(),
        None => config.configdirectory().join("socket/idle"),
    }
}

/// A client may idle at least this long.
const TIMEOUT_S_MIN: u64 = 30 * 60;
