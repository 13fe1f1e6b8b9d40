//! The mails of Sieve scripts on their way out with `smtp_backend: host`: a stub server tells the whole dialogue, and
//! what the LMTP client heard. Ids, dates of new mails and process ids are normalised.

use cyrus_tests::known::Need;
use cyrus_tests::smtp::{Manners, converse};
use cyrus_tests::transcript::normalise;
use cyrus_tests::{Builder, Server, case, place, record, tls};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const SCRIPTS: [(&str, &str); 4] = [
    (
        "ann",
        "require [\"vacation\"];\nvacation :days 7 :subject \"Away \u{e4}\" :from \"ann@mail.example\" \
         :addresses [\"ann@mail.example\"] \"I am away.\r\n.dot\r\n\";\n",
    ),
    (
        "bert",
        "require [\"copy\", \"redirect-dsn\"];\nredirect :copy :notify \"FAILURE\" :ret \"HDRS\" \"else@example.org\";\n",
    ),
    ("cleo", "require \"reject\";\nreject \"Not \u{fc}ber here.\r\n.dot\r\n\";\n"),
    ("eve", "redirect \"refused@example.org\";\nredirect \"other@example.org\";\n"),
];

const ALL: &str = "250-stub\r\n250-AUTH PLAIN LOGIN\r\n250-DSN\r\n250-DELIVERBY\r\n250-SIZE 100000\r\n\
                   250 ENHANCEDSTATUSCODES\r\n";

const RELAY: &[(&str, &str)] =
    &[("smtp_host", "127.0.0.1:@PORT@"), ("smtp_auth_authname", "relay"), ("smtp_auth_password", "secret")];

/// In the clear there is STARTTLS alone.
const SECURE: &str = "250-stub\r\n250 STARTTLS\r\n";

const MANNERS: &[Manners] = &[
    Manners { name: "plain", ..Manners::KIND },
    Manners {
        name: "all that is announced",
        options: &[("smtp_host", "127.0.0.1:@PORT@/noauth"), ("smtp_auth_authname", "relay")],
        ehlo: ALL,
        ..Manners::KIND
    },
    Manners {
        name: "authentication",
        options: RELAY,
        ehlo: "250-stub\r\n250 AUTH PLAIN\r\n",
        ..Manners::KIND
    },
    Manners {
        name: "authentication refused",
        options: &[
            ("smtp_host", "127.0.0.1:@PORT@"),
            ("smtp_auth_authname", "relay"),
            ("smtp_auth_password", "wrong"),
        ],
        ehlo: "250-stub\r\n250 AUTH PLAIN\r\n",
        answers: &[("AUTH", "535 5.7.8 no\r\n")],
        ..Manners::KIND
    },
    Manners {
        name: "authentication not offered",
        options: &[("smtp_host", "127.0.0.1:@PORT@"), ("smtp_auth_authname", "relay")],
        ..Manners::KIND
    },
    Manners { name: "too small", ehlo: "250-stub\r\n250 SIZE 10\r\n", ..Manners::KIND },
    Manners { name: "MAIL refused", answers: &[("MAIL", "452 no\r\n")], ..Manners::KIND },
    Manners {
        name: "RCPT refused",
        ehlo: ALL,
        answers: &[("RCPT", "550-5.1.1 no\r\n550 5.1.1 never\r\n")],
        ..Manners::KIND
    },
    Manners { name: "message refused", answers: &[(".", "554 no\r\n")], ..Manners::KIND },
    Manners { name: "not now", answers: &[("greeting", "421 no\r\n")], ..Manners::KIND },
    Manners { name: "TLS offered, nothing to hide", ehlo: SECURE, ..Manners::KIND },
    Manners { name: "authentication inside TLS", options: RELAY, ehlo: SECURE, ..Manners::KIND },
    Manners {
        name: "nothing usable in the clear",
        options: RELAY,
        ehlo: "250-stub\r\n250-AUTH NONESUCH\r\n250 STARTTLS\r\n",
        ehlo_inside: "250-stub\r\n250-DSN\r\n250 AUTH PLAIN LOGIN\r\n",
        ..Manners::KIND
    },
    Manners {
        name: "TLS refused",
        options: RELAY,
        ehlo: SECURE,
        answers: &[("STARTTLS", "454 4.7.0 not now\r\n")],
        ..Manners::KIND
    },
    Manners {
        name: "no authentication inside TLS either",
        options: RELAY,
        ehlo: SECURE,
        ehlo_inside: "250-stub\r\n250 DSN\r\n",
        ..Manners::KIND
    },
    Manners {
        name: "a forced mechanism",
        options: &[
            ("smtp_host", "127.0.0.1:@PORT@"),
            ("smtp_auth_authname", "relay"),
            ("smtp_auth_password", "secret"),
            ("force_sasl_client_mech", "PLAIN"),
        ],
        ehlo: "250-stub\r\n250 AUTH LOGIN PLAIN CRAM-MD5\r\n",
        ..Manners::KIND
    },
    Manners {
        name: "a mechanism for one server",
        options: &[
            ("smtp_host", "127.0.0.1:@PORT@"),
            ("smtp_auth_authname", "relay"),
            ("smtp_auth_password", "secret"),
            ("force_sasl_client_mech", "PLAIN"),
            ("127_mechs", "GSSAPI"),
        ],
        ehlo: "250-stub\r\n250 AUTH PLAIN\r\n",
        ..Manners::KIND
    },
];

