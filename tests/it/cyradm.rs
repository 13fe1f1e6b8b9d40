//! cyradm fed from a pipe: the oracle's against either server, ours against the oracle.

use std::io::Write;
use std::process::Stdio;

use cyrus_tests::known::Need;
use cyrus_tests::transcript::normalise;
use cyrus_tests::{Builder, Server, case, place, record};

/// Identifiers come in no order from the oracle's cyradm (a Perl hash): each run of them is sorted.
fn sort_rights(text: &str) -> Vec<String> {
    let is_rights = |line: &str| {
        line.split_once(' ')
            .is_some_and(|(_, r)| !r.is_empty() && r.chars().all(|c| "lrswipkxtecda0123456789n".contains(c)))
    };
    let mut all: Vec<String> = Vec::new();
    let mut from = 0;
    for line in text.lines() {
        if !is_rights(line) {
            from = all.len() + 1;
        }
        all.push(line.to_string());
        let run = from.min(all.len());
        all[run..].sort();
    }
    all
}

fn run(client: Server, server: Server) -> String {
    let script = std::fs::read(place::root().join("tests/data/cyradm.txt")).expect("tests/data/cyradm.txt");
    run_script(client, server, &script)
}

fn run_script(client: Server, server: Server, script: &[u8]) -> String {
    let instance = Builder::new(server).start();
    let program = instance.program(client, "cyradm");
    let mut command = instance.command(&program);
    if client == Server::Ours {
        command.arg("cyradm");
    }
    command.args(["--user", "admin", "--password", "pw", "--port"]).arg(instance.port("imap").to_string());
    command.arg("127.0.0.1").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("cyradm");
    child.stdin.take().expect("pipe").write_all(script).expect("script");
    let out = child.wait_with_output().expect("cyradm");
    let mut text = String::new();
    for (mark, bytes) in [("O", &out.stdout), ("E", &out.stderr)] {
        for line in sort_rights(&String::from_utf8_lossy(bytes).replace("127.0.0.1> ", "")) {
            text.push_str(&format!("{mark}| {}\n", normalise(&line, instance.root())));
        }
    }
    text.push_str(&format!("exit {:?}\n", out.status.code()));
    text
}

#[test]
fn the_oracles_cyradm_with_the_oracle_says_what_was_recorded() {
    case("oracle::cyradm", &[Need::Oracle], || {
        record::check("cyradm", Server::Oracle, &run(Server::Oracle, Server::Oracle));
    });
}

#[test]
fn the_oracles_cyradm_administers_our_server() {
    case("ours::cyradm::server", &[Need::Oracle], || {
        record::check("cyradm", Server::Ours, &run(Server::Oracle, Server::Ours));
    });
}

#[test]
fn our_cyradm_says_what_the_oracles_does() {
    case("ours::cyradm::client", &[Need::Oracle], || {
        record::check("cyradm", Server::Ours, &run(Server::Ours, Server::Oracle));
    });
}

/// Alone in its script: the oracle's child that could not be executed goes on with the commands that follow, and so
/// they are carried out twice.
#[test]
fn what_is_no_command_is_looked_for_in_the_path() {
    case("ours::cyradm::unknown", &[Need::Oracle], || {
        let said = |client| run_script(client, Server::Oracle, b"nosuchcommand x\nquit\n");
        let ours = said(Server::Ours);
        assert_eq!(ours, said(Server::Oracle));
        assert!(ours.contains("E| nosuchcommand: "), "{ours}");
    });
}
