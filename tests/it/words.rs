//! What an administrator says and sees beside the protocol: `msg/shutdown` and `msg/motd`, the telemetry of a user, and
//! the bounds of what a client may send. The same dialogue on the oracle and on ours.

use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt;

use cyrus_tests::known::Need;
use cyrus_tests::transcript::normalise;
use cyrus_tests::{Builder, Imap, Instance, Server, case, record, wait_for};

fn say(out: &mut String, instance: &Instance, line: &[u8]) {
    let _ = writeln!(
        out,
        "{}",
        without_capabilities(&normalise(&String::from_utf8_lossy(line), instance.root()))
    );
}

/// The list of what is built in is other tests' matter.
fn without_capabilities(line: &str) -> String {
    let rest = line.split_once("[CAPABILITY ").and_then(|(head, rest)| Some((head, rest.split_once(']')?.1)));
    rest.map_or_else(|| line.to_owned(), |(head, tail)| format!("{head}[CAPABILITY @]{tail}"))
}

/// Sends a command and writes down what comes until its answer, or until the server hangs up.
fn ask(out: &mut String, instance: &Instance, imap: &mut Imap, command: &str) {
    let shown: String = command.chars().take(60).collect();
    let _ = writeln!(out, "> {}", shown.replace("\r\n", "\\r\\n"));
    let answer = imap.command(command);
    for line in answer.lines.iter().chain([&answer.last]).filter(|line| !line.is_empty()) {
        say(out, instance, line);
    }
    if answer.last.is_empty() {
        out.push_str("(closed)\n");
    }
}

fn put(instance: &Instance, name: &str, text: &str) {
    let path = instance.root().join("conf/msg").join(name);
    std::fs::write(&path, text).expect("message file");
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o644)).expect("chmod");
}

/// The files of msg, with clients connected.
fn shutdown(server: Server) -> String {
    let instance = Builder::new(server).start();
    let mut out = String::new();
    put(&instance, "motd", "[A day\r\nsecond line\n");
    let mut ann = instance.imap("imap");
    out.push_str("== motd\n");
    say(&mut out, &instance, &ann.greeting()[..4]);
    ask(&mut out, &instance, &mut ann, "NOOP");
    ask(&mut out, &instance, &mut ann, "LOGIN ann pw");
    let mut idler = instance.imap_as("imap", "bert");
    idler.ok("SELECT INBOX");
    out.push_str("== IDLE\n");
    ask(&mut out, &instance, &mut idler, "IDLE");
    let mut admin = instance.imap_as("imap", "admin");
    let mut stranger = instance.imap("imap");
    let mut lmtp = instance.lmtp("lmtp");
    // Ours looks at the file once more when a client has been quiet for two seconds.
    std::thread::sleep(std::time::Duration::from_millis(2500));
    put(&instance, "shutdown", "[Going down for repair\nsecond line\n");
    std::thread::sleep(std::time::Duration::from_millis(1100));
    out.push_str("== a user\n");
    ask(&mut out, &instance, &mut ann, "NOOP");
    ask(&mut out, &instance, &mut ann, "NOOP");
    out.push_str("== the administrator stays\n");
    ask(&mut out, &instance, &mut admin, "NOOP");
    ask(&mut out, &instance, &mut admin, "STATUS user.ann (MESSAGES)");
    out.push_str("== before login\n");
    ask(&mut out, &instance, &mut stranger, "NOOP");
    ask(&mut out, &instance, &mut stranger, "LOGIN cleo pw");
    ask(&mut out, &instance, &mut stranger, "NOOP");
    out.push_str("== who idles\n");
    match idler.response() {
        Some(line) => say(&mut out, &instance, &line),
        None => out.push_str("(closed)\n"),
    }
    out.push_str("== lmtp\n");
    for command in ["LHLO me", "MAIL FROM:<x@example.org>", "RCPT TO:<ann>"] {
        let _ = writeln!(out, "> {command}");
        let reply = lmtp.command(command);
        let last = reply.last().map_or("(closed)".to_owned(), |line| normalise(line, instance.root()));
        let _ = writeln!(out, "{last}");
    }
    out.push_str("== a new connection\n");
    let mut late = Imap::connect(instance.port("imap"));
    say(&mut out, &instance, &late.greeting().iter().copied().take(8).collect::<Vec<u8>>());
    ask(&mut out, &instance, &mut late, "LOGIN ann pw");
    ask(&mut out, &instance, &mut late, "NOOP");
    out
}

