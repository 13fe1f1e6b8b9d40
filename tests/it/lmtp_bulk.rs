//! LMTP under load of one transaction: a message of 50 MB, and ten thousand recipients. What is bound is the private
//! memory of the process: the kernel refuses it more than it had plus the allowance.

use cyrus_tests::known::Need;
use cyrus_tests::transcript::normalise;
use cyrus_tests::{Builder, Instance, Lmtp, Server, case, place, record};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

/// Private memory that a message of 50 MB may cost.
const MESSAGE_ALLOWANCE_KB: u64 = 4 * 1024;

/// And that ten thousand recipients may cost: some hundreds of octets each.
const RECIPIENTS_ALLOWANCE_KB: u64 = 16 * 1024;

/// Takes whatever mail comes and says how many octets it had.
const SENDMAIL: &str = "#!/bin/sh
printf '220 stub\\r\\n'
while IFS= read -r line; do
  case \"$line\" in
    DATA*) printf '354 go\\r\\n'; sed '/^\\.\\r$/q' | wc -c >> @ROOT@/out/sizes; printf '250 done\\r\\n';;
    QUIT*) printf '221 bye\\r\\n'; break;;
    *) printf '250 ok\\r\\n';;
  esac
done
";

/// The one lmtpd that serves a connection.
struct Process {
    pid: i32,
}

impl Process {
    fn of(instance: &Instance) -> Self {
        let root = instance.root().display().to_string();
        let is_ours = |pid: &i32| {
            let read = |name: &str| std::fs::read(format!("/proc/{pid}/{name}")).unwrap_or_default();
            let is_lmtpd = String::from_utf8_lossy(&read("comm")).trim_end().ends_with("lmtpd");
            is_lmtpd && String::from_utf8_lossy(&read("cmdline")).contains(&root)
        };
        let entries = std::fs::read_dir("/proc").expect("/proc").flatten();
        let numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        let pids: Vec<i32> = numbers.filter(is_ours).collect();
        assert_eq!(pids.len(), 1, "one connection");
        Self { pid: pids[0] }
    }

    fn status_kb(&self, name: &str) -> u64 {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.pid)).expect("status");
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).expect("field");
        line.split_whitespace().next().and_then(|number| number.parse().ok()).expect("number")
    }

    /// User and system time, clock ticks.
    fn cpu_ticks(&self) -> u64 {
        let text = std::fs::read_to_string(format!("/proc/{}/stat", self.pid)).expect("stat");
        let fields: Vec<&str> = text.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        fields[11].parse::<u64>().expect("utime") + fields[12].parse::<u64>().expect("stime")
    }

    /// From now on the process may have so much more private memory than it has, and no more.
    fn allow_kb(&self, instance: &Instance, more: u64) {
        let most = (self.status_kb("VmData") + more) * 1024;
        // As the same user: not even root may do so without the capability.
        let done = instance
            .command(Path::new("/usr/bin/prlimit"))
            .args([format!("--pid={}", self.pid), format!("--data={most}:{most}")])
            .status()
            .expect("prlimit");
        assert!(done.success(), "prlimit");
    }
}

fn codes(replies: &[Vec<String>]) -> Vec<String> {
    replies
        .iter()
        .map(|reply| reply.last().map_or("closed", |line| line.get(..9).unwrap_or(line)).to_string())
        .collect()
}

/// 50 MB: text, and an attachment in base64.
fn large_message() -> Vec<u8> {
    let mut out = b"From: a@example.org\r\nSubject: large\r\nMessage-ID: <large@example.org>\r\n\
        Date: Mon, 1 Jan 2024 10:00:00 +0000\r\nMIME-Version: 1.0\r\n\
        Content-Type: multipart/mixed; boundary=\"b\"\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\n"
        .to_vec();
    out.extend(
        b"All work and no play makes Jack a dull boy, and mailboxes very large indeed.\r\n".repeat(512_000),
    );
    out.extend(b"--b\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n");
    out.extend([b"QUJD".repeat(19), b"\r\n".to_vec()].concat().repeat(130_000));
    out.extend(b"--b--\r\n");
    out
}

