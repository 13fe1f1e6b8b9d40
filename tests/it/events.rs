//! Event notifications (RFC 5423) on the notify socket: the same dialogue on the oracle and on ours gives the same
//! payloads, byte by byte but for what no two runs share (process ids, times, unique ids, session ids).

use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use cyrus_tests::known::Need;
use cyrus_tests::{Builder, Instance, Server, case, place, record};

use crate::script;

/// A step is over when nothing came for so long.
const QUIET: Duration = Duration::from_millis(60);

/// What notifyd would get.
struct Ear {
    heard: Receiver<Vec<u8>>,
    path: PathBuf,
}

/// The test's own datagram, behind all that was sent before it.
const MARK: &[u8] = b"mark";

impl Ear {
    fn listen(instance: &Instance) -> Self {
        let path = instance.root().join("sock/notify");
        let socket = UnixDatagram::bind(&path).expect("notify socket");
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o666)).expect("chmod");
        socket.set_read_timeout(Some(Duration::from_secs(120))).expect("timeout");
        let (tell, heard) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let mut buf = vec![0; 65536];
            while let Ok(n) = socket.recv(&mut buf) {
                if tell.send(buf[..n].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self { heard, path }
    }

    /// What came since the last call: all that was sent until now, and what follows while it is not quiet.
    fn take(&self) -> Vec<Vec<u8>> {
        let mark = UnixDatagram::unbound().expect("socket");
        mark.send_to(MARK, &self.path).expect("mark");
        let mut all = Vec::new();
        while let Ok(datagram) = self.heard.recv_timeout(Duration::from_secs(30)) {
            if datagram == MARK {
                break;
            }
            all.push(datagram);
        }
        while let Ok(datagram) = self.heard.recv_timeout(QUIET) {
            all.push(datagram);
        }
        all
    }
}

/// A datagram as a line: its fields joined by `|`.
fn line(datagram: &[u8], root: &std::path::Path) -> String {
    let text = String::from_utf8_lossy(datagram).replace('\0', "|");
    mask(&text.replace(&root.display().to_string(), "ROOT"))
}

/// Puts `@` for what differs from run to run.
fn mask(text: &str) -> String {
    let mut out = text.to_owned();
    // Deliveries add header fields with process and session ids: size, guid and what is made of it are not the same.
    let delivered = text.contains("\"MessageNew\"");
    let of_delivered = |before: &'static str| if delivered { before } else { "(nothing)" };
    for (before, after) in [
        (of_delivered("\"messageSize\":"), ","),
        (of_delivered("\"vnd.fastmail.cid\":\""), "\""),
        (of_delivered("\"vnd.cmu.threadid\":\""), "\""),
        (of_delivered("\"vnd.cmu.emailid\":\""), "\""),
        ("\"timestamp\":\"", "\""),
        ("\"pid\":", ","),
        ("\"mailboxID\":\"", "\""),
        ("UIDVALIDITY=", ";/\""),
        ("\"vnd.cmu.sessionId\":\"", "\""),
        ("\"vnd.fastmail.sessionId\":\"", "\""),
        ("\"serverPort\":", ","),
        ("\"clientPort\":", ","),
        ("\"vnd.fastmail.counters\":\"", "\""),
        ("X-Cyrus-Session-Id: ", "\\"),
        ("DELETED/user/", "\";"),
        ("DELETED.user.", "\";"),
    ] {
        let mut from = 0;
        while let Some(at) = out[from..].find(before) {
            let start = from + at + before.len();
            let len = out[start..].find(|c| after.contains(c)).unwrap_or(out.len() - start);
            let masked = if before.contains("timestamp") {
                out[start..start + len].chars().map(|c| if c.is_ascii_digit() { '9' } else { c }).collect()
            } else {
                "@".to_owned()
            };
            out.replace_range(start..start + len, &masked);
            from = start + masked.len();
        }
    }
    out
}

/// Runs the script of `name` (`tests/data/events/<name>.txt`).
fn run(name: &str, server: Server) -> String {
    let path = place::root().join(format!("tests/data/events/{name}.txt"));
    let builder = Builder::new(server).option("event_notifier", "log");
    script::run(&path, builder, server, Ear::listen, |out, ear, instance, step| {
        if step.is_empty() {
            // The oracle ends its process over an event that lacks a parameter; such options make no script.
            let lame = instance.syslog().and_then(|log| log.find("Cannot notify event"));
            assert!(lame.is_none(), "{name} on {server:?}: {lame:?}");
            return;
        }
        for datagram in ear.take() {
            out.push_str(&line(&datagram, instance.root()));
            out.push('\n');
        }
    })
}

/// Together more than 200 events.
const SCRIPTS: &[&str] = &["all", "default", "exclude", "inboxes", "mail"];

#[test]
fn ours_notifies_as_the_oracle_did() {
    case("ours::events", &[], || {
        for name in SCRIPTS {
            record::check(&format!("events/{name}"), Server::Ours, &run(name, Server::Ours));
        }
    });
}

#[test]
fn the_oracle_notifies_as_recorded() {
    case("oracle::events", &[Need::Oracle], || {
        for name in SCRIPTS {
            record::check(&format!("events/{name}"), Server::Oracle, &run(name, Server::Oracle));
        }
    });
}

/// The oracle ends its process over these events (docs/deviations.md); ours tells them.
#[test]
fn ours_tells_of_quotas_and_of_contents() {
    case("ours::events::more", &[], || {
        let said = run("quota", Server::Ours);
        let told: Vec<&str> = said.lines().filter(|line| line.starts_with("log|")).collect();
        let expected = [
            "\"QuotaChange\",\"service\":\"imap\",\"uri\":\"imap://mail.example/user.ann\",\"diskQuota\":1,\"maxMessages\":-1,\"messages\":0,",
            "\"QuotaExceed\",\"service\":\"imap\",\"uri\":\"imap://mail.example/user.ann\",\"diskQuota\":1,\"diskUsed\":12,",
            "\"QuotaChange\",\"service\":\"imap\",\"uri\":\"imap://mail.example/user.ann\",\"maxMessages\":1,\"messages\":1,",
            "\"QuotaExceed\",\"service\":\"imap\",\"uri\":\"imap://mail.example/user.ann\",\"maxMessages\":1,\"messages\":1,",
            "\"QuotaExceed\",\"service\":\"imap\",\"uri\":\"imap://mail.example/user.ann\",\"maxMessages\":1,\"messages\":1,",
            "\"QuotaWithin\",\"service\":\"imap\",\"uri\":\"imap://mail.example/user.ann\",\"maxMessages\":1,\"messages\":0,",
        ];
        assert_eq!(told.len(), expected.len(), "{said}");
        for (line, part) in told.iter().zip(expected) {
            assert!(line.contains(part), "{part}\n{said}");
        }
        let said = run("content", Server::Ours);
        let told: Vec<&str> = said.lines().filter(|line| line.starts_with("log|")).collect();
        let body = "\"messageContent\":\"Subject: no id\\r\\n\\r\\nbo\"}";
        assert!(told.iter().any(|line| line.contains("MessageAppend") && line.contains(body)), "{said}");
        // 8-bit text that is no UTF-8 is left out, and the event stays.
        let eight = told.iter().find(|line| line.contains("UID=2")).expect("the second message");
        assert!(!eight.contains("messageContent"), "{said}");
    });
}
