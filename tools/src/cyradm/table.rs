//! The shell's commands: names, aliases, arguments and what they are for.

use super::Shell;
use super::run as does;

/// What running a command came to: nothing more, a complaint, or the end of the shell.
#[derive(Debug)]
pub enum Trouble {
    /// Said on standard error.
    Complaint(String),
    /// The shell ends with this code.
    Exit(i32),
}

/// Result of a command.
pub type Done = Result<(), Trouble>;

/// Does a command with the words behind its name.
pub type Does = fn(&mut Shell, &[String]) -> Done;

/// A command of the shell.
pub struct Builtin {
    /// Its full name.
    pub name: &'static str,
    /// Other names.
    pub aliases: &'static [&'static str],
    /// Its arguments.
    pub arguments: &'static str,
    /// What it is for.
    pub about: &'static str,
    /// Does it.
    pub does: Does,
}

const fn row(
    name: &'static str,
    aliases: &'static [&'static str],
    arguments: &'static str,
    about: &'static str,
    does: Does,
) -> Builtin {
    Builtin { name, aliases, arguments, about, does }
}

/// All commands, by name.
pub const BUILTINS: &[Builtin] = &[
    row(
        "authenticate",
        &["auth", "login"],
        "[-minssf N] [-maxssf N] [-mechanisms list] [-service name] [-tlskey keyfile] [-notls] \
         [-cafile cacertfile] [-capath cacertdir] [user]",
        "authenticate to server",
        does::authenticate,
    ),
    row("chdir", &["cd"], "directory", "change current directory", does::chdir),
    row(
        "createmailbox",
        &["create", "cm"],
        "[--partition partition] [--specialuse specialuse] mailbox [partition]",
        "create mailbox",
        does::create,
    ),
    row(
        "deleteaclmailbox",
        &["deleteacl", "dam"],
        "mailbox id [id ...]",
        "remove ACLs from mailbox",
        does::delete_acl,
    ),
    row("deletemailbox", &["delete", "dm"], "mailbox [host]", "delete mailbox", does::delete),
    row("disconnect", &["disc"], "", "disconnect from current server", does::disconnect),
    row("exit", &["quit"], "[number]", "exit cyradm", does::exit),
    row("getmetadata", &["getmd"], "[mailbox]", "display mailbox/server metadata", does::get_metadata),
    row("help", &["?"], "[command]", "show commands", does::help),
    row("info", &[], "[mailbox]", "display mailbox/server annotations", does::info),
    row("listacl", &["lam", "listaclmailbox"], "mailbox", "list ACLs on mailbox", does::list_acl),
    row("listmailbox", &["lm"], "[-subscribed] [-specialuse] [pattern [base]]", "list mailboxes", does::list),
    row("listquota", &["lq"], "root", "list quotas on specified root", does::list_quota),
    row(
        "listquotaroot",
        &["lqr", "lqm"],
        "mailbox",
        "show quota roots and quotas for mailbox",
        does::list_quota_root,
    ),
    row(
        "mboxcfg",
        &["mboxconfig"],
        "[--private] mailbox [comment|expire|news2mail|sieve|squat|/<explicit annotation>] value",
        "configure mailbox",
        does::configure,
    ),
    row("reconstruct", &[], "mailbox", "reconstruct mailbox (if supported)", does::reconstruct),
    row(
        "renamemailbox",
        &["rename", "renm"],
        "[--partition partition] oldname newname [partition]",
        "rename (and optionally relocate) mailbox",
        does::rename,
    ),
    row(
        "server",
        &["servername", "connect"],
        "[-noauthenticate] [server]",
        "show current server or connect to server",
        does::server,
    ),
    row(
        "setaclmailbox",
        &["setacl", "sam"],
        "mailbox id rights [id rights ...]",
        "set ACLs on mailbox",
        does::set_acl,
    ),
    row(
        "setinfo",
        &[],
        "[motd|comment|admin|shutdown|expire|squat] text",
        "set server metadata",
        does::set_info,
    ),
    row(
        "setmetadata",
        &["setmd"],
        "[--private] mailbox [comment|expire|news2mail|pop3showafter|sharedseen|sieve|specialuse|squat|\
         /<explicit annotation>] value",
        "set metadata to mailbox",
        does::set_metadata,
    ),
    row(
        "setquota",
        &["sq"],
        "mailbox resource value [resource value ...]",
        "set quota on mailbox or resource",
        does::set_quota,
    ),
    row("subscribe", &["sub"], "[mailbox]", "subscribe to a mailbox", does::subscribe),
    row("unsubscribe", &["unsub"], "[mailbox]", "unsubscribe from a mailbox", does::unsubscribe),
    row("version", &["ver"], "", "display version info of current server", does::version),
    row(
        "xfermailbox",
        &["xfer"],
        "[--partition partition] mailbox server [partition]",
        "transfer (relocate) a mailbox to a different server",
        does::transfer,
    ),
];

/// The command of a name or alias.
pub fn find(name: &str) -> Option<&'static Builtin> {
    BUILTINS.iter().find(|builtin| builtin.name == name || builtin.aliases.contains(&name))
}