fn send(lmtp: &mut Lmtp, recipient: &str, message: &[u8]) -> Vec<String> {
    lmtp.patience(std::time::Duration::from_secs(60));
    let reply = lmtp.deliver("sender@example.org", recipient, message);
    let code = reply.last().map(|line| line.get(..9).unwrap_or(line).to_string());
    assert_eq!(code.as_deref(), Some("250 2.1.5"), "{recipient}: {reply:?}");
    reply
}

/// A connection whose process has delivered once and may take little more memory than it has.
fn bounded(instance: &Instance) -> (Lmtp, Process) {
    let mut lmtp = instance.lmtp("lmtp");
    lmtp.command("LHLO client.example");
    send(&mut lmtp, "ann", b"Subject: warm\r\n\r\nx\r\n");
    let process = Process::of(instance);
    process.allow_kb(instance, MESSAGE_ALLOWANCE_KB);
    (lmtp, process)
}

fn large(server: Server) {
    let instance = Builder::new(server).start();
    let (mut lmtp, process) = bounded(&instance);
    let message = large_message();
    assert!(message.len() > 50_000_000);
    send(&mut lmtp, "ann", &message);
    println!("{server:?}: peak {} kB with the map of the file", process.status_kb("VmHWM"));
    let mut imap = instance.imap_as("imap", "ann");
    imap.ok("EXAMINE INBOX");
    let answer = imap.ok("FETCH 2 (RFC822.SIZE BODYSTRUCTURE)");
    let text = answer.text();
    assert!(text.contains(&format!("RFC822.SIZE {}", message.len() + added(&instance))), "{text}");
}

/// Octets of the fields that the delivery puts in front.
fn added(instance: &Instance) -> usize {
    let mut imap = instance.imap_as("imap", "ann");
    imap.ok("EXAMINE INBOX");
    let answer = imap.ok("FETCH 2 (BODY.PEEK[HEADER])");
    let text = answer.text();
    let size =
        text.split("RFC822.SIZE").next().and_then(|t| t.split('{').nth(1)).and_then(|t| t.split('}').next());
    let header: usize = size.and_then(|number| number.parse().ok()).expect("size of the header");
    let message = large_message();
    header - (message.windows(4).position(|four| four == b"\r\n\r\n").expect("header") + 4)
}

#[test]
fn oracle_takes_a_large_message_in_bounded_memory() {
    case("oracle::lmtp_bulk::large", &[Need::Oracle], || large(Server::Oracle));
}

#[test]
fn ours_takes_a_large_message_in_bounded_memory() {
    case("ours::lmtp_bulk::large", &[], || large(Server::Ours));
}

/// Edited, filed, sent on, sent back: the message is never copied in memory.
#[test]
fn ours_filters_a_large_message_in_bounded_memory() {
    case("ours::lmtp_bulk::filtered", &[], || {
        let instance = Builder::new(Server::Ours)
            .server("sieve", Server::Ours)
            .option("sendmail", "@ROOT@/sendmail")
            .option("sieve_use_lmtp_reject", "no")
            .start();
        std::fs::create_dir(instance.root().join("out")).expect("mkdir");
        std::fs::set_permissions(instance.root().join("out"), PermissionsExt::from_mode(0o777))
            .expect("chmod");
        let stub = instance.root().join("sendmail");
        std::fs::write(&stub, SENDMAIL.replace("@ROOT@", &instance.root().display().to_string()))
            .expect("stub");
        std::fs::set_permissions(&stub, PermissionsExt::from_mode(0o755)).expect("chmod");
        let scripts = [
            (
                "ann",
                "require [\"editheader\", \"copy\", \"fileinto\", \"mailbox\"];\n\
                 addheader \"X-New\" \"yes\";\nredirect :copy \"else@example.org\";\nfileinto :create \"INBOX.New\";\n",
            ),
            ("bert", "require \"reject\";\nreject \"too large\";\n"),
        ];
        for (user, script) in scripts {
            let mut sieve = instance.sieve("sieve");
            sieve.login(user, "");
            sieve.activate("s", script);
        }
        let (mut lmtp, _process) = bounded(&instance);
        let message = large_message();
        send(&mut lmtp, "ann", &message);
        send(&mut lmtp, "bert", &message);
        let sizes = std::fs::read_to_string(instance.root().join("out/sizes")).expect("sizes");
        let sizes: Vec<usize> = sizes.lines().filter_map(|line| line.trim().parse().ok()).collect();
        assert_eq!(sizes.len(), 3, "{sizes:?}");
        assert!(sizes.iter().skip(1).all(|&size| size > message.len()), "{sizes:?}");
    });
}

