//! Goal: our TLS server understands OpenSSL's client in both versions and with client
//! certificates. Method: `openssl s_client` as a child against a thread with a [`Stream`];
//! skipped where openssl is not installed.

use cyrus_base::Config;
use cyrus_net::tls::{Client, ClientOptions, Info, Server};
use cyrus_net::{Error, Stream};
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

fn openssl(dir: &Path, args: &str) -> bool {
    Command::new("openssl")
        .args(args.split(' '))
        .current_dir(dir)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|s| s.success())
}

/// A CA, an RSA and an EC server certificate, and ann's client certificate.
fn material() -> Option<tempfile::TempDir> {
    let dir = tempfile::tempdir().unwrap();
    let d = dir.path();
    std::fs::write(d.join("ext"), "basicConstraints=CA:FALSE\nsubjectAltName=DNS:localhost\n").unwrap();
    let ok = openssl(d, "req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -subj /CN=Test-CA -days 2")
        && [("rsa", "localhost", "rsa:2048"), ("ec", "localhost", "ec"), ("ann", "ann", "rsa:2048")]
            .iter()
            .all(|(name, cn, kind)| {
                let kind = match *kind {
                    "ec" => "ec -pkeyopt ec_paramgen_curve:prime256v1".to_owned(),
                    rsa => rsa.to_owned(),
                };
                openssl(d, &format!("req -new -newkey {kind} -nodes -keyout {name}.key -out {name}.csr -subj /CN={cn}"))
                    && openssl(
                        d,
                        &format!(
                            "x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out {name}.pem -days 2 -extfile ext"
                        ),
                    )
            });
    if !ok {
        println!("skipped: openssl is not installed");
        return None;
    }
    Some(dir)
}

fn config(dir: &Path, more: &str) -> Config {
    let file = dir.join("imapd.conf");
    let d = dir.display();
    let text = format!(
        "configdirectory: {d}\ndefaultpartition: x\npartition-x: {d}\nservername: localhost\n\
         tls_server_cert: {d}/rsa.pem,{d}/ec.pem\ntls_server_key: {d}/rsa.key,{d}/ec.key\n{more}"
    );
    std::fs::write(&file, text).unwrap();
    Config::load(Some(&file), "imap").unwrap()
}

/// Serves one TLS connection: echoes a line with 100 KB of padding behind it.
fn serve(listener: TcpListener, server: Server) -> std::thread::JoinHandle<Result<Info, Error>> {
    std::thread::spawn(move || {
        let (tcp, _) = listener.accept().unwrap();
        let mut stream = Stream::new(tcp.into());
        stream.set_timeout(Some(Duration::from_secs(20)));
        let info = stream.start_tls(&server, Duration::from_secs(20))?;
        let mut line = Vec::new();
        stream.read_line(100, &mut line)?;
        stream.write(&line);
        stream.write(&vec![b'x'; 100_000]);
        stream.write(b"\nend\n");
        stream.flush()?;
        stream.close();
        Ok(info)
    })
}

