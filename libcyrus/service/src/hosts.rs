//! TCP wrappers: /etc/hosts.allow and /etc/hosts.deny (hosts_access(5)), the common part.
//!
//! A client is admitted when a line of hosts.allow matches, else refused when one of hosts.deny
//! matches, else admitted. Understood: lists separated by blanks or commas, `ALL`, `LOCAL`,
//! `KNOWN`, `UNKNOWN`, `EXCEPT`, names, `.suffix`, `prefix.`, `net/mask`, `net/length`,
//! `[v6]`, `[v6]/length`, `*` and `?`, line continuation, and the options `allow` and `deny`.
//! Other options (spawn, twist, ...) are not executed; a `user@` part is never looked up.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

/// Who wants in.
#[derive(Clone, Copy, Debug)]
pub struct Client<'a> {
    /// Address.
    pub ip: IpAddr,
    /// Host name, if it has one.
    pub name: Option<&'a str>,
}

/// May `client` use `service`? C: hosts_access()
#[must_use]
pub fn is_admitted(service: &str, client: Client<'_>) -> bool {
    let read = |path: &str| std::fs::read(Path::new(path)).unwrap_or_default();
    decide(&read("/etc/hosts.allow"), &read("/etc/hosts.deny"), service, client)
}

fn decide(allow: &[u8], deny: &[u8], service: &str, client: Client<'_>) -> bool {
    match search(allow, service, client) {
        Some(verdict) => verdict.unwrap_or(true),
        None => search(deny, service, client).is_none_or(|verdict| verdict.unwrap_or(false)),
    }
}

/// The first matching line: what its options say, `None` inside for "what the file means".
fn search(file: &[u8], service: &str, client: Client<'_>) -> Option<Option<bool>> {
    let text = String::from_utf8_lossy(file).replace("\\\n", "");
    for line in text.lines() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let fields = split(line);
        let (Some(daemons), Some(clients)) = (fields.first(), fields.get(1)) else { continue };
        let daemon = |pattern: &str| {
            let pattern = pattern.split('@').next().unwrap_or(pattern);
            pattern == "ALL" || glob(pattern, service)
        };
        if list(daemons, &daemon) && list(clients, &|pattern| is_client(pattern, client)) {
            let word = fields.iter().skip(2).find_map(|option| match option.trim() {
                o if o.eq_ignore_ascii_case("allow") => Some(true),
                o if o.eq_ignore_ascii_case("deny") => Some(false),
                _ => None,
            });
            return Some(word);
        }
    }
    None
}

/// Fields between colons that are not inside brackets.
fn split(line: &str) -> Vec<&str> {
    let mut depth = 0;
    line.split(|c| {
        match c {
            '[' => depth += 1,
            ']' => depth -= 1,
            _ => {}
        }
        c == ':' && depth <= 0
    })
    .collect()
}

/// `a b EXCEPT c EXCEPT d` is `(a b) EXCEPT (c EXCEPT d)`.
fn list(text: &str, is_match: &dyn Fn(&str) -> bool) -> bool {
    let mut matched = false;
    let mut outcome = None;
    let words = text.split([' ', '\t', ',']).filter(|w| !w.is_empty());
    // Nested exceptions alternate; walk them from the left.
    let mut groups = vec![false];
    for word in words {
        if word.eq_ignore_ascii_case("EXCEPT") {
            groups.push(false);
        } else if is_match(word) {
            if let Some(last) = groups.last_mut() {
                *last = true;
            }
        }
    }
    for group in groups.into_iter().rev() {
        outcome = Some(group && !outcome.unwrap_or(false));
        matched = outcome.unwrap_or(false);
    }
    matched
}