/// One transaction with many recipients; the replies to RCPT and after DATA.
fn to_many(lmtp: &mut Lmtp, recipients: &[String], id: usize) -> (Vec<Vec<String>>, Vec<Vec<String>>) {
    lmtp.command("MAIL FROM:<sender@example.org>");
    let mut asked = Vec::new();
    // In portions, so that neither side waits for the other with full buffers.
    for portion in recipients.chunks(200) {
        let lines: String = portion.iter().map(|recipient| format!("RCPT TO:<{recipient}>\r\n")).collect();
        lmtp.send(lines.as_bytes());
        asked.extend(portion.iter().map(|_| lmtp.reply()));
    }
    let accepted =
        asked.iter().filter(|reply| reply.last().is_some_and(|line| line.starts_with("250"))).count();
    let reply = lmtp.command("DATA");
    assert!(reply.last().is_some_and(|line| line.starts_with("354")), "{reply:?}");
    let message = format!(
        "Subject: many\r\nMessage-ID: <many{id}@example.org>\r\nDate: Mon, 1 Jan 2024 10:00:00 +0000\r\n\r\nx\r\n"
    );
    let answered = lmtp.message(message.as_bytes(), accepted);
    (asked, answered)
}

/// Who gets the ten thousand: each of them has as many addresses.
const USERS: u64 = 200;

/// How many of them take duplicates.
const GREEDY: u64 = 50;

#[test]
fn ours_delivers_to_ten_thousand_recipients_in_linear_time() {
    case("ours::lmtp_bulk::ten_thousand", &[], || {
        let instance = Builder::new(Server::Ours).start();
        let mut admin = instance.imap_as("imap", "admin");
        for n in 0..USERS {
            admin.ok(&format!("CREATE user.u{n}"));
            if n < GREEDY {
                let annotation = "/shared/vendor/cmu/cyrus-imapd/duplicatedeliver \"true\"";
                admin.ok(&format!("SETMETADATA user.u{n} ({annotation})"));
            }
        }
        admin.ok("LOGOUT");
        let recipients: Vec<String> =
            (0..10_000).map(|n| format!("u{}+folder{}", n % USERS, n / USERS)).collect();
        let mut lmtp = instance.lmtp("lmtp");
        lmtp.patience(std::time::Duration::from_secs(120));
        lmtp.command("LHLO client.example");
        to_many(&mut lmtp, &recipients[..20], 0);
        let process = Process::of(&instance);
        process.allow_kb(&instance, RECIPIENTS_ALLOWANCE_KB);
        let mut cost = |recipients: &[String], id: usize| {
            let before = process.cpu_ticks();
            let (asked, answered) = to_many(&mut lmtp, recipients, id);
            assert!(codes(&asked).iter().all(|code| code == "250 2.1.5"), "RCPT");
            assert_eq!(codes(&answered), vec!["250 2.1.5"; recipients.len()]);
            process.cpu_ticks() - before
        };
        let few = cost(&recipients[..1000], 1);
        let many = cost(&recipients, 2);
        println!("1,000 recipients: {few} ticks of CPU; 10,000: {many}");
        assert!(many < 20 * few, "1,000 recipients: {few} ticks, 10,000: {many}");
        // One file under all names; the greedy have it once for each of their addresses.
        let copies = GREEDY * (10_000 / USERS) + (USERS - GREEDY);
        assert_eq!(most_links(&instance.root().join("spool")), Some(copies));
    });
}

