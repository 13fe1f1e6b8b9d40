//! `getaddrinfo` for sockets that listen: service names, wildcard addresses, one family or both.

use std::ffi::{CStr, CString};
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

/// Which addresses are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// Both.
    Any,
    /// IPv4 only.
    Inet,
    /// IPv6 only.
    Inet6,
}

/// Stream or datagram; service names may differ between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SockType {
    /// TCP.
    Stream,
    /// UDP.
    Datagram,
}

/// Finds the addresses to bind for `host` and `port` (name or number), in the resolver's order;
/// without a host these are the wildcard addresses.
///
/// # Errors
/// The resolver's sentence (`gai_strerror`) as error text.
pub fn passive(
    host: Option<&[u8]>,
    port: Option<&[u8]>,
    family: Family,
    socktype: SockType,
) -> io::Result<Vec<SocketAddr>> {
    let host = host.map(CString::new).transpose()?;
    let port = port.map(CString::new).transpose()?;
    // SAFETY: addrinfo is a plain C struct for which all zero bits is the documented "no hints".
    let mut hints: libc::addrinfo = unsafe { std::mem::zeroed() };
    hints.ai_flags = libc::AI_PASSIVE;
    hints.ai_family = match family {
        Family::Any => libc::AF_UNSPEC,
        Family::Inet => libc::AF_INET,
        Family::Inet6 => libc::AF_INET6,
    };
    hints.ai_socktype = match socktype {
        SockType::Stream => libc::SOCK_STREAM,
        SockType::Datagram => libc::SOCK_DGRAM,
    };
    let text = |s: &Option<CString>| s.as_ref().map_or(std::ptr::null(), |s| s.as_ptr());
    let mut list: *mut libc::addrinfo = std::ptr::null_mut();
    // SAFETY: both strings are NUL-terminated or null and outlive the call; hints and list are
    // valid for it.
    let error = unsafe { libc::getaddrinfo(text(&host), text(&port), &hints, &mut list) };
    if error != 0 {
        // SAFETY: gai_strerror returns a static string for every number.
        let sentence = unsafe { CStr::from_ptr(libc::gai_strerror(error)) };
        return Err(io::Error::other(sentence.to_string_lossy().into_owned()));
    }
    let mut found = Vec::new();
    let mut next = list;
    while !next.is_null() {
        // SAFETY: getaddrinfo succeeded, so every non-null link is a valid node until freeaddrinfo.
        let node = unsafe { &*next };
        match node.ai_family {
            libc::AF_INET => {
                // SAFETY: the family says that ai_addr is a sockaddr_in.
                let a = unsafe { &*node.ai_addr.cast::<libc::sockaddr_in>() };
                let ip = Ipv4Addr::from(u32::from_be(a.sin_addr.s_addr));
                found.push(SocketAddrV4::new(ip, u16::from_be(a.sin_port)).into());
            }
            libc::AF_INET6 => {
                // SAFETY: the family says that ai_addr is a sockaddr_in6.
                let a = unsafe { &*node.ai_addr.cast::<libc::sockaddr_in6>() };
                let ip = Ipv6Addr::from(a.sin6_addr.s6_addr);
                found.push(
                    SocketAddrV6::new(ip, u16::from_be(a.sin6_port), a.sin6_flowinfo, a.sin6_scope_id).into(),
                );
            }
            _ => {}
        }
        next = node.ai_next;
    }
    if !list.is_null() {
        // SAFETY: list came from getaddrinfo and is freed once; no reference into it is left.
        unsafe { libc::freeaddrinfo(list) };
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn number_and_host() {
        let found =
            passive(Some(b"127.0.0.1"), Some(b"143"), Family::Any, SockType::Stream).expect("numeric");
        assert_eq!(found, ["127.0.0.1:143".parse().expect("address")]);
    }

    #[test]
    fn no_host_is_the_wildcard_of_the_family() {
        let found = passive(None, Some(b"4201"), Family::Inet, SockType::Datagram).expect("wildcard");
        assert_eq!(found, ["0.0.0.0:4201".parse().expect("address")]);
    }

    #[test]
    fn unknown_service_is_an_error_with_a_sentence() {
        let error =
            passive(None, Some(b"no-such-service"), Family::Any, SockType::Stream).expect_err("unknown");
        assert!(!error.to_string().is_empty());
    }
}
