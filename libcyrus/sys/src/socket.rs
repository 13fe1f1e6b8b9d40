//! Sockets: names of both ends, accept, options, and the look-ups libc does for us.

use std::ffi::{CStr, OsString};
use std::io;
use std::mem::{MaybeUninit, size_of};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

/// Address of one end of a socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Name {
    /// IPv4 or IPv6; a v4-mapped v6 address is given as IPv4.
    Inet(SocketAddr),
    /// Unix socket, with its path when it has one.
    Unix(Option<PathBuf>),
    /// Some other family.
    Other(i32),
}

/// What kind of socket it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Connections.
    Stream,
    /// Datagrams.
    Datagram,
}

/// TCP keepalive settings; `None` leaves the system's value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Keepalive {
    /// Probes before giving up.
    pub count: Option<u32>,
    /// Idle seconds before the first probe.
    pub idle_s: Option<u32>,
    /// Seconds between probes.
    pub interval_s: Option<u32>,
}

/// Name of our end.
///
/// # Errors
/// What getsockname(2) says.
pub fn local_name(fd: BorrowedFd<'_>) -> io::Result<Name> {
    name_by(fd, libc::getsockname)
}

/// Name of the peer.
///
/// # Errors
/// What getpeername(2) says.
pub fn peer_name(fd: BorrowedFd<'_>) -> io::Result<Name> {
    name_by(fd, libc::getpeername)
}

/// Stream or datagram.
///
/// # Errors
/// What getsockopt(2) says; `InvalidData` for other types.
pub fn kind(fd: BorrowedFd<'_>) -> io::Result<Kind> {
    match read_int(fd, libc::SOL_SOCKET, libc::SO_TYPE)? {
        libc::SOCK_STREAM => Ok(Kind::Stream),
        libc::SOCK_DGRAM => Ok(Kind::Datagram),
        _ => Err(io::ErrorKind::InvalidData.into()),
    }
}

/// Accepts one connection, closed at exec.
///
/// # Errors
/// What accept4(2) says, `Interrupted` included.
pub fn accept(fd: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    // SAFETY: no address is asked for, so both pointers may be null.
    let raw = unsafe {
        libc::accept4(fd.as_raw_fd(), std::ptr::null_mut(), std::ptr::null_mut(), libc::SOCK_CLOEXEC)
    };
    if raw < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel just made this descriptor for us.
    Ok(unsafe { OwnedFd::from_raw_fd(raw) })
}

/// Sends small writes at once (TCP_NODELAY). A socket that is not TCP is left alone.
pub fn set_nodelay(fd: BorrowedFd<'_>) {
    let _ = write_int(fd, libc::IPPROTO_TCP, libc::TCP_NODELAY, 1);
}

/// Turns TCP keepalive on.
///
/// # Errors
/// What setsockopt(2) says.
pub fn set_keepalive(fd: BorrowedFd<'_>, settings: Keepalive) -> io::Result<()> {
    write_int(fd, libc::SOL_SOCKET, libc::SO_KEEPALIVE, 1)?;
    let options = [
        (libc::TCP_KEEPCNT, settings.count),
        (libc::TCP_KEEPIDLE, settings.idle_s),
        (libc::TCP_KEEPINTVL, settings.interval_s),
    ];
    for (option, value) in options {
        if let Some(value) = value {
            let value = i32::try_from(value).unwrap_or(i32::MAX);
            write_int(fd, libc::IPPROTO_TCP, option, value)?;
        }
    }
    Ok(())
}

/// Size of the kernel's send buffer (SO_SNDBUF).
///
/// # Errors
/// What getsockopt(2) says.
pub fn send_buffer_size(fd: BorrowedFd<'_>) -> io::Result<usize> {
    let size = read_int(fd, libc::SOL_SOCKET, libc::SO_SNDBUF)?;
    Ok(usize::try_from(size).unwrap_or(0))
}

/// Ends both directions.
pub fn shutdown(fd: BorrowedFd<'_>) {
    // SAFETY: shutdown(2) takes two integers.
    unsafe { libc::shutdown(fd.as_raw_fd(), libc::SHUT_RDWR) };
}

