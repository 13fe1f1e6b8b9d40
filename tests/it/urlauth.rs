//! URLs with proofs (RFC 4467): made by one server and fetched from the other, and what makes them void. Messages
//! with binary parts (RFC 3516) as both servers keep them.

use cyrus_tests::known::Need;
use cyrus_tests::{Builder, Instance, Server, case};

const MESSAGE: &[u8] = b"Subject: secret\r\n\r\nbody\r\n";

/// `imap` is ours, `imap2` the oracle's.
fn both() -> Instance {
    Builder::new(Server::Ours)
        .server("tools", Server::Oracle)
        .server("imap2", Server::Oracle)
        .option("submitservers", "cleo")
        .start()
}

/// The URL of ann's first message that `access` may fetch.
fn generate(instance: &Instance, service: &str, access: &str) -> String {
    let mut ann = instance.imap_as(service, "ann");
    let url = format!("imap://ann@mail.example/INBOX/;uid=1/;section=TEXT;urlauth={access}");
    let answer = ann.ok(&format!("GENURLAUTH \"{url}\" INTERNAL"));
    let line = answer.find("* GENURLAUTH").expect("a URL");
    let made = line.split('"').nth(1).expect("quoted").to_owned();
    assert!(made.starts_with(&format!("{url}:internal:00")), "{made}");
    made
}

/// What `who` gets for it: the body or NIL.
fn fetch(instance: &Instance, service: &str, who: &str, url: &str) -> bool {
    let answer = instance.imap_as(service, who).ok(&format!("URLFETCH \"{url}\""));
    let text = answer.text();
    let got = text.contains("{6}") && text.contains("body");
    assert!(got || text.contains("\" NIL"), "{text}");
    got
}

#[test]
fn urls_of_either_server_are_fetched_from_both() {
    case("mixed::urlauth::fetch", &[Need::Oracle], || {
        let instance = both();
        assert!(instance.imap_as("imap", "ann").append("INBOX", MESSAGE).is_ok());
        for maker in ["imap", "imap2"] {
            for (access, meant, others) in [
                ("user+bert", &["bert"][..], &["ann", "cleo"][..]),
                ("submit+bert", &["cleo"], &["ann", "bert"]),
                ("authuser", &["ann", "bert"], &[]),
                ("anonymous", &["ann", "bert", "cleo"], &[]),
                ("nobody", &[], &["ann", "bert"]),
            ] {
                let url = generate(&instance, maker, access);
                let last = if url.ends_with('0') { "1" } else { "0" };
                let forged = format!("{}{last}", &url[..url.len() - 1]);
                for fetcher in ["imap", "imap2"] {
                    for who in meant {
                        assert!(fetch(&instance, fetcher, who, &url), "{maker} {fetcher} {who} {url}");
                        assert!(!fetch(&instance, fetcher, who, &forged), "{maker} {fetcher} {who} {forged}");
                    }
                    for who in others {
                        assert!(!fetch(&instance, fetcher, who, &url), "{maker} {fetcher} {who} {url}");
                    }
                }
            }
        }
    });
}

#[test]
fn a_url_is_void_without_key_right_or_time() {
    case("ours::urlauth::void", &[], || {
        let instance = Builder::new(Server::Ours).start();
        let mut ann = instance.imap_as("imap", "ann");
        assert!(ann.append("INBOX", MESSAGE).is_ok());
        let url = generate(&instance, "imap", "user+bert");
        assert!(fetch(&instance, "imap", "bert", &url));
        ann.ok("RESETKEY INBOX");
        assert!(!fetch(&instance, "imap", "bert", &url));
        // A proof made with the key of nobody is none.
        let empty = "00".to_owned() + "0".repeat(40).as_str();
        let forged =
            format!("imap://ann@mail.example/INBOX/;uid=1/;section=TEXT;urlauth=user+bert:internal:{empty}");
        assert!(!fetch(&instance, "imap", "bert", &forged));
        let url = generate(&instance, "imap", "user+bert");
        assert!(fetch(&instance, "imap", "bert", &url));
        ann.ok("SETACL INBOX ann lswipkxtecda");
        assert!(!fetch(&instance, "imap", "bert", &url), "the owner may not read any more");
        let asked = "imap://ann@mail.example/INBOX/;uid=1;urlauth=anonymous";
        assert!(!ann.command(&format!("GENURLAUTH \"{asked}\" INTERNAL")).is_ok());
        ann.ok("SETACL INBOX ann lrswipkxtecda");
        assert!(fetch(&instance, "imap", "bert", &url));
        ann.ok("RESETKEY");
        assert!(!fetch(&instance, "imap", "bert", &url));
    });
}

#[test]
fn binary_parts_are_kept_as_the_oracle_keeps_them() {
    case("mixed::urlauth::binary", &[Need::Oracle], || {
        let instance = both();
        let octets: Vec<u8> = (0..=255).collect();
        let parts = |encoding: &str, content: &[u8]| {
            let head = format!(
                "Subject: b\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n\
                 --b\r\nContent-Type: text/plain\r\n\r\nplain\r\n\
                 --b\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n"
            );
            [head.as_bytes(), content, b"\r\n--b--\r\n"].concat()
        };
        let single =
            [b"Content-Transfer-Encoding: binary\r\nSubject: s\r\n\r\n".as_slice(), &octets].concat();
        let messages = [
            parts("binary", &octets),
            parts("BINARY", b""),
            parts("8bit", b"x"),
            parts("binary", b"a"),
            single,
        ];
        let mut kept = Vec::new();
        for service in ["imap", "imap2"] {
            let mut ann = instance.imap_as(service, "ann");
            ann.ok(&format!("CREATE INBOX.{service}"));
            for message in &messages {
                let head = format!("APPEND INBOX.{service} ~{{{}}}", message.len());
                let answer = ann.command_parts(&[head.as_bytes(), message]);
                assert!(answer.is_ok(), "{}", answer.text());
            }
            ann.ok(&format!("SELECT INBOX.{service}"));
            kept.push(ann.ok("FETCH 1:* (RFC822.SIZE BODYSTRUCTURE BODY.PEEK[])").lines);
        }
        assert_eq!(kept[0].len(), messages.len());
        for (ours, theirs) in kept[0].iter().zip(&kept[1]) {
            assert_eq!(String::from_utf8_lossy(ours), String::from_utf8_lossy(theirs));
        }
        instance.check_by_oracle();
    });
}