/// What the original cannot do, or does not look at.
const OURS: &[Manners] = &[
    Manners {
        name: "TLS at once",
        options: &[("smtp_host", "127.0.0.1:@PORT@/tls")],
        ehlo_inside: "250-stub\r\n250 8BITMIME\r\n",
        tls_at_once: true,
        ..Manners::KIND
    },
    Manners {
        name: "a certificate for another name",
        options: &[
            ("smtp_host", "127.0.0.1:@PORT@"),
            ("smtp_auth_authname", "relay"),
            ("smtp_auth_password", "secret"),
            ("tls_server_ca_file", "@CERTIFICATE@"),
        ],
        ehlo: SECURE,
        ..Manners::KIND
    },
];

/// Replaces what names a process or the day.
fn tidy(line: &str) -> String {
    let mut text = line.to_owned();
    for start in ["<cmu-sieve-", "<cmu-lmtpd-"] {
        if let Some((before, rest)) = text.split_once(start) {
            let after = rest.find('@').and_then(|at| rest.get(at..)).unwrap_or_default();
            text = format!("{before}{start}@numbers@{after}");
        }
    }
    if let Some((before, rest)) = text.split_once("SIZE=") {
        let after = rest.trim_start_matches(|c: char| c.is_ascii_digit());
        text = format!("{before}SIZE=@size@{after}");
    }
    if let Some(date) = text.strip_prefix("> Date: ") {
        text = format!("> Date: {}", if date.contains(" 2024 ") { date } else { "@date@" });
    }
    if text.starts_with("> \t ") && text.contains(" +0000") {
        "> \t @date@".clone_into(&mut text);
    }
    if let Some(at) = text.find("/mail.example") {
        let head = text.get(..at).unwrap_or_default();
        let name = head.trim_end_matches(|c: char| c.is_ascii_digit() || c == '-');
        text = format!("{name}@boundary@{}", text.get(at..).unwrap_or_default());
    }
    text
}