fn is_client(pattern: &str, client: Client<'_>) -> bool {
    let pattern = pattern.rsplit('@').next().unwrap_or(pattern);
    match pattern {
        "ALL" => return true,
        "LOCAL" => return client.name.is_some_and(|n| !n.contains('.')),
        "KNOWN" => return client.name.is_some(),
        "UNKNOWN" => return client.name.is_none(),
        _ => {}
    }
    let address = client.ip.to_string();
    if let Some(suffix) = pattern.strip_prefix('.') {
        return client.name.is_some_and(|n| {
            let n = n.to_ascii_lowercase();
            n.strip_suffix(&suffix.to_ascii_lowercase()).is_some_and(|rest| rest.ends_with('.'))
        });
    }
    if pattern.ends_with('.') {
        return address.starts_with(pattern);
    }
    if let Some((net, mask)) = pattern.split_once('/') {
        let net = net.trim_start_matches('[').trim_end_matches(']');
        let mask = mask.trim_end_matches(']');
        return net.parse().is_ok_and(|net| in_net(client.ip, net, mask));
    }
    let bare = pattern.trim_start_matches('[').trim_end_matches(']');
    if let Ok(ip) = bare.parse::<IpAddr>() {
        return ip == client.ip;
    }
    client.name.is_some_and(|n| glob(&pattern.to_ascii_lowercase(), &n.to_ascii_lowercase()))
        || (pattern.contains(['*', '?']) && glob(pattern, &address))
}

fn in_net(ip: IpAddr, net: IpAddr, mask: &str) -> bool {
    match (ip, net) {
        (IpAddr::V4(ip), IpAddr::V4(net)) => {
            let bits = match mask.parse::<u32>() {
                Ok(len @ 0..=32) => u32::MAX.checked_shl(32 - len).unwrap_or(0),
                _ => match mask.parse::<Ipv4Addr>() {
                    Ok(mask) => mask.into(),
                    Err(_) => return false,
                },
            };
            u32::from(ip) & bits == u32::from(net) & bits
        }
        (IpAddr::V6(ip), IpAddr::V6(net)) => match mask.parse::<u32>() {
            Ok(len @ 0..=128) => {
                let bits = u128::MAX.checked_shl(128 - len).unwrap_or(0);
                u128::from(ip) & bits == u128::from(net) & bits
            }
            _ => false,
        },
        _ => false,
    }
}

/// `*` any text, `?` one character.
fn glob(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t, mut star) = (0, 0, None);
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(c) if *c == b'?' || text.get(t) == Some(c) => {
                p += 1;
                t += 1;
            }
            _ => match star {
                Some((at, from)) => {
                    p = at + 1;
                    t = from + 1;
                    star = Some((at, t));
                }
                None => return false,
            },
        }
    }
    pattern.get(p..).is_some_and(|rest| rest.iter().all(|c| *c == b'*'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(allow: &str, deny: &str, ip: &str, name: Option<&str>, expected: bool) {
        let client = Client { ip: ip.parse().unwrap(), name };
        let got = decide(allow.as_bytes(), deny.as_bytes(), "imap", client);
        assert_eq!(got, expected, "{allow:?} {deny:?} {ip} {name:?}");
    }

    #[test]
    fn lines_decide_in_order() {
        check("", "", "10.0.0.1", None, true);
        check("", "ALL: ALL", "10.0.0.1", None, false);
        check("imap: 10.0.", "ALL: ALL", "10.0.0.1", None, true);
        check("pop3: 10.0.", "ALL: ALL", "10.0.0.1", None, false);
        check("ALL: .example.org", "ALL: ALL", "10.0.0.1", Some("mail.Example.org"), true);
        check("ALL: .example.org", "ALL: ALL", "10.0.0.1", Some("example.org"), false);
        check("ALL: 10.0.0.0/255.255.255.0", "ALL:ALL", "10.0.0.77", None, true);
        check("ALL: 10.0.0.0/24", "ALL:ALL", "10.0.1.77", None, false);
        check("ALL: [2001:db8::]/32", "ALL:ALL", "2001:db8::5", None, true);
        check("ALL: [::1]", "ALL:ALL", "::1", None, true);
        check("# none\nimap,sieve : LOCAL", "ALL: ALL", "127.0.0.1", Some("localhost"), true);
        check("", "imap: ALL EXCEPT 10.0.0.1", "10.0.0.1", None, true);
        check("", "imap: ALL EXCEPT 10.0.0.1", "10.0.0.2", None, false);
        check("", "ALL EXCEPT imap: ALL", "10.0.0.2", None, true);
        check("ALL: ALL: deny", "", "10.0.0.2", None, false);
        check("", "ALL: UNKNOWN", "10.0.0.2", None, false);
        check("ALL: *.ex?mple.org", "ALL: ALL", "10.0.0.1", Some("a.example.org"), true);
        check("imap: \\\n 10.0.0.1", "ALL: ALL", "10.0.0.1", None, true);
    }
}
