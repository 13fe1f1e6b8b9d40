//! Event notifications (RFC 5423) on the notify socket: the same dialogue on the oracle and on ours gives the same
//! payloads, byte by byte but for what no two runs share (process ids, times, unique ids, session ids).

use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use cyrus_tests::known::Need;
use cyrus_tests::{Builder, Imap, Instance, Server, case, place, record};

/// A step is over when nothing came for so long.
const QUIET: Duration = Duration::from_millis(60);

/// What notifyd would get.
struct Ear {
    heard: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Ear {
    fn listen(instance: &Instance) -> Self {
        let path = instance.root().join("sock/notify");
        let socket = UnixDatagram::bind(&path).expect("notify socket");
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o666)).expect("chmod");
        socket.set_read_timeout(Some(Duration::from_secs(120))).expect("timeout");
        let heard = Arc::new(Mutex::new(Vec::new()));
        let keep = Arc::clone(&heard);
        std::thread::spawn(move || {
            let mut buf = vec![0; 65536];
            while let Ok(n) = socket.recv(&mut buf) {
                keep.lock().unwrap_or_else(PoisonError::into_inner).push(buf[..n].to_vec());
            }
        });
        Self { heard }
    }

    /// What came since the last call, once nothing more comes.
    fn take(&self) -> Vec<Vec<u8>> {
        let lock = || self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let mut count = lock().len();
        let mut since = Instant::now();
        while since.elapsed() < QUIET {
            std::thread::sleep(Duration::from_millis(5));
            let now = lock().len();
            if now != count {
                (count, since) = (now, Instant::now());
            }
        }
        std::mem::take(&mut *lock())
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

fn step(out: &mut String, ear: &Ear, instance: &Instance, what: &str) {
    out.push_str(&format!("== {what}\n"));
    for datagram in ear.take() {
        out.push_str(&line(&datagram, instance.root()));
        out.push('\n');
    }
}

/// The messages that steps name.
fn message(name: &str) -> &'static [u8] {
    match name {
        "plain" => {
            b"Date: Mon, 07 Nov 2022 10:00:00 +0100\r\nFrom: Ann <ann@example.org>\r\nTo: Bert <bert@example.org>, \
              cleo@example.org\r\nSubject: first \"one\" / two\\\r\nMessage-ID: <1@example.org>\r\n\r\nHello\r\n\ttab\r\n"
        }
        "bare" => b"Subject: no id\r\n\r\nbody\r\n",
        "multi" => {
            b"Date: Tue, 08 Nov 2022 11:00:00 -0300\r\nFrom: =?utf-8?q?J=C3=BCrgen?= <j@example.org>\r\nTo: ann@example.org\r\n\
              Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nMessage-ID: <multi@example.org>\r\nIn-Reply-To: <1@example.org>\r\n\
              MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain; \
              charset=utf-8\r\n\r\nGr\xc3\xbc\xc3\x9fe\r\n--b\r\nContent-Type: application/octet-stream\r\n\
              Content-Disposition: attachment; filename=x.bin\r\nContent-Transfer-Encoding: base64\r\n\r\nAAEC\r\n--b--\r\n"
        }
        "eight" => b"Date: Wed, 09 Nov 2022 12:00:00 +0000\r\nSubject: eight bits\r\nMessage-ID: <8@example.org>\r\n\r\nlatin \xe9\xe8\r\n",
        "big" => {
            static BIG: std::sync::OnceLock<Vec<u8>> = std::sync::OnceLock::new();
            BIG.get_or_init(|| {
                let mut all = b"Subject: big\r\nMessage-ID: <big@example.org>\r\n\r\n".to_vec();
                all.extend(b"0123456789abcdefghijklmnopqrstuvwxyz\r\n".iter().cycle().take(12_000));
                all
            })
        }
        other => panic!("no message {other}"),
    }
}

/// Runs the script of `name` (`tests/data/events/<name>.txt`): first lines `option: value`, then an empty line, then
/// steps: `user: IMAP COMMAND`, `user+message: arguments of APPEND`, `lmtp+message: recipient ...`,
/// `tool: name arguments`.
fn run(name: &str, server: Server) -> String {
    let path = place::root().join(format!("tests/data/events/{name}.txt"));
    let script = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let (head, steps) = script.split_once("\n\n").expect("an empty line behind the options");
    let mut builder = Builder::new(server).option("event_notifier", "log");
    for (option, value) in head.lines().filter(|l| !l.starts_with('#')).filter_map(|l| l.split_once(": ")) {
        builder = builder.option(option, value);
    }
    let mut instance = builder.build();
    let ear = Ear::listen(&instance);
    instance.start();
    let mut out = String::new();
    let mut sessions: std::collections::BTreeMap<String, Imap> = std::collections::BTreeMap::new();
    for text in steps.lines().filter(|l| !l.is_empty() && !l.starts_with('#')) {
        let (who, what) = text.split_once(": ").expect("who: what");
        let (who, letter) = who.split_once('+').map_or((who, None), |(who, name)| (who, Some(name)));
        match (who, letter) {
            ("lmtp", Some(letter)) => {
                for recipient in what.split(' ') {
                    let reply =
                        instance.lmtp("lmtp").deliver("sender@example.org", recipient, message(letter));
                    let code: String = reply.last().map(|l| l.chars().take(9).collect()).unwrap_or_default();
                    out.push_str(&format!("-- {code}\n"));
                }
            }
            ("tool", _) => {
                let args: Vec<&str> = what.split(' ').collect();
                let result = instance.tool(server, args[0], &args[1..]);
                out.push_str(&format!("-- exit {:?}\n", result.status.code()));
            }
            (user, letter) => {
                let imap = sessions.entry(user.to_owned()).or_insert_with(|| instance.imap("imap"));
                let answer = match letter {
                    Some(letter) => imap.append(what, message(letter)),
                    None => imap.command(what),
                };
                let last = String::from_utf8_lossy(&answer.last).into_owned();
                out.push_str(&format!("-- {}\n", last.split(' ').nth(1).unwrap_or("closed")));
                if what == "LOGOUT" {
                    sessions.remove(user);
                }
            }
        }
        step(&mut out, &ear, &instance, text);
    }
    // The oracle ends its process over an event that lacks a parameter; such options make no script.
    let lame = instance.syslog().and_then(|log| log.find("Cannot notify event"));
    assert!(lame.is_none(), "{name} on {server:?}: {lame:?}");
    out
}

/// Together more than 200 events.
const SCRIPTS: &[&str] = &["all", "default", "exclude", "inboxes"];

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
