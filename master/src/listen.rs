//! Listening sockets: from the `listen` and `proto` of a service to bound descriptors.
//!
//! Logs what cannot be opened, bound or listened to, in C's words; such an address is left out.

use std::fs::Permissions;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use cyrus_base::exit::{EX_UNAVAILABLE, Fatal};
use cyrus_base::log::{self, Priority};
use cyrus_sys::addrinfo::{self, Family, SockType};
use nix::sys::socket::{self, AddressFamily, Backlog, SockFlag, SockaddrIn, SockaddrIn6, UnixAddr, sockopt};
use nix::sys::stat::{Mode, umask};

use crate::conf::{as_path, errno_text};

/// What holds for every listening socket.
#[derive(Debug, Clone, Copy)]
pub struct Policy {
    /// Backlog of `listen`.
    pub backlog: i32,
    /// IP type of service, from `qosmarking`.
    pub ip_tos: i32,
    /// `master_bind_errors_fatal`, and this is the start.
    pub errors_fatal: bool,
}

/// A bound socket.
#[derive(Debug)]
pub struct Listener {
    /// The descriptor.
    pub socket: OwnedFd,
    /// `ipv4`, `ipv6` or `unix`.
    pub family: &'static str,
}

/// Opens every address of a service that can be had. Empty means: disable the service; why has
/// been logged. C: service_create()
///
/// # Errors
/// Code 69 when a failure is to be fatal.
pub fn open(name: &str, listen: &[u8], proto: &[u8], policy: Policy) -> Result<Vec<Listener>, Fatal> {
    let mut found = Vec::new();
    let addresses = match addresses(listen, proto) {
        Ok(addresses) => addresses,
        Err((priority, reason)) => {
            log::write(priority, format_args!("{reason}, disabling {name}"));
            return Ok(found);
        }
    };
    let stream = proto.starts_with(b"tcp");
    let mut last = String::new();
    for address in &addresses {
        let family = address.family();
        match bound(address, stream, policy, name) {
            Ok(socket) => found.push(Listener { socket, family }),
            Err((what, error)) => {
                last = errno_text(&error);
                let line = format!("unable to {what} {name}/{family} socket: {last}");
                if policy.errors_fatal {
                    return Err(Fatal::new(line, EX_UNAVAILABLE));
                }
                log::write(Priority::Err, format_args!("{line}"));
            }
        }
    }
    if found.is_empty() {
        log::write(Priority::Err, format_args!("unable to create {name} listener socket: {last}"));
    }
    Ok(found)
}

/// The type of service that `qosmarking` stands for (RFC 2474, 2597, 3246).
pub fn ip_tos(qosmarking: &str) -> i32 {
    let digit = |at: usize| qosmarking.as_bytes().get(at).map_or(0, |b| i32::from(b.wrapping_sub(b'0')));
    match qosmarking {
        "ef" => 46 << 2,
        class if class.starts_with("af") => (digit(2) * 8 + digit(3) * 2) << 2,
        class if class.starts_with("cs") => digit(2) << 5,
        _ => 0,
    }
}

enum Address<'a> {
    Inet(SocketAddr),
    Unix(&'a Path),
}

impl Address<'_> {
    fn family(&self) -> &'static str {
        match self {
            Address::Inet(SocketAddr::V4(_)) => "ipv4",
            Address::Inet(SocketAddr::V6(_)) => "ipv6",
            Address::Unix(_) => "unix",
        }
    }
}

fn addresses<'a>(listen: &'a [u8], proto: &[u8]) -> Result<Vec<Address<'a>>, (Priority, String)> {
    let text = String::from_utf8_lossy(listen);
    if listen.starts_with(b"/") {
        if listen.len() >= SUN_PATH_MAX {
            return Err((Priority::Err, format!("invalid listen '{text}' (too long)")));
        }
        return Ok(vec![Address::Unix(as_path(listen))]);
    }
    let (family, socktype) = match proto {
        b"tcp" => (Family::Any, SockType::Stream),
        b"tcp4" => (Family::Inet, SockType::Stream),
        b"tcp6" => (Family::Inet6, SockType::Stream),
        b"udp" => (Family::Any, SockType::Datagram),
        b"udp4" => (Family::Inet, SockType::Datagram),
        b"udp6" => (Family::Inet6, SockType::Datagram),
        _ => return Err((Priority::Info, format!("invalid proto '{}'", String::from_utf8_lossy(proto)))),
    };
    let Some((host, port)) = split_inet(listen) else {
        return Err((Priority::Err, format!("invalid listen '{text}'")));
    };
    match addrinfo::passive(host, port, family, socktype) {
        Ok(found) => Ok(found.into_iter().map(Address::Inet).collect()),
        Err(error) => Err((Priority::Info, error.to_string())),
    }
}

