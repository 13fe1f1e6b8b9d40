//! Socketmap questions and answers, a group per configuration.
//!
//! `tests/data/smmapd/<group>.txt` has lines `option: value`, then `@imap COMMAND` as administrator, questions
//! (the key of `0 <key>`), `@raw TEXT` sent as it stands, and `@new` for another connection.

use cyrus_tests::known::Need;
use cyrus_tests::transcript::normalise;
use cyrus_tests::{Builder, Server, case, place, record};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// One netstring, or what came before the end.
fn answer(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    let mut octet = [0];
    while stream.read(&mut octet).is_ok_and(|n| n == 1) {
        text.push(octet[0]);
        let shown = String::from_utf8_lossy(&text);
        let length = shown.split_once(':').and_then(|(n, rest)| Some((n.parse::<usize>().ok()?, rest.len())));
        if length.is_some_and(|(announced, have)| have == announced + 1) {
            break;
        }
    }
    if text.is_empty() { "closed".into() } else { String::from_utf8_lossy(&text).into_owned() }
}

fn run(group: &str, server: Server) -> String {
    let path = place::root().join(format!("tests/data/smmapd/{group}.txt"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let lines: Vec<&str> = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    let is_option = |line: &&&str| !line.starts_with('@') && line.contains(": ");
    let builder = Builder::new(server).server("smmap", server);
    let builder = lines.iter().take_while(is_option).fold(builder, |builder, line| {
        let (option, value) = line.split_once(": ").expect("option");
        builder.option(option, value)
    });
    let instance = builder.start();
    let connect = || {
        let stream = TcpStream::connect(("127.0.0.1", instance.port("smmap"))).expect("connect");
        stream.set_read_timeout(Some(Duration::from_secs(10))).expect("timeout");
        stream
    };
    let mut stream = connect();
    let mut out = String::new();
    for line in lines.iter().skip_while(is_option) {
        let (order, rest) = line.split_once(' ').unwrap_or((line, ""));
        match order {
            "@imap" => {
                instance.imap_as("imap", "admin").ok(rest);
                continue;
            }
            "@new" => {
                stream = connect();
                continue;
            }
            "@deliver" => {
                let message = format!("Message-ID: <{}@x>\r\nSubject: x\r\n\r\nx\r\n", out.len());
                instance.lmtp("lmtp").deliver("a@example.org", rest, message.as_bytes());
                continue;
            }
            "@raw" => {
                let _ = stream.write_all(rest.as_bytes());
                if rest.ends_with('!') {
                    let _ = stream.shutdown(std::net::Shutdown::Write);
                }
            }
            _ => {
                let _ = stream.write_all(format!("{}:0 {line},", line.len() + 2).as_bytes());
            }
        }
        out.push_str(&format!("C: {line}\nS: {}\n", normalise(&answer(&mut stream), instance.root())));
    }
    out
}

const GROUPS: &[&str] = &["plain", "virtual", "strict"];

#[test]
fn oracle_answers_as_recorded() {
    case("oracle::smmapd", &[Need::Oracle], || {
        for group in GROUPS {
            record::check(&format!("smmapd/{group}"), Server::Oracle, &run(group, Server::Oracle));
        }
    });
}

#[test]
fn ours_answers_as_the_oracle_did() {
    case("ours::smmapd", &[], || {
        for group in GROUPS {
            record::check(&format!("smmapd/{group}"), Server::Ours, &run(group, Server::Ours));
        }
    });
}

/// What begins with no length is answered once and the connection closed; the C answers it for ever.
#[test]
fn ours_gives_up_on_what_has_no_length() {
    case("ours::smmapd_garbage", &[], || {
        let instance = Builder::new(Server::Ours).server("smmap", Server::Ours).start();
        for (sent, expected) in [
            ("GET / HTTP/1.0\r\n\r\n", "34:PERM Bad protocol (missing length),"),
            ("5000000000:0 ann,", "53:PERM Bad protocol (request size doesn't match length),"),
            ("1025:", "53:PERM Bad protocol (request size doesn't match length),"),
        ] {
            let mut stream = TcpStream::connect(("127.0.0.1", instance.port("smmap"))).expect("connect");
            stream.set_read_timeout(Some(Duration::from_secs(10))).expect("timeout");
            stream.write_all(sent.as_bytes()).expect("send");
            assert_eq!(answer(&mut stream), expected);
            assert_eq!(answer(&mut stream), "closed");
        }
    });
}