/// The most names that a message file has.
fn most_links(dir: &Path) -> Option<u64> {
    let entries = std::fs::read_dir(dir).ok()?.flatten();
    entries
        .filter_map(|entry| {
            let metadata = entry.metadata().ok()?;
            if metadata.is_dir() { most_links(&entry.path()) } else { Some(metadata.nlink()) }
        })
        .max()
}

/// Several hundred recipients of every kind; each reply, and what is in the mailboxes afterwards.
fn mixed(server: Server) -> String {
    let instance = Builder::new(server).option("postuser", "bb").start();
    let mut admin = instance.imap_as("imap", "admin");
    for command in [
        "CREATE user.full",
        "CREATE shared",
        "SETACL shared anyone p",
        "CREATE closed",
        "SETQUOTA user.full (STORAGE 0)",
        "SETQUOTA user.cleo (MESSAGE 3)",
        "CREATE user.ann.open",
        "SETACL user.ann.open anyone p",
        "CREATE user.ann.shut",
    ] {
        admin.ok(command);
    }
    let kinds = [
        "ann",
        "bert",
        "nosuch",
        "cleo",
        "full",
        "ann+open",
        "ann+shut",
        "bb+shared",
        "bb+closed",
        "bb+nosuch",
        "ann+missing",
        "@relay.example:bert@x.example",
        "cleo+x",
        "ann@elsewhere.example",
        "",
        "\"bert\"",
    ];
    let recipients: Vec<String> =
        (0..480_usize).map(|n| kinds[(n * 7 + n / 16) % kinds.len()].to_string()).collect();
    let mut lmtp = instance.lmtp("lmtp");
    lmtp.command("LHLO client.example");
    let (asked, answered) = to_many(&mut lmtp, &recipients, 0);
    let mut out = String::new();
    let mut answers = answered.iter();
    for (recipient, reply) in recipients.iter().zip(&asked) {
        let say = |reply: &[String]| -> String {
            let lines: Vec<String> = reply.iter().map(|line| normalise(line, instance.root())).collect();
            lines.join(" | ")
        };
        out.push_str(&format!("<{recipient}> {}", say(reply)));
        if reply.last().is_some_and(|line| line.starts_with("250")) {
            out.push_str(&format!(" => {}", say(answers.next().map_or(&[], Vec::as_slice))));
        }
        out.push('\n');
    }
    for name in [
        "user.ann",
        "user.bert",
        "user.cleo",
        "user.full",
        "shared",
        "closed",
        "user.ann.open",
        "user.ann.shut",
    ] {
        let answer = admin.command(&format!("STATUS {name} (MESSAGES)"));
        out.push_str(&format!(
            "{}\n",
            normalise(answer.text().lines().next().unwrap_or_default(), instance.root())
        ));
    }
    if place::oracle().is_some() {
        instance.check_by_oracle();
    }
    out
}

#[test]
fn oracle_answers_hundreds_of_recipients_as_recorded() {
    case("oracle::lmtp_bulk::mixed", &[Need::Oracle], || {
        record::check("lmtp_many", Server::Oracle, &mixed(Server::Oracle));
    });
}

#[test]
fn ours_answers_hundreds_of_recipients_as_the_oracle_did() {
    case("ours::lmtp_bulk::mixed", &[], || {
        record::check("lmtp_many", Server::Ours, &mixed(Server::Ours));
    });
}