type HostPort<'a> = (Option<&'a [u8]>, Option<&'a [u8]>);

/// `port`, `host:port`, `[host]`, `[host]:port`. C: parse_inet_listen()
fn split_inet(listen: &[u8]) -> Option<HostPort<'_>> {
    let last = |byte| listen.iter().rposition(|b| *b == byte);
    if let Some(inner) = listen.strip_prefix(b"[") {
        let close = last(b']')?;
        let host = inner.get(..close.checked_sub(1)?)?;
        return match listen.get(close + 1..)? {
            [] => Some((Some(host), None)),
            [b':', port @ ..] if !port.is_empty() => Some((Some(host), Some(port))),
            _ => None,
        };
    }
    match last(b':') {
        None => Some((None, Some(listen))),
        Some(colon) => match (listen.get(..colon)?, listen.get(colon + 1..)?) {
            (_, []) => None,
            (host, port) => Some((Some(host), Some(port))),
        },
    }
}

fn bound(
    address: &Address<'_>,
    stream: bool,
    policy: Policy,
    name: &str,
) -> Result<OwnedFd, (&'static str, io::Error)> {
    let domain = match address {
        Address::Inet(SocketAddr::V4(_)) => AddressFamily::Inet,
        Address::Inet(SocketAddr::V6(_)) => AddressFamily::Inet6,
        Address::Unix(_) => AddressFamily::Unix,
    };
    let kind = if stream { socket::SockType::Stream } else { socket::SockType::Datagram };
    let fd = socket::socket(domain, kind, SockFlag::SOCK_CLOEXEC, None).map_err(|e| ("open", e.into()))?;
    let complain = |option: &str, priority, error: nix::Error| {
        let family = address.family();
        log::write(
            priority,
            format_args!("unable to setsocketopt({option}) service {name}/{family}: {}", error.desc()),
        );
    };
    if let Err(error) = socket::setsockopt(&fd, sockopt::ReuseAddr, &true) {
        complain("SO_REUSEADDR", Priority::Err, error);
    }
    if domain == AddressFamily::Inet6 {
        if let Err(error) = socket::setsockopt(&fd, sockopt::Ipv6V6Only, &true) {
            complain("IPV6_V6ONLY", Priority::Err, error);
        }
    }
    if domain != AddressFamily::Unix {
        if let Err(error) = socket::setsockopt(&fd, sockopt::Ipv4Tos, &policy.ip_tos) {
            complain("IP_TOS", Priority::Warning, error);
        }
        if domain == AddressFamily::Inet6 && policy.ip_tos != 0 {
            // IP_TOS marks only IPv4 packets; the original leaves IPv6 unmarked
            let _ = socket::setsockopt(&fd, sockopt::Ipv6TClass, &policy.ip_tos);
        }
    }
    bind(&fd, address).map_err(|e| ("bind to", e))?;
    if stream {
        // the kernel cuts a backlog above its own limit, and takes a negative one for that limit
        let backlog = Backlog::new(policy.backlog).unwrap_or(Backlog::MAXCONN);
        socket::listen(&fd, backlog).map_err(|e| ("listen to", e.into()))?;
    }
    Ok(fd)
}

