//! notifyd: datagrams sent to the oracle's and to ours have the same lines in the log, the same programs run with the
//! same arguments, and the same octets on their standard input.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::Path;

use cyrus_tests::known::Need;
use cyrus_tests::{Builder, Instance, Server, case, record, wait_for};

/// A program that writes down how it was called, as `out.<n>`.
const SPY: &str = "#!/bin/sh\nn=$(ls ROOT/spy | wc -l)\n{ echo \"called: $(basename \"$0\")\"; for a in \"$@\"; do echo \"arg: $a\"; done\n\
                   echo \"service: $CYRUS_SERVICE $CYRUS_ID\"; echo \"input:\"; cat; } >ROOT/spy.new\nmv ROOT/spy.new ROOT/spy/$n\n";

fn spy(instance: &Instance, name: &str) {
    let path = instance.root().join(name);
    std::fs::write(&path, SPY.replace("ROOT", &instance.root().display().to_string())).expect("spy");
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).expect("chmod");
}

fn datagram(fields: &[&str]) -> Vec<u8> {
    fields.iter().flat_map(|field| [field.as_bytes(), b"\0"].concat()).collect()
}

fn mask(text: &str, root: &Path) -> String {
    let mut out = String::new();
    for line in text.lines() {
        let line = line.replace(&root.display().to_string(), "ROOT");
        let line = match line.split_once(": ") {
            Some(("Message-ID", id)) => {
                let (head, tail) = id.split_once('@').unwrap_or((id, ""));
                let words: Vec<&str> = head.split('-').collect();
                format!("Message-ID: {}-@-@-{}@{tail}", words[..2].join("-"), words.last().unwrap_or(&""))
            }
            Some(("Date", date)) => {
                format!("Date: {}", date.replace(|c: char| c.is_ascii_digit(), "9").len())
            }
            _ => line,
        };
        out.push_str(&line);
        out.push('\n');
    }
    out
}

/// Sends the datagrams to a notifyd started with `args` and tells what became of them.
fn run(server: Server, args: &str, datagrams: &[(&str, Vec<u8>)]) -> String {
    let root_of = |instance: &Instance| instance.root().display().to_string();
    let mut instance = Builder::new(server).notifyd(args).option("debug", "yes").build();
    let root = root_of(&instance);
    let conf = instance.root().join("imapd.conf");
    let text = std::fs::read_to_string(&conf).expect("imapd.conf");
    std::fs::write(&conf, format!("{text}sendmail: {root}/sendmail\nnotify_external: {root}/external\n"))
        .expect("imapd.conf");
    for name in ["sendmail", "external"] {
        spy(&instance, name);
    }
    std::fs::create_dir(instance.root().join("spy")).expect("spy");
    std::fs::set_permissions(instance.root().join("spy"), PermissionsExt::from_mode(0o777)).expect("chmod");
    std::fs::set_permissions(instance.root(), PermissionsExt::from_mode(0o777)).expect("chmod");
    instance.start();
    let path = instance.root().join("sock/notify");
    wait_for("the notify socket", || path.exists().then_some(()));
    let log = instance.syslog().expect("log").clone();
    let mut out = String::new();
    let socket = UnixDatagram::unbound().expect("socket");
    for (n, (what, datagram)) in datagrams.iter().enumerate() {
        out.push_str(&format!("== {what}\n"));
        let spied = std::fs::read_dir(instance.root().join("spy")).expect("spy").count();
        let before = log.lines().len();
        socket.send_to(datagram, &path).expect("send");
        // The oracle ends over a malformed one, so that the end of a request is seen by the next one's beginning.
        let mark = format!("mark {n}");
        wait_for("the mark", || {
            socket.send_to(&self::datagram(&["log", "MARK", "", "", "", "0", &mark]), &path).ok()?;
            std::thread::sleep(std::time::Duration::from_millis(20));
            log.lines().iter().any(|line| line.contains(&mark)).then_some(())
        });
        for line in log.lines().iter().skip(before) {
            let is_ours = line.contains("notify[") || line.contains("notifyd[") || line.contains("notifyd:");
            if !is_ours || line.contains("MARK") || line.contains("method 'log'") && *what != "log" {
                continue;
            }
            let Some((head, text)) = line.split_once("]: ") else { continue };
            if [
                "accepted connection",
                "executed",
                "graceful",
                "SQL backend",
                "zoneinfo_dir",
                "ical_support_init",
            ]
            .iter()
            .any(|w| text.starts_with(w))
            {
                continue;
            }
            let level = head.split('>').next().unwrap_or_default();
            out.push_str(&format!("{level}> {}\n", text.replace(&root, "ROOT")));
        }
        let now = std::fs::read_dir(instance.root().join("spy")).expect("spy").count();
        for call in spied..now {
            let text = std::fs::read(instance.root().join("spy").join(call.to_string())).expect("call");
            out.push_str(&mask(&String::from_utf8_lossy(&text), instance.root()));
        }
    }
    out
}

fn dialogue(server: Server) -> String {
    let all = [
        ("null", datagram(&["null", "MAIL", "", "ann", "INBOX", "0", "hello"])),
        ("log", datagram(&["log", "MAIL", "", "ann", "INBOX", "0", "hello"])),
        (
            "log with options",
            datagram(&["LOG", "SIEVE", "high", "ann", "INBOX.a b", "2", "one", "two words", "text"]),
        ),
        ("log of an event", datagram(&["log", "EVENT", "", "", "", "0", "{\"event\":\"Login\"}"])),
        ("default", datagram(&["", "MAIL", "", "ann", "INBOX", "0", "by default"])),
        ("unknown method", datagram(&["pigeon", "MAIL", "", "ann", "INBOX", "0", "hello"])),
        ("external", datagram(&["external", "MAIL", "low", "ann", "INBOX", "0", "line 1\nline 2"])),
        (
            "external with file",
            datagram(&["external", "MAIL", "", "", "", "1", "opt", "m", "/tmp/file name"]),
        ),
        ("mailto", datagram(&["mailto", "SIEVE", "", "ann", "", "1", "x@example.org", "You have mail"])),
        (
            "mailto 8 bit",
            datagram(&["mailto", "SIEVE", "", "ann", "", "1", "x@example.org", "gr\u{fc}n\n.\nx"]),
        ),
        ("mailto nobody", datagram(&["mailto", "SIEVE", "", "ann", "", "0", "You have mail"])),
        ("malformed", b"log\0MAIL\0\0ann\0INBOX\x00002\0a\0b\0".to_vec()),
        ("malformed count", b"log\0MAIL\0\0ann\0INBOX\0-3\0a\0b\0".to_vec()),
        ("no last NUL", b"external\0MAIL\0\0ann\0INBOX\x00000\0hello".to_vec()),
    ];
    let mut out = run(server, "-m log", &all);
    out.push_str("==== without -m\n");
    let some = [
        ("default", datagram(&["", "MAIL", "", "ann", "INBOX", "0", "by default"])),
        ("named", datagram(&["log", "MAIL", "", "ann", "INBOX", "0", "named"])),
    ];
    out.push_str(&run(server, "", &some));
    out
}

#[test]
fn the_oracle_sends_on_as_recorded() {
    case("oracle::notifyd", &[Need::Oracle, Need::Namespace], || {
        record::check("notifyd", Server::Oracle, &dialogue(Server::Oracle));
    });
}

#[test]
fn ours_sends_on_as_the_oracle_did() {
    case("ours::notifyd", &[Need::Namespace], || {
        record::check("notifyd", Server::Ours, &dialogue(Server::Ours));
    });
}
