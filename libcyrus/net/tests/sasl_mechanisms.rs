//! Goal: every mechanism of a usual installation works through our server and client sides, with
//! security layer where it has one. Method: a sasldb made by saslpasswd2; libsasl belongs to one
//! thread, so the client runs in a child process: this test binary called again. Skipped without
//! saslpasswd2.

use cyrus_base::Config;
use cyrus_net::Stream;
use cyrus_net::sasl::{Client, Command, Dialect, Failure, Peer, Policy, Refusal, Server};
use cyrus_sys::sasl::{Credentials, Security};
use std::io::Write;
use std::os::fd::AsFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{Command as Process, Stdio};
use std::rc::Rc;
use std::time::Duration;

struct Admins;

impl Policy for Admins {
    fn canon_user(&self, user: &[u8]) -> Option<Vec<u8>> {
        (!user.is_empty()).then(|| user.to_ascii_lowercase())
    }
    fn may_proxy(&self, requested: &[u8], identity: &[u8]) -> Result<(), Refusal> {
        if requested == identity || identity == b"admin" {
            return Ok(());
        }
        let name = String::from_utf8_lossy(identity);
        Err(Refusal::BadAuth(format!("user {name} is not allowed to proxy")))
    }
}

fn sasldb(dir: &Path) -> bool {
    ["ann", "admin"].iter().all(|user| {
        let started = Process::new("saslpasswd2")
            .args(["-p", "-c", "-u", "golden.example", "-f"])
            .arg(dir.join("sasldb2"))
            .arg(user)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn();
        started.is_ok_and(|mut child| {
            child.stdin.take().unwrap().write_all(b"secret").unwrap();
            child.wait().unwrap().success()
        })
    })
}

fn config(dir: &Path, more: &str) -> Config {
    let file = dir.join("imapd.conf");
    let d = dir.display();
    let text = format!(
        "configdirectory: {d}\ndefaultpartition: x\npartition-x: {d}\nservername: golden.example\n\
         sasl_pwcheck_method: auxprop\nsasl_auxprop_plugin: sasldb\nsasl_sasldb_path: {d}/sasldb2\n{more}"
    );
    std::fs::write(&file, text).unwrap();
    Config::load(Some(&file), "imap").unwrap()
}

const COMMAND: Command = Command { start: "A AUTHENTICATE ", initial: true, challenge: "+ ", ok: "A OK" };

/// Not a test of its own: the client side, run in a child by the test below.
#[test]
fn client_side_of_the_exchange() {
    let Ok(plan) = std::env::var("SASL_CLIENT_PLAN") else { return };
    let mut words = plan.split(' ');
    let (path, mechanism) = (words.next().unwrap(), words.next().unwrap());
    let (user, password) = (words.next().unwrap(), words.next().unwrap());
    let authzid = words.next().unwrap_or("");
    let mut stream = Stream::new(UnixStream::connect(path).unwrap().into());
    let credentials = Credentials {
        userid: authzid.as_bytes().to_vec(),
        authname: user.as_bytes().to_vec(),
        realm: Some(b"golden.example".to_vec()),
        password: password.as_bytes().to_vec(),
    };
    let security = Security { min_ssf: 0, max_ssf: 256, noplaintext: false, noanonymous: true };
    let client = Client::new("imap", "golden.example", None, &credentials, security, 0);
    let mut client = client.unwrap();
    match client.authenticate(&mut stream, mechanism, &COMMAND) {
        Ok(_) => {
            let big = vec![b'y'; 50_000];
            stream.write(&big);
            stream.write(b"\n");
            let mut line = Vec::new();
            stream.read_line(100, &mut line).unwrap();
            assert_eq!(line, b"layered answer\r\n");
        }
        Err(Failure::Refused { detail, .. }) => assert!(detail.starts_with("A NO"), "{detail}"),
        Err(other) => panic!("{other:?}"),
    }
}

struct Outcome {
    result: Result<cyrus_net::sasl::Success, Failure>,
}