fn one(server: Server, manners: &'static Manners) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("port");
    let port = listener.local_addr().expect("address").port().to_string();
    let mut builder = Builder::new(server)
        .server("sieve", server)
        .user("eve")
        .option("smtp_backend", "host")
        .option("sieve_use_lmtp_reject", "no")
        .option("servername", "mail.example");
    for (name, value) in manners.options {
        let value = value.replace("@PORT@", &port);
        let value = value.replace("@CERTIFICATE@", &tls::certificate().display().to_string());
        builder = builder.option(name, &value);
    }
    let instance = builder.start();
    let told = Arc::new(Mutex::new(Vec::new()));
    let all = Arc::clone(&told);
    // Ends with the process of the tests.
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let conversation = converse(stream, manners);
            all.lock().expect("told").push(conversation);
        }
    });
    let mut out = format!("== {}\n", manners.name);
    for (user, script) in SCRIPTS {
        let mut sieve = instance.sieve("sieve");
        sieve.login(user, "");
        sieve.activate("s", script);
        let mut lmtp = instance.lmtp("lmtp");
        lmtp.command("LHLO client.example");
        let message = format!(
            "From: sender@example.org\r\nTo: {user}@mail.example\r\nSubject: to {user}\r\n\
             Message-ID: <{user}@example.org>\r\nDate: Mon, 1 Jan 2024 10:00:00 +0000\r\n\r\n.one\r\ntwo\r\n"
        );
        let reply = lmtp.deliver("sender@example.org", &format!("{user}@mail.example"), message.as_bytes());
        out.push_str(&format!("-- {user}\n"));
        for line in reply {
            out.push_str(&format!("{}\n", normalise(&line, instance.root())));
        }
        lmtp.command("QUIT");
        let mut imap = instance.imap_as("imap", user);
        imap.ok("EXAMINE INBOX");
        let flags = imap.command("FETCH 1:* (FLAGS)").text();
        for line in flags.lines().filter(|line| line.starts_with("* ") && line.contains("FETCH")) {
            out.push_str(&format!("kept: {line}\n"));
        }
        for conversation in drain(&told) {
            for line in asked_once(&conversation).lines() {
                out.push_str(&format!("{}\n", tidy(&normalise(line, instance.root()))));
            }
        }
    }
    if place::oracle().is_some() {
        instance.check_by_oracle();
    }
    out
}

/// The original asks EHLO again for the number of SIZE.
fn asked_once(conversation: &str) -> String {
    let mut out = String::new();
    let mut lines = conversation.lines().peekable();
    let mut last = "";
    while let Some(line) = lines.next() {
        if line.starts_with("> EHLO") && last.starts_with("< 250") && last.contains("stub") {
            lines.next();
            continue;
        }
        out.push_str(line);
        out.push('\n');
        last = line;
    }
    out
}

/// All conversations that are over, when none came for a while.
fn drain(told: &Mutex<Vec<String>>) -> Vec<String> {
    let mut since = Instant::now();
    let mut count = 0;
    while since.elapsed() < Duration::from_millis(250) {
        let now = told.lock().expect("told").len();
        if now > count {
            (count, since) = (now, Instant::now());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    std::mem::take(&mut *told.lock().expect("told"))
}

fn run(server: Server, all: &'static [Manners]) -> String {
    let third = all.len().div_ceil(3);
    std::thread::scope(|scope| {
        let parts: Vec<_> = all
            .chunks(third)
            .map(|part| {
                scope.spawn(move || part.iter().map(|manners| one(server, manners)).collect::<String>())
            })
            .collect();
        parts.into_iter().map(|part| part.join().expect("a part")).collect()
    })
}

#[test]
fn oracle_sends_as_recorded() {
    case("oracle::smtp_out", &[Need::Oracle], || {
        record::check("smtp_out", Server::Oracle, &run(Server::Oracle, MANNERS))
    });
}

#[test]
fn ours_sends_as_the_oracle_did() {
    case("ours::smtp_out", &[], || record::check("smtp_out", Server::Ours, &run(Server::Ours, MANNERS)));
}

#[test]
fn ours_also_begins_tls_at_once_and_verifies() {
    case("ours::smtp_out_tls", &[], || {
        let told = run(Server::Ours, OURS);
        let (at_once, verified) = told.split_once("== a certificate for another name").expect("two cases");
        assert_eq!(at_once.matches("* TLS\n> EHLO localhost\n").count(), 5, "{told}");
        assert_eq!(at_once.matches("< 250 2.0.0 done").count(), 5, "{told}");
        assert!(verified.contains("< 220 2.0.0 go\n* no TLS: "), "{told}");
        assert!(!verified.contains("> AUTH") && !verified.contains("> MAIL"), "{told}");
    });
}
