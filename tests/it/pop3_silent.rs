//! What others may do while a POP3 client is silent, and who may not come at all.

use cyrus_tests::known::Need;
use cyrus_tests::pop3::Pop3;
use cyrus_tests::{Builder, Instance, Server, case};
use libcyrus::base::Config;
use libcyrus::store::Catalog;
use libcyrus::store::lock::Mode;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What a client of IMAP waits for at most, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(8);

fn start(imap: Server, options: &[(&str, &str)]) -> Instance {
    let builder = Builder::new(imap).server("pop3", Server::Ours);
    options.iter().fold(builder, |builder, (name, value)| builder.option(name, value)).start()
}

fn login(instance: &Instance) -> (Pop3, String) {
    let mut pop3 = Pop3::connect(instance.port("pop3"));
    assert_eq!(pop3.command("USER ann"), ["+OK Name is a valid mailbox"]);
    let reply = pop3.command("PASS pw").join("\n");
    (pop3, reply)
}

fn append(instance: &Instance, subject: &str) {
    let message = format!("From: a@example.org\r\nSubject: {subject}\r\n\r\nBody.\r\n");
    let mut ann = instance.imap_as("imap", "ann");
    let answer = ann.append("INBOX", message.as_bytes());
    assert!(answer.is_ok(), "{}", answer.text());
}

fn in_time<T>(what: &str, doing: impl FnOnce() -> T) -> T {
    let began = Instant::now();
    let result = doing();
    assert!(began.elapsed() < PATIENCE, "{what} took {:?}", began.elapsed());
    result
}

fn silent_client_stops_nobody(imap: Server) {
    let instance = start(imap, &[("delete_mode", "immediate"), ("expunge_mode", "immediate")]);
    append(&instance, "first");
    append(&instance, "second");
    let (mut pop3, _) = login(&instance);
    assert_eq!(pop3.command("STAT").first().map(|line| line.starts_with("+OK 2 ")), Some(true));

    let mut ann = instance.imap_as("imap", "ann");
    ann.ok("SELECT INBOX");
    ann.ok("STORE 1 +FLAGS (\\Deleted)");
    in_time("EXPUNGE", || ann.ok("EXPUNGE"));
    ann.ok("LOGOUT");
    assert_eq!(pop3.command("DELE 1"), ["+OK message deleted"]);
    assert_eq!(pop3.command("RETR 2").first().map(String::as_str), Some("+OK Message follows"));
    assert_eq!(pop3.command("QUIT"), ["+OK"]);

    // The mailbox made anew under the old name is another one, though its messages have the old numbers.
    let (mut pop3, _) = login(&instance);
    assert_eq!(pop3.command("DELE 1"), ["+OK message deleted"]);
    let mut admin = instance.imap_as("imap", "admin");
    admin.ok("SETACL user.ann admin lrswipkxtecda");
    in_time("DELETE", || admin.ok("DELETE user.ann"));
    admin.ok("CREATE user.ann");
    append(&instance, "third");
    append(&instance, "fourth");
    // DELETE ends all processes that have the mailbox.
    assert_eq!(pop3.command("QUIT"), Vec::<String>::new());
    let mut ann = instance.imap_as("imap", "ann");
    let text = ann.command("STATUS INBOX (MESSAGES)").text();
    assert!(text.contains("MESSAGES 2"), "{text}");
}

#[test]
fn imapd_of_the_oracle_expunges_and_deletes_meanwhile() {
    case("mixed::pop3_silent", &[Need::Oracle], || silent_client_stops_nobody(Server::Oracle));
}

#[test]
fn ours_expunges_and_deletes_meanwhile() {
    case("ours::pop3_silent", &[], || silent_client_stops_nobody(Server::Ours));
}

#[test]
fn an_empty_maildrop_waits_for_no_lock() {
    case("ours::pop3_empty", &[], || {
        let instance = start(Server::Ours, &[("statuscache", "yes")]);
        let mut ann = instance.imap_as("imap", "ann");
        ann.ok("STATUS INBOX (MESSAGES)");
        ann.ok("LOGOUT");
        let config = Config::load(Some(&instance.root().join("imapd.conf")), "test").expect("configuration");
        let store = libcyrus::open_store(&Arc::new(Catalog::new(Arc::new(config))));
        let lock = store.lock_owner(Some(b"ann"), Mode::Exclusive).expect("the user's lock");
        let (mut pop3, reply) = in_time("the login", || login(&instance));
        assert!(reply.starts_with("+OK Mailbox locked and ready"), "{reply}");
        assert_eq!(pop3.command("STAT"), ["+OK 0 0"]);
        drop(lock);
    });
}

/// Both limits are told of where both are set, whichever is reached; a process counts itself from USER on.
fn refusal_of_a_second_login(pop3: Server) -> String {
    let options = [("maxlogins_per_host", "9"), ("maxlogins_per_user", "2")];
    let builder = Builder::new(Server::Ours).server("pop3", pop3);
    let instance = options.iter().fold(builder, |builder, (name, value)| builder.option(name, value)).start();
    let (_first, reply) = login(&instance);
    assert!(reply.starts_with("+OK Mailbox locked and ready"), "{reply}");
    let (_second, reply) = login(&instance);
    reply
}

const REFUSAL: &str = "-ERR Too many open connections (2 of 9 from localhost [127.0.0.1], 2 of 2 for ann)";

#[test]
fn both_login_limits_are_told() {
    case("ours::pop3_limits", &[], || assert_eq!(refusal_of_a_second_login(Server::Ours), REFUSAL));
}

#[test]
fn the_oracle_tells_both_login_limits() {
    case("oracle::pop3_limits", &[Need::Oracle], || {
        assert_eq!(refusal_of_a_second_login(Server::Oracle), REFUSAL);
    });
}