/// One whole session with the client in a child.
fn session(dir: &Path, server: &mut Server, plan: &str) -> Outcome {
    let path = dir.join("socket");
    let _ = std::fs::remove_file(&path);
    let listener = UnixListener::bind(&path).unwrap();
    let mut child = Process::new(std::env::current_exe().unwrap())
        .args(["--exact", "client_side_of_the_exchange", "--nocapture"])
        .env("SASL_CLIENT_PLAN", format!("{} {plan}", path.display()))
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let (socket, _) = listener.accept().unwrap();
    let mut stream = Stream::new(socket.into());
    stream.set_timeout(Some(Duration::from_secs(20)));
    server.set_peer(Peer::default());
    let mut line = Vec::new();
    stream.read_line(30_000, &mut line).unwrap();
    let text = String::from_utf8(line).unwrap();
    let mut words = text.trim_end().split(' ').skip(2);
    let mechanism = words.next().unwrap();
    let initial = words.next().map(str::as_bytes);
    let result = server.authenticate(&mut stream, mechanism, initial, &Dialect::IMAP);
    match &result {
        Ok(_) => {
            stream.write(b"A OK done\r\n");
            server.install_layer(&mut stream).unwrap();
            let mut line = Vec::new();
            stream.read_line(60_000, &mut line).unwrap();
            assert_eq!(line.len(), 50_001);
            stream.write(b"layered answer\r\n");
        }
        Err(_) => stream.write(b"A NO authentication failed\r\n"),
    }
    stream.flush().unwrap();
    assert!(stream.fd().as_fd().try_clone_to_owned().is_ok());
    drop(stream);
    assert!(child.wait().unwrap().success(), "{plan}");
    Outcome { result }
}

#[test]
fn mechanisms_log_in_and_refuse() {
    if std::env::var("SASL_CLIENT_PLAN").is_ok() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let d = dir.path();
    if !sasldb(d) {
        println!("skipped: saslpasswd2 is not installed");
        return;
    }
    let config = config(d, "allowplaintext: yes\n");
    let mut server = Server::new(&config, "imap", Rc::new(Admins));
    let offered = server.mechanisms().unwrap();
    for (mechanism, ssf) in
        [("PLAIN", 0), ("LOGIN", 0), ("CRAM-MD5", 0), ("SCRAM-SHA-256", 0), ("DIGEST-MD5", 128)]
    {
        assert!(offered.iter().any(|m| m == mechanism), "{mechanism} not in {offered:?}");
        let good = session(d, &mut server, &format!("{mechanism} ann secret"));
        let success = good.result.unwrap();
        assert_eq!(success.userid, b"ann", "{mechanism}");
        assert_eq!(success.mechanism, mechanism);
        assert!(success.ssf >= ssf, "{mechanism} {}", success.ssf);
        assert_eq!(success.ssf > 0, ssf > 0, "{mechanism}");
        let bad = session(d, &mut server, &format!("{mechanism} ann wrong"));
        let Err(Failure::Refused { code, .. }) = bad.result else { panic!("{mechanism}") };
        assert_eq!(code, -13, "{mechanism}");
    }
    // Proxying is the policy's decision.
    let proxied = session(d, &mut server, "PLAIN admin secret ann").result.unwrap();
    assert_eq!((proxied.userid, proxied.authid), (b"ann".to_vec(), b"admin".to_vec()));
    let refused = session(d, &mut server, "PLAIN ann secret admin").result;
    let Err(Failure::Refused { detail, .. }) = refused else { panic!() };
    assert!(detail.contains("user ann is not allowed to proxy"), "{detail}");

    // The LOGIN command.
    server.set_peer(Peer::default());
    assert_eq!(server.check_password(b"Ann", b"secret").unwrap().userid, b"ann");
    for (user, password, wanted) in [("ann", "nope", -13), ("nobody", "x", -20)] {
        let refused = server.check_password(user.as_bytes(), password.as_bytes());
        let Err(Failure::Refused { code, .. }) = refused else { panic!() };
        assert_eq!(code, wanted);
    }
    // Given back and started again.
    server.release();
    assert!(server.check_password(b"ann", b"secret").is_ok());
    drop(server);

    let config = self::config(d, "allowplaintext: no\n");
    let mut server = Server::new(&config, "imap", Rc::new(Admins));
    let has = |server: &mut Server, m: &str| server.mechanisms().unwrap().iter().any(|x| x == m);
    assert!(!server.plaintext_allowed());
    assert!(!has(&mut server, "PLAIN") && has(&mut server, "DIGEST-MD5"));
    server.set_peer(Peer { external_ssf: 256, ..Peer::default() });
    assert!(server.plaintext_allowed() && has(&mut server, "PLAIN"));
    assert!(!has(&mut server, "EXTERNAL"));
    let external_id = Some("ann".to_owned());
    server.set_peer(Peer { external_ssf: 256, external_id, ..Peer::default() });
    assert!(has(&mut server, "EXTERNAL"));
}