fn bind(fd: &OwnedFd, address: &Address<'_>) -> io::Result<()> {
    let raw = fd.as_raw_fd();
    match address {
        Address::Inet(SocketAddr::V4(v4)) => socket::bind(raw, &SockaddrIn::from(*v4))?,
        Address::Inet(SocketAddr::V6(v6)) => socket::bind(raw, &SockaddrIn6::from(*v6))?,
        Address::Unix(path) => {
            let _ = std::fs::remove_file(path);
            let address = UnixAddr::new(*path)?;
            let old = umask(Mode::empty());
            let bound = socket::bind(raw, &address);
            umask(old);
            bound?;
            let _ = std::fs::set_permissions(path, Permissions::from_mode(0o777));
        }
    }
    Ok(())
}

/// Bytes of `sun_path`, the NUL among them.
const SUN_PATH_MAX: usize = 108;

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::FileTypeExt;

    const POLICY: Policy = Policy { backlog: 32, ip_tos: 0, errors_fatal: false };

    #[test]
    fn forms_of_listen() {
        let check = |listen: &str, expected: Option<(Option<&str>, Option<&str>)>| {
            let expected = expected.map(|(h, p)| (h.map(str::as_bytes), p.map(str::as_bytes)));
            assert_eq!(split_inet(listen.as_bytes()), expected, "{listen}");
        };
        check("imap", Some((None, Some("imap"))));
        check("143", Some((None, Some("143"))));
        check("localhost:143", Some((Some("localhost"), Some("143"))));
        check("[::1]:143", Some((Some("::1"), Some("143"))));
        check("[::1]", Some((Some("::1"), None)));
        check("::1:143", Some((Some("::1"), Some("143"))));
        check("host:", None);
        check("[::1]:", None);
        check("[::1]x", None);
        check("[::1", None);
        check("[", None);
    }

    #[test]
    fn marks_of_qosmarking() {
        let pairs = [
            ("cs0", 0),
            ("cs1", 0x20),
            ("cs7", 0xe0),
            ("af11", 0x28),
            ("af23", 0x58),
            ("af43", 0x98),
            ("ef", 0xb8),
        ];
        for (word, tos) in pairs {
            assert_eq!(ip_tos(word), tos, "{word}");
        }
    }

    #[test]
    fn a_unix_socket_replaces_an_old_one_and_is_open_to_all() {
        let dir = tempfile::tempdir().expect("dir");
        let path = dir.path().join("s");
        std::fs::write(&path, "old").expect("write");
        let found = open("lmtp", path.as_os_str().as_encoded_bytes(), b"tcp", POLICY).expect("open");
        assert_eq!(found.iter().map(|l| l.family).collect::<Vec<_>>(), ["unix"]);
        let meta = std::fs::metadata(&path).expect("stat");
        assert!(meta.file_type().is_socket());
        assert_eq!(meta.permissions().mode() & 0o777, 0o777);
    }

    #[test]
    fn what_cannot_be_bound_is_told_and_left_out() {
        let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("bind");
        let port = taken.local_addr().expect("address").port();
        let listen = format!("127.0.0.1:{port}");
        let (found, said) =
            log::capture(|| open("imap", listen.as_bytes(), b"tcp4", POLICY).expect("not fatal"));
        assert!(found.is_empty());
        let expected = [
            "unable to bind to imap/ipv4 socket: Address already in use",
            "unable to create imap listener socket: Address already in use",
        ];
        assert_eq!(said.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>(), expected);
        let fatal = open("imap", listen.as_bytes(), b"tcp4", Policy { errors_fatal: true, ..POLICY })
            .expect_err("fatal");
        assert_eq!((fatal.text.as_str(), fatal.code), (expected[0], EX_UNAVAILABLE));
    }

    #[test]
    fn wrong_words_disable_the_service() {
        let long = format!("/{}", "x".repeat(107));
        for (listen, proto, expected) in [
            ("1", "sctp", "invalid proto 'sctp', disabling a".to_owned()),
            ("h:", "tcp", "invalid listen 'h:', disabling a".to_owned()),
            (&long, "tcp", format!("invalid listen '{long}' (too long), disabling a")),
        ] {
            let (found, said) =
                log::capture(|| open("a", listen.as_bytes(), proto.as_bytes(), POLICY).expect("not fatal"));
            assert!(found.is_empty());
            assert_eq!(said.first().map(|(_, text)| text.as_str()), Some(expected.as_str()));
        }
    }
}
