//! Administrators' programs, one executable under many names.
//!
//! Every tool is a row of [`TOOLS`] and a file of its own. Installing makes a link `NAME -> cyrus-tools` per row;
//! without links `cyrus-tools NAME args...` does the same.
#![forbid(unsafe_code)]

use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::path::Path;

mod arbitron;
mod chk_cyrus;
mod context;
mod ctl_conversationsdb;
mod ctl_cyrusdb;
mod ctl_deliver;
mod ctl_mboxlist;
mod cvt_cyrusdb;
mod cvt_xlist_specialuse;
mod cyr_buildinfo;
mod cyr_dbtool;
mod cyr_deny;
mod cyr_df;
mod cyr_expire;
mod cyr_info;
mod cyr_ls;
mod cyr_pwd;
mod cyr_synclog;
mod cyr_userseen;
mod cyradm;
mod cyrdump;
mod deliver;
mod describe;
mod edit;
pub mod io;
mod ipurge;
mod managesieve;
mod masssievec;
mod mbexamine;
mod mbpath;
mod mbtool;
mod mkimap;
mod quota;
mod reconstruct;
mod relocate_by_id;
mod sieve_tree;
mod sievec;
mod sieved;
mod tls_prune;
mod translatesieve;
mod unexpunge;

/// How a tool was called.
#[derive(Debug)]
pub struct Call {
    /// `argv[0]` as given, for messages that begin with it.
    pub prog: OsString,
    /// The arguments behind the tool's name.
    pub args: Vec<OsString>,
}

/// One program of the package.
#[derive(Debug)]
pub struct Tool {
    /// Its name in the file system.
    pub name: &'static str,
    /// One line saying what it is for.
    pub about: &'static str,
    /// Does the work; returns the exit code.
    pub run: fn(&Call) -> i32,
}

/// Every program this executable can be, by name.
pub const TOOLS: &[Tool] = &[
    Tool { name: "arbitron", about: "count the readers and subscribers of mailboxes", run: arbitron::run },
    Tool {
        name: "cvt_xlist_specialuse",
        about: "turn xlist- options into special uses",
        run: cvt_xlist_specialuse::run,
    },
    Tool { name: "cyr_deny", about: "keep users out of services", run: cyr_deny::run },
    Tool { name: "cyr_df", about: "show how full the partitions are", run: cyr_df::run },
    Tool { name: "cyr_ls", about: "list the mailboxes below one", run: cyr_ls::run },
    Tool { name: "cyr_pwd", about: "tell which mailbox this directory is of", run: cyr_pwd::run },
    Tool { name: "cyr_synclog", about: "add a line to the sync log", run: cyr_synclog::run },
    Tool { name: "cyrdump", about: "write mailboxes as MIME", run: cyrdump::run },
    Tool { name: "ipurge", about: "expunge messages by age or size", run: ipurge::run },
    Tool { name: "mbtool", about: "mend internal dates or unique ids", run: mbtool::run },
    Tool { name: "tls_prune", about: "remove TLS sessions that are over", run: tls_prune::run },
    Tool { name: "chk_cyrus", about: "look through mailboxes for damage", run: chk_cyrus::run },
    Tool {
        name: "ctl_conversationsdb",
        about: "dump, rebuild and audit conversations",
        run: ctl_conversationsdb::run,
    },
    Tool { name: "ctl_cyrusdb", about: "recover and archive the databases", run: ctl_cyrusdb::run },
    Tool { name: "ctl_deliver", about: "dump the duplicate delivery database", run: ctl_deliver::run },
    Tool {
        name: "ctl_mboxlist",
        about: "dump, load and verify the list of mailboxes",
        run: ctl_mboxlist::run,
    },
    Tool { name: "cvt_cyrusdb", about: "copy a database into another format", run: cvt_cyrusdb::run },
    Tool { name: "cyr_buildinfo", about: "tell what is built in", run: cyr_buildinfo::run },
    Tool { name: "cyr_dbtool", about: "look into a database and change it", run: cyr_dbtool::run },
    Tool { name: "cyr_expire", about: "remove what is old", run: cyr_expire::run },
    Tool { name: "cyr_info", about: "show the configuration and what the server does", run: cyr_info::run },
    Tool { name: "cyr_userseen", about: "remove the seen state of owners", run: cyr_userseen::run },
    Tool { name: "cyradm", about: "administer an IMAP server, from a terminal or a pipe", run: cyradm::run },
    Tool { name: "installsieve", about: "put a Sieve script on a server", run: managesieve::installsieve },
    Tool {
        name: "sieveshell",
        about: "manage Sieve scripts, from a terminal or a pipe",
        run: managesieve::sieveshell,
    },
    Tool { name: "masssievec", about: "compile all Sieve scripts", run: masssievec::run },
    Tool { name: "mbexamine", about: "show what the files of a mailbox say", run: mbexamine::run },
    Tool { name: "mbpath", about: "tell where the files of a mailbox are", run: mbpath::run },
    Tool { name: "deliver", about: "hand a message to lmtpd", run: deliver::run },
    Tool { name: "mkimap", about: "make configuration and partition directories", run: mkimap::run },
    Tool { name: "quota", about: "report and count anew what quota roots use", run: quota::run },
    Tool {
        name: "reconstruct",
        about: "hold mailboxes against their files and mend them",
        run: reconstruct::run,
    },
    Tool { name: "sievec", about: "compile a Sieve script", run: sievec::run },
    Tool { name: "relocate_by_id", about: "move mailboxes into directories by id", run: relocate_by_id::run },
    Tool { name: "sieved", about: "list a compiled Sieve script", run: sieved::run },
    Tool {
        name: "translatesieve",
        about: "rewrite the folders in Sieve scripts after a change of separator or namespace",
        run: translatesieve::run,
    },
    Tool { name: "unexpunge", about: "list and restore expunged messages", run: unexpunge::run },
];

/// Runs the tool named by `argv[0]` or, under another name, by the first argument. Returns the exit code.
pub fn main(argv: Vec<OsString>) -> i32 {
    let mut argv = argv.into_iter();
    let prog = argv.next().unwrap_or_default();
    if let Some(tool) = find(base_name(&prog)) {
        return (tool.run)(&Call { prog, args: argv.collect() });
    }
    let name = argv.next().unwrap_or_default();
    if let Some(tool) = find(&name) {
        return (tool.run)(&Call { prog: name, args: argv.collect() });
    }
    if name == "--list" {
        // For installers: they make a link of each name.
        let names: String = TOOLS.iter().map(|tool| format!("{}\n", tool.name)).collect();
        let written = std::io::stdout().write_all(names.as_bytes());
        return if written.is_ok() { libcyrus::base::exit::EX_OK } else { libcyrus::base::exit::EX_IOERR };
    }
    let mut out = String::from("usage: cyrus-tools NAME [arguments]; NAME is one of\n");
    for tool in TOOLS {
        out.push_str(&format!("  {:<20} {}\n", tool.name, tool.about));
    }
    let _ = std::io::stderr().write_all(out.as_bytes());
    libcyrus::base::exit::EX_USAGE
}

fn base_name(prog: &OsStr) -> &OsStr {
    Path::new(prog).file_name().unwrap_or(prog)
}

fn find(name: &OsStr) -> Option<&'static Tool> {
    TOOLS.iter().find(|tool| tool.name == name)
}