/// What a user's directory below log gets.
fn telemetry(server: Server) -> String {
    let mut instance = Builder::new(server).build();
    let directory = instance.root().join("conf/log/ann");
    std::fs::create_dir_all(&directory).expect("mkdir");
    std::fs::set_permissions(&directory, PermissionsExt::from_mode(0o777)).expect("chmod");
    instance.start();
    instance.imap_as("imap", "admin").ok("CREATE user.ann");
    let mut out = String::new();
    let mut ann = instance.imap_as("imap", "ann");
    for command in ["NOOP", "LIST \"\" *", "NONSENSE x"] {
        ann.command(command);
    }
    ann.append("INBOX (\\Seen)", b"Subject: t\r\n\r\nbody\r\n");
    for command in ["SELECT INBOX", "FETCH 1 (FLAGS BODY[])", "LOGOUT"] {
        ann.command(command);
    }
    let file = wait_for("the telemetry", || {
        let mut files = std::fs::read_dir(&directory).ok()?.flatten();
        let file = files.next()?;
        let bytes = std::fs::read(file.path()).ok()?;
        bytes.windows(6).any(|w| w == b"LOGOUT").then_some(())?;
        std::thread::sleep(std::time::Duration::from_millis(50));
        Some((file.file_name(), std::fs::read(file.path()).ok()?))
    });
    let name = file.0.to_string_lossy().into_owned();
    let _ = writeln!(out, "file: {}", name.split('-').next().unwrap_or_default());
    let text = String::from_utf8_lossy(&file.1).replace('\r', "\\r");
    for line in text.lines() {
        let mut line = without_capabilities(&normalise(line, instance.root()));
        for mark in ['<', '>'] {
            // `<1795399250<`: the second of a piece.
            let stamp = |line: &str| -> Option<(usize, usize)> {
                let at = line.find(mark)?;
                let digits = line.get(at + 1..)?.bytes().take_while(u8::is_ascii_digit).count();
                (digits > 8 && line.get(at + 1 + digits..)?.starts_with(mark)).then_some((at, digits))
            };
            if let Some((at, digits)) = stamp(&line) {
                line.replace_range(at + 1..at + 1 + digits, "@");
            }
        }
        if line.starts_with("---------- ") {
            line = line.split(' ').take(2).collect::<Vec<_>>().join(" ");
        }
        let _ = writeln!(out, "{line}");
    }
    out
}

/// What is too long.
fn bounds(server: Server) -> String {
    let instance = Builder::new(server).option("maxmessagesize", "100").start();
    let mut out = String::new();
    let long = "x".repeat(200);
    let mut ann = instance.imap_as("imap", "ann");
    out.push_str("== APPEND\n");
    for head in ["APPEND INBOX {101}", "APPEND INBOX {4294967296}", "APPEND INBOX {99999999999999999999}"] {
        ask(&mut out, &instance, &mut ann, head);
    }
    ask(&mut out, &instance, &mut ann, &format!("APPEND INBOX {{200+}}\r\n{long}"));
    ask(&mut out, &instance, &mut ann, "NOOP");
    out.push_str("== literals\n");
    for command in ["SELECT {131073}", "SELECT {131072000}", "SELECT {4294967295}", "SELECT {4294967296}"] {
        let mut ann = instance.imap_as("imap", "ann");
        ask(&mut out, &instance, &mut ann, command);
        ask(&mut out, &instance, &mut ann, "NOOP");
    }
    let mut ann = instance.imap_as("imap", "ann");
    ask(&mut out, &instance, &mut ann, &format!("SELECT {{140000+}}\r\n{}", "y".repeat(140_000)));
    ask(&mut out, &instance, &mut ann, "NOOP");
    out.push_str("== words\n");
    for length in [100_000, 131_073, 200_000] {
        let mut ann = instance.imap_as("imap", "ann");
        ask(&mut out, &instance, &mut ann, &format!("SELECT {}", "z".repeat(length)));
        ask(&mut out, &instance, &mut ann, "NOOP");
        let mut ann = instance.imap_as("imap", "ann");
        ask(&mut out, &instance, &mut ann, &format!("SELECT \"{}\"", "z".repeat(length)));
        ask(&mut out, &instance, &mut ann, "NOOP");
    }
    out
}

fn all(server: Server) -> String {
    format!(
        "==== shutdown\n{}==== telemetry\n{}==== bounds\n{}",
        shutdown(server),
        telemetry(server),
        bounds(server)
    )
}

#[test]
fn the_oracle_says_what_was_recorded() {
    case("oracle::words", &[Need::Oracle], || record::check("words", Server::Oracle, &all(Server::Oracle)));
}

#[test]
fn ours_says_what_the_oracle_did() {
    case("ours::words", &[], || {
        record::check("words", Server::Ours, &all(Server::Ours));
    });
}
