//! Any bytes are an IMAP URL or refused; what is read and written anew reads the same, and the part of a URL that its
//! proof covers is a URL by itself.
#![no_main]

use cyrus_util::datetime::print_iso8601;
use cyrus_util::imapurl::{ImapUrl, UrlAuth};
use cyrus_util::mutf7;
use libfuzzer_sys::fuzz_target;

/// The years that four digits can write, a day off either end.
const WRITABLE_S: std::ops::Range<i64> = -62_167_132_800..253_402_214_400;

fuzz_target!(|text: &[u8]| {
    let Some(url) = ImapUrl::parse(text) else { return };
    if text.starts_with(b"{") {
        let (server, mailbox) = (url.server.as_deref(), url.mailbox.as_deref());
        assert_eq!([b"{", server.unwrap_or_default(), b"}", mailbox.unwrap_or_default()].concat(), text);
        return;
    }
    if let Some(auth) = &url.auth {
        let rump = text.get(..auth.rump_octets).expect("the rump is part of the URL");
        let auth = UrlAuth { mechanism: None, token: None, ..auth.clone() };
        assert_eq!(ImapUrl::parse(rump), Some(ImapUrl { auth: Some(auth), ..url.clone() }));
    }
    if let Some(written) = print(&url) {
        let mut again = ImapUrl::parse(&written).expect("what is written can be read");
        if let (Some(again), Some(auth)) = (&mut again.auth, &url.auth) {
            again.rump_octets = auth.rump_octets;
        }
        assert_eq!(again, url, "{}", String::from_utf8_lossy(&written));
    }
});

/// The URL in full, its text as `%XX`; `None` when there is no way to write it.
fn print(url: &ImapUrl) -> Option<Vec<u8>> {
    let mut out = match &url.server {
        Some(server) => {
            let user = url.user.as_ref().map(|user| [escaped(user), b"@".to_vec()].concat());
            [b"imap://", user.unwrap_or_default().as_slice(), server, b"/"].concat()
        }
        None => b"/".to_vec(),
    };
    if let Some(mailbox) = &url.mailbox {
        out.extend(escaped(mutf7::to_utf8(mailbox)?.as_bytes()));
    }
    if url.uidvalidity > 0 {
        out.extend(format!(";UIDVALIDITY={}", url.uidvalidity).bytes());
    }
    let has_range = url.partial != (0, None);
    if url.uid > 0 || has_range || url.section.is_some() || url.expires_s.is_some() || url.auth.is_some() {
        out.extend(format!("/;UID={}", url.uid).bytes());
    }
    if let Some(section) = &url.section {
        out.extend([b"/;SECTION=", section.as_slice()].concat());
        if has_range || url.expires_s.is_some() || url.auth.is_some() {
            // One slash before the next piece is not the section's.
            out.push(b'/');
        }
    }
    if has_range {
        out.extend(format!(";PARTIAL={}", url.partial.0).bytes());
        out.extend(url.partial.1.map(|count| format!(".{count}")).unwrap_or_default().bytes());
    }
    if let Some(at) = url.expires_s {
        out.extend(
            format!(";EXPIRE={}", Some(at).filter(|at| WRITABLE_S.contains(at)).map(print_iso8601)?).bytes(),
        );
    }
    if let Some(auth) = &url.auth {
        let words = [Some(&auth.access), auth.mechanism.as_ref(), auth.token.as_ref()];
        let words = words.into_iter().flatten().map(Vec::as_slice).collect::<Vec<_>>();
        out.extend([b";URLAUTH=", words.join(&b':').as_slice()].concat());
    }
    Some(out)
}

/// Each octet as `%XX`.
fn escaped(text: &[u8]) -> Vec<u8> {
    text.iter().flat_map(|octet| format!("%{octet:02X}").into_bytes()).collect()
}
