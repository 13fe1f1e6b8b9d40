//! COMPRESS=DEFLATE (RFC 4978) on the wire, and back to plain text by UNAUTHENTICATE.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use cyrus_tests::known::Need;
use cyrus_tests::{Builder, Server, case};
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};

/// A client that compresses once it was told to.
struct Client {
    socket: TcpStream,
    deflate: Option<(Compress, Decompress)>,
}

impl Client {
    fn send(&mut self, text: &[u8]) {
        match &mut self.deflate {
            None => self.socket.write_all(text).expect("send"),
            Some((out, _)) => {
                let mut wire = Vec::with_capacity(text.len() + 1024);
                out.compress_vec(text, &mut wire, FlushCompress::Sync).expect("deflate");
                self.socket.write_all(&wire).expect("send");
            }
        }
    }

    /// Reads up to a line that begins with `start`.
    fn until(&mut self, start: &str) -> String {
        let mut text: Vec<u8> = Vec::new();
        let mut buffer = [0; 4096];
        loop {
            let shown = String::from_utf8_lossy(&text).into_owned();
            if shown.ends_with("\r\n") && shown.lines().any(|line| line.starts_with(start)) {
                return shown;
            }
            let n = self.socket.read(&mut buffer).expect("read");
            assert!(n > 0, "closed after {shown}");
            match &mut self.deflate {
                None => text.extend_from_slice(&buffer[..n]),
                Some((_, input)) => {
                    text.reserve(1 << 20);
                    input.decompress_vec(&buffer[..n], &mut text, FlushDecompress::Sync).expect("inflate");
                }
            }
        }
    }
}

fn check(server: Server) {
    let instance = Builder::new(server).start();
    let socket = TcpStream::connect(("127.0.0.1", instance.port("imap"))).expect("connect");
    socket.set_read_timeout(Some(Duration::from_secs(20))).expect("timeout");
    let mut client = Client { socket, deflate: None };
    client.until("* OK");
    client.send(b"a LOGIN admin pw\r\n");
    assert!(client.until("a ").contains(" COMPRESS=DEFLATE "));
    client.send(b"b COMPRESS DEFLATE\r\n");
    assert_eq!(client.until("b "), "b OK DEFLATE active\r\n");
    client.deflate = Some((Compress::new(Compression::default(), false), Decompress::new(false)));
    client.send(b"c CAPABILITY\r\n");
    assert!(!client.until("c OK").contains("COMPRESS=DEFLATE"));
    client.send(b"d COMPRESS DEFLATE\r\n");
    let again = "d BAD [COMPRESSIONACTIVE] DEFLATE active via COMPRESS\r\n";
    assert_eq!(client.until("d "), again);
    let body = "line of text that repeats\r\n".repeat(20_000);
    let message = format!("Subject: large\r\n\r\n{body}");
    client.send(b"e CREATE large\r\n");
    client.until("e OK");
    client.send(b"e SETACL large admin lrswipkxte\r\n");
    client.until("e OK");
    client.send(format!("f APPEND large {{{}+}}\r\n{message}\r\n", message.len()).as_bytes());
    client.until("f OK");
    client.send(b"g SELECT large\r\nh FETCH 1 BODY.PEEK[TEXT]\r\n");
    let answer = client.until("h OK");
    assert!(answer.contains(&body), "{} octets", answer.len());
    client.send(b"i UNAUTHENTICATE\r\n");
    assert!(client.until("i OK").starts_with("i OK [CAPABILITY "));
    client.deflate = None;
    client.send(b"j LOGIN ann pw\r\nk SELECT INBOX\r\n");
    assert!(client.until("k OK").contains("* 0 EXISTS"));
}

#[test]
fn the_oracle_compresses() {
    case("oracle::compress", &[Need::Oracle], || check(Server::Oracle));
}

#[test]
fn ours_compresses_as_the_oracle_does() {
    case("ours::compress", &[], || check(Server::Ours));
}