/// Host name of an address by reverse look-up, if it has one.
#[must_use]
pub fn host_name(addr: &SocketAddr) -> Option<String> {
    let (storage, len) = to_storage(addr);
    let mut host = [0_u8; 1025];
    // SAFETY: the address and the buffer are live and their lengths are given.
    let code = unsafe {
        libc::getnameinfo(
            (&raw const storage).cast(),
            len,
            host.as_mut_ptr().cast(),
            host.len() as libc::socklen_t,
            std::ptr::null_mut(),
            0,
            libc::NI_NAMEREQD,
        )
    };
    if code != 0 {
        return None;
    }
    let text = CStr::from_bytes_until_nul(&host).ok()?;
    text.to_str().ok().map(str::to_owned)
}

/// Reads what a socket has now; `None` when that is nothing (or it is no socket), 0 at its end.
///
/// # Errors
/// What recv(2) says.
pub fn read_now(fd: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<Option<usize>> {
    // SAFETY: at most the buffer's length is written to it.
    let n =
        unsafe { libc::recv(fd.as_raw_fd(), buffer.as_mut_ptr().cast(), buffer.len(), libc::MSG_DONTWAIT) };
    if let Ok(n) = usize::try_from(n) {
        return Ok(Some(n));
    }
    let error = io::Error::last_os_error();
    match error.raw_os_error() {
        Some(libc::EAGAIN | libc::EINTR | libc::ENOTSOCK) => Ok(None),
        _ => Err(error),
    }
}

/// True when the peer has closed its side and nothing is left to read.
#[must_use]
pub fn is_at_end(fd: BorrowedFd<'_>) -> bool {
    let mut octet = 0_u8;
    // SAFETY: one octet of a live local may be written.
    let n = unsafe {
        libc::recv(fd.as_raw_fd(), (&raw mut octet).cast(), 1, libc::MSG_PEEK | libc::MSG_DONTWAIT)
    };
    match n {
        0 => true,
        1.. => false,
        _ => !matches!(
            io::Error::last_os_error().raw_os_error(),
            Some(libc::EAGAIN | libc::EINTR | libc::ENOTSOCK)
        ),
    }
}

/// Waits for the next datagram without taking it.
///
/// # Errors
/// What recv(2) says.
pub fn peek_datagram(fd: BorrowedFd<'_>) -> io::Result<()> {
    let mut octet = 0_u8;
    // SAFETY: one octet of a live local may be written.
    let n = unsafe { libc::recv(fd.as_raw_fd(), (&raw mut octet).cast(), 1, libc::MSG_PEEK) };
    if n < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

fn read_int(fd: BorrowedFd<'_>, level: i32, option: i32) -> io::Result<i32> {
    let mut value: libc::c_int = 0;
    let mut len = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: `value` has room for `len` octets.
    let done =
        unsafe { libc::getsockopt(fd.as_raw_fd(), level, option, (&raw mut value).cast(), &raw mut len) };
    if done == 0 { Ok(value) } else { Err(io::Error::last_os_error()) }
}

fn write_int(fd: BorrowedFd<'_>, level: i32, option: i32, value: i32) -> io::Result<()> {
    let len = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: `value` is `len` octets long and outlives the call.
    let done = unsafe { libc::setsockopt(fd.as_raw_fd(), level, option, (&raw const value).cast(), len) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

type NameCall = unsafe extern "C" fn(libc::c_int, *mut libc::sockaddr, *mut libc::socklen_t) -> libc::c_int;

fn name_by(fd: BorrowedFd<'_>, call: NameCall) -> io::Result<Name> {
    let mut storage = MaybeUninit::<libc::sockaddr_storage>::zeroed();
    let mut len = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
    // SAFETY: `storage` has room for `len` octets; the kernel writes no more.
    let done = unsafe { call(fd.as_raw_fd(), storage.as_mut_ptr().cast(), &raw mut len) };
    if done != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: `len` octets of the zeroed storage are the address.
    unsafe { from_raw(storage.as_ptr().cast(), len, true) }.ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// # Safety
/// `addr` must point to `len` readable octets.
unsafe fn from_raw(addr: *const libc::sockaddr, len: libc::socklen_t, unmap: bool) -> Option<Name> {
    let len = len as usize;
    if addr.is_null() || len < size_of::<libc::sa_family_t>() {
        return None;
    }
    // SAFETY: at least the family is there; addresses are read unaligned and only when `len`
    // covers them (unix paths: as many octets as there are).
    unsafe {
        let family = i32::from(std::ptr::addr_of!((*addr).sa_family).read_unaligned());
        match family {
            libc::AF_INET if len >= size_of::<libc::sockaddr_in>() => {
                let v4 = addr.cast::<libc::sockaddr_in>().read_unaligned();
                let ip = Ipv4Addr::from(u32::from_be(v4.sin_addr.s_addr));
                let addr = SocketAddrV4::new(ip, u16::from_be(v4.sin_port));
                Some(Name::Inet(addr.into()))
            }
            libc::AF_INET6 if len >= size_of::<libc::sockaddr_in6>() => {
                let v6 = addr.cast::<libc::sockaddr_in6>().read_unaligned();
                let ip = Ipv6Addr::from(v6.sin6_addr.s6_addr);
                let port = u16::from_be(v6.sin6_port);
                if let (true, Some(v4)) = (unmap, ip.to_ipv4_mapped()) {
                    return Some(Name::Inet(SocketAddr::new(IpAddr::V4(v4), port)));
                }
                Some(Name::Inet(SocketAddrV6::new(ip, port, 0, v6.sin6_scope_id).into()))
            }
            libc::AF_UNIX => {
                let start = std::mem::offset_of!(libc::sockaddr_un, sun_path);
                let count = len.saturating_sub(start);
                let bytes = std::slice::from_raw_parts(addr.cast::<u8>().add(start.min(len)), count);
                let path = bytes.split(|b| *b == 0).next().unwrap_or(&[]);
                let path = (!path.is_empty()).then(|| OsString::from_vec(path.to_vec()).into());
                Some(Name::Unix(path))
            }
            other => Some(Name::Other(other)),
        }
    }
}

fn to_storage(addr: &SocketAddr) -> (libc::sockaddr_storage, libc::socklen_t) {
    // SAFETY: all-zero is a valid sockaddr_storage.
    let mut storage: libc::sockaddr_storage = unsafe { std::mem::zeroed() };
    let place = &raw mut storage;
    match addr {
        SocketAddr::V4(v4) => {
            let raw = libc::sockaddr_in {
                sin_family: libc::AF_INET as libc::sa_family_t,
                sin_port: v4.port().to_be(),
                sin_addr: libc::in_addr { s_addr: u32::from(*v4.ip()).to_be() },
                sin_zero: [0; 8],
            };
            // SAFETY: sockaddr_storage is large and aligned enough for every address.
            unsafe { place.cast::<libc::sockaddr_in>().write(raw) };
            (storage, size_of::<libc::sockaddr_in>() as libc::socklen_t)
        }
        SocketAddr::V6(v6) => {
            let raw = libc::sockaddr_in6 {
                sin6_family: libc::AF_INET6 as libc::sa_family_t,
                sin6_port: v6.port().to_be(),
                sin6_flowinfo: v6.flowinfo(),
                sin6_addr: libc::in6_addr { s6_addr: v6.ip().octets() },
                sin6_scope_id: v6.scope_id(),
            };
            // SAFETY: as above.
            unsafe { place.cast::<libc::sockaddr_in6>().write(raw) };
            (storage, size_of::<libc::sockaddr_in6>() as libc::socklen_t)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixDatagram;

    #[test]
    fn both_ends_know_their_names() {
        for addr in ["127.0.0.1:0", "[::1]:0"] {
            let listener = TcpListener::bind(addr).unwrap();
            let Name::Inet(name) = local_name(listener.as_fd()).unwrap() else { panic!() };
            assert_eq!(name, listener.local_addr().unwrap());
            assert_eq!(kind(listener.as_fd()).unwrap(), Kind::Stream);
            let client = TcpStream::connect(name).unwrap();
            let server = accept(listener.as_fd()).unwrap();
            set_nodelay(server.as_fd());
            let settings = Keepalive { count: Some(3), idle_s: Some(60), interval_s: None };
            set_keepalive(server.as_fd(), settings).unwrap();
            let Name::Inet(peer) = peer_name(server.as_fd()).unwrap() else { panic!() };
            assert_eq!(peer, client.local_addr().unwrap());
        }
    }

    #[test]
    fn unix_sockets_have_paths() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        let socket = UnixDatagram::bind(&path).unwrap();
        assert_eq!(local_name(socket.as_fd()).unwrap(), Name::Unix(Some(path)));
        assert_eq!(kind(socket.as_fd()).unwrap(), Kind::Datagram);
        let unnamed = UnixDatagram::unbound().unwrap();
        assert_eq!(local_name(unnamed.as_fd()).unwrap(), Name::Unix(None));
    }
}