fn s_client(dir: &Path, port: u16, args: &str) -> String {
    let mut child = Command::new("openssl")
        .args(["s_client", "-quiet", "-connect", &format!("127.0.0.1:{port}"), "-servername", "localhost"])
        .args(args.split_ascii_whitespace())
        .current_dir(dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    child.stdin.as_mut().unwrap().write_all(b"hello\n").unwrap();
    let out = child.wait_with_output().unwrap();
    String::from_utf8_lossy(&out.stdout).into_owned()
}

fn check(dir: &Path, more: &str, args: &str) -> Result<Info, Error> {
    let server = Server::from_config(&config(dir, more)).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let serving = serve(listener, server);
    let seen = s_client(dir, port, args);
    let info = serving.join().unwrap()?;
    assert!(seen.starts_with("hello\nxxx") && seen.ends_with("x\nend\n"), "{}", seen.len());
    Ok(info)
}

#[test]
fn openssl_clients_are_served_in_both_versions_and_by_both_certificates() {
    let Some(dir) = material() else { return };
    let d = dir.path();
    let info = check(d, "", "-tls1_3 -CAfile ca.pem -verify_return_error").unwrap();
    assert_eq!((info.version, info.bits, info.peer_cn.clone()), ("TLSv1.3", 256, None));
    assert_eq!(
        info.log_text(),
        "TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits new) no authentication"
    );
    let info = check(d, "", "-tls1_2 -cipher ECDHE-RSA-AES128-GCM-SHA256").unwrap();
    assert_eq!(
        info.log_text(),
        "TLSv1.2 with cipher ECDHE-RSA-AES128-GCM-SHA256 (128/128 bits new) no authentication"
    );
    let info = check(d, "", "-tls1_2 -cipher ECDHE-ECDSA-AES256-GCM-SHA384").unwrap();
    assert_eq!(info.cipher, "ECDHE-ECDSA-AES256-GCM-SHA384");
    assert!(matches!(check(d, "tls_versions: tls1_3\n", "-tls1_2"), Err(Error::Tls(_))));
}

#[test]
fn client_certificates_are_asked_for_as_configured() {
    let Some(dir) = material() else { return };
    let d = dir.path();
    let ca = format!("tls_client_ca_file: {}/ca.pem\n", d.display());
    let with = "-cert ann.pem -key ann.key";
    for version in ["-tls1_2", "-tls1_3"] {
        let info = check(d, &ca, &format!("{version} {with}")).unwrap();
        assert_eq!(info.peer_cn.as_deref(), Some("ann"));
        assert_eq!(info.peer_issuer_cn.as_deref(), Some("Test-CA"));
        assert!(info.log_text().ends_with(") authenticated as ann"));
        assert_eq!(check(d, &ca, version).unwrap().peer_cn, None);
        let require = format!("{ca}tls_client_certs: require\n");
        assert_eq!(check(d, &require, &format!("{version} {with}")).unwrap().peer_cn.as_deref(), Some("ann"));
        assert!(check(d, &require, version).is_err());
        let off = format!("{ca}tls_client_certs: off\n");
        assert_eq!(check(d, &off, &format!("{version} {with}")).unwrap().peer_cn, None);
    }
    // A hashed directory in place of the file, and a certificate of nobody we trust.
    std::fs::create_dir(d.join("cas")).unwrap();
    std::fs::copy(d.join("ca.pem"), d.join("cas/12345678.0")).unwrap();
    let hashed = format!("tls_client_ca_dir: {}/cas\n", d.display());
    assert_eq!(check(d, &hashed, with).unwrap().peer_cn.as_deref(), Some("ann"));
    assert!(openssl(
        d,
        "req -x509 -newkey rsa:2048 -nodes -keyout eve.key -out eve.pem -subj /CN=ann -days 2"
    ));
    assert!(check(d, &ca, "-cert eve.pem -key eve.key").is_err());
}

#[test]
fn our_client_talks_to_our_server_and_checks_names_when_it_has_a_ca() {
    let Some(dir) = material() else { return };
    let d = dir.path();
    for (ca, name, good) in
        [(true, "localhost", true), (true, "example.org", false), (false, "example.org", true)]
    {
        let server = Server::from_config(&config(d, "")).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let serving = serve(listener, server);
        let ca_file = ca.then(|| d.join("ca.pem"));
        let client = Client::new(&ClientOptions { ca_file, ..ClientOptions::default() }).unwrap();
        let mut stream = Stream::new(TcpStream::connect(addr).unwrap().into());
        let shaken = stream.start_tls_client(&client, name, Duration::from_secs(20));
        assert_eq!(shaken.is_ok(), good, "{ca} {name}: {shaken:?}");
        if good {
            stream.write(b"hello\n");
            let mut line = Vec::new();
            stream.read_line(100, &mut line).unwrap();
            assert_eq!(line, b"hello\n");
            stream.skip_line().unwrap();
            line.clear();
            stream.read_line(100, &mut line).unwrap();
            assert_eq!(line, b"end\n");
            assert_eq!(stream.fill().unwrap(), b"");
        }
        drop(stream);
        assert_eq!(serving.join().unwrap().is_ok(), good);
    }
}

#[test]
fn octets_sent_before_the_handshake_are_not_obeyed_after_it() {
    let Some(dir) = material() else { return };
    let server = Server::from_config(&config(dir.path(), "")).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let client = std::thread::spawn(move || {
        let mut stream = Stream::new(TcpStream::connect(addr).unwrap().into());
        stream.write(b"a STARTTLS\r\nb INJECTED\r\n");
        stream.flush().unwrap();
        let mut line = Vec::new();
        stream.read_line(100, &mut line).unwrap();
        let tls = Client::new(&ClientOptions::default()).unwrap();
        stream.start_tls_client(&tls, "localhost", Duration::from_secs(20)).unwrap();
        stream.write(b"c NOOP\r\n");
        stream.flush().unwrap();
        assert_eq!(stream.fill().unwrap(), b"");
    });
    let (tcp, _) = listener.accept().unwrap();
    let mut stream = Stream::new(tcp.into());
    let mut line = Vec::new();
    stream.read_line(100, &mut line).unwrap();
    assert_eq!(line, b"a STARTTLS\r\n");
    while stream.buffered().len() < 12 {
        stream.fill_more().unwrap();
    }
    stream.write(b"a OK begin\r\n");
    stream.start_tls(&server, Duration::from_secs(20)).unwrap();
    line.clear();
    stream.read_line(100, &mut line).unwrap();
    assert_eq!(line, b"c NOOP\r\n");
    stream.close();
    client.join().unwrap();
}
