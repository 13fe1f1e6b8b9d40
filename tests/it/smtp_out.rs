//! The mails of Sieve scripts on their way out with `smtp_backend: host`: a stub server tells the whole dialogue, and
//! what the LMTP client heard. Ids, dates of new mails and process ids are normalised.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cyrus_tests::known::Need;
use cyrus_tests::transcript::normalise;
use cyrus_tests::{Builder, Server, case, place, record};
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
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

/// What the stub says: its capabilities, and how each verb is answered when not well.
struct Manners {
    name: &'static str,
    options: &'static [(&'static str, &'static str)],
    ehlo: &'static str,
    /// A line that begins so is answered so.
    answers: &'static [(&'static str, &'static str)],
}

const PLAIN: &str = "250-stub\r\n250-PIPELINING\r\n250 8BITMIME\r\n";
const ALL: &str = "250-stub\r\n250-AUTH PLAIN LOGIN\r\n250-DSN\r\n250-DELIVERBY\r\n250-SIZE 100000\r\n\
                   250 ENHANCEDSTATUSCODES\r\n";

const MANNERS: &[Manners] = &[
    Manners { name: "plain", options: &[("smtp_host", "127.0.0.1:@PORT@")], ehlo: PLAIN, answers: &[] },
    Manners {
        name: "all that is announced",
        options: &[("smtp_host", "127.0.0.1:@PORT@/noauth"), ("smtp_auth_authname", "relay")],
        ehlo: ALL,
        answers: &[],
    },
    Manners {
        name: "authentication",
        options: &[
            ("smtp_host", "127.0.0.1:@PORT@"),
            ("smtp_auth_authname", "relay"),
            ("smtp_auth_password", "secret"),
        ],
        ehlo: "250-stub\r\n250 AUTH PLAIN\r\n",
        answers: &[],
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
    },
    Manners {
        name: "authentication not offered",
        options: &[("smtp_host", "127.0.0.1:@PORT@"), ("smtp_auth_authname", "relay")],
        ehlo: PLAIN,
        answers: &[],
    },
    Manners {
        name: "too small",
        options: &[("smtp_host", "127.0.0.1:@PORT@")],
        ehlo: "250-stub\r\n250 SIZE 10\r\n",
        answers: &[],
    },
    Manners {
        name: "MAIL refused",
        options: &[("smtp_host", "127.0.0.1:@PORT@")],
        ehlo: PLAIN,
        answers: &[("MAIL", "452 no\r\n")],
    },
    Manners {
        name: "RCPT refused",
        options: &[("smtp_host", "127.0.0.1:@PORT@")],
        ehlo: ALL,
        answers: &[("RCPT", "550-5.1.1 no\r\n550 5.1.1 never\r\n")],
    },
    Manners {
        name: "message refused",
        options: &[("smtp_host", "127.0.0.1:@PORT@")],
        ehlo: PLAIN,
        answers: &[(".", "554 no\r\n")],
    },
    Manners {
        name: "not now",
        options: &[("smtp_host", "127.0.0.1:@PORT@")],
        ehlo: PLAIN,
        answers: &[("greeting", "421 no\r\n")],
    },
];

/// Serves one connection and tells it.
fn converse(stream: &TcpStream, manners: &Manners) -> String {
    stream.set_read_timeout(Some(Duration::from_secs(5))).expect("timeout");
    let mut out = stream;
    let mut told = String::new();
    let answer = |verb: &str, well: &str| {
        let other = manners.answers.iter().find(|(start, _)| verb.starts_with(start));
        other.map_or(well, |(_, answer)| *answer).to_owned()
    };
    let _ = out.write_all(answer("greeting", "220 stub\r\n").as_bytes());
    let mut in_data = false;
    for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
        let line = String::from_utf8_lossy(&line).trim_end_matches('\r').to_owned();
        told.push_str(&format!("> {}\n", credentials(&line)));
        let reply = match line.split(' ').next().unwrap_or_default() {
            "." if in_data => {
                in_data = false;
                answer(".", "250 2.0.0 done\r\n")
            }
            _ if in_data => continue,
            "EHLO" => manners.ehlo.to_owned(),
            "DATA" => {
                in_data = true;
                "354 go\r\n".to_owned()
            }
            "AUTH" => answer("AUTH", "235 2.7.0 ok\r\n"),
            "QUIT" => "221 2.0.0 bye\r\n".to_owned(),
            verb => answer(verb, "250 2.0.0 ok\r\n"),
        };
        told.push_str(&format!("< {}\n", reply.trim_end().replace("\r\n", " | ")));
        let _ = out.write_all(reply.as_bytes());
    }
    told
}

/// The initial response of PLAIN in the clear.
fn credentials(line: &str) -> String {
    match line.strip_prefix("AUTH PLAIN ").and_then(|text| STANDARD.decode(text).ok()) {
        Some(octets) => format!("AUTH PLAIN {:?}", String::from_utf8_lossy(&octets)),
        None => line.to_owned(),
    }
}

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
        builder = builder.option(name, &value.replace("@PORT@", &port));
    }
    let instance = builder.start();
    let told = Arc::new(Mutex::new(Vec::new()));
    let all = Arc::clone(&told);
    // Ends with the process of the tests.
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let conversation = converse(&stream, manners);
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

fn run(server: Server) -> String {
    let third = MANNERS.len().div_ceil(3);
    std::thread::scope(|scope| {
        let parts: Vec<_> = MANNERS
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
        record::check("smtp_out", Server::Oracle, &run(Server::Oracle))
    });
}

#[test]
fn ours_sends_as_the_oracle_did() {
    case("ours::smtp_out", &[], || record::check("smtp_out", Server::Ours, &run(Server::Ours)));
}
