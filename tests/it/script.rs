//! Scripts: a configuration and a dialogue of several users, deliveries and tools, written once for both makes.
//!
//! First lines `option: value`, then an empty line, then steps: `user: IMAP COMMAND`, `user+message: arguments of APPEND`,
//! `lmtp+message: recipient ...`, `tool: name arguments`. A user's connection lasts until LOGOUT. Lines that begin with
//! `#` are comments.

use std::collections::BTreeMap;
use std::path::Path;

use cyrus_tests::{Builder, Imap, Instance, Server};

/// The messages that steps name.
pub fn message(name: &str) -> &'static [u8] {
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
        "fields" => {
            b"From: A\r\n <a@example.org>\r\nTo: ann@example.org\r\nTO: second@example.org\r\nCc: c@example.org\r\n\
              Subject: folded\r\n\tsubject =?utf-8?q?=C3=A9?=\r\nReply-To: r@example.org\r\nX-Priority: 1\r\n\r\nx\r\n"
        }
        "highbit" => b"Subject: high\r\n\r\n\xe9\xe8x\r\n",
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

/// Runs the script at `path` and gives what `each` wrote: it is called behind every step with its line. `prepare` sees
/// the instance before it starts.
pub fn run<E>(
    path: &Path,
    builder: Builder,
    server: Server,
    prepare: impl FnOnce(&Instance) -> E,
    mut each: impl FnMut(&mut String, &mut E, &Instance, &str),
) -> String {
    let script = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let (head, steps) = script.split_once("\n\n").expect("an empty line behind the options");
    let mut builder = builder;
    for (option, value) in head.lines().filter(|l| !l.starts_with('#')).filter_map(|l| l.split_once(": ")) {
        builder = builder.option(option, value);
    }
    let mut instance = builder.build();
    let mut extra = prepare(&instance);
    instance.start();
    let mut out = String::new();
    let mut sessions: BTreeMap<String, Imap> = BTreeMap::new();
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
                    // Until the server has done with the session.
                    while imap.response().is_some() {}
                    sessions.remove(user);
                }
            }
        }
        out.push_str(&format!("== {text}\n"));
        each(&mut out, &mut extra, &instance, text);
    }
    drop(sessions);
    each(&mut out, &mut extra, &instance, "");
    out
}
