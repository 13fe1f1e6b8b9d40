//! A service of no use, for the live tests of the master.
//!
//! `testservice DIR MODE`: at start it writes `DIR/MODE.<service>.<id>.<pid>`, a note of what it was
//! born with. Modes: `tcp` (says `pid id`, then obeys lines: `exit N`, `quit`), `udp` (answers one
//! datagram), `daemon`, `wait` (says ok first), `waitbad` (says something else), `fail` (exits 1), `event`.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, UdpSocket};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use signal_hook::consts::{SIGHUP, SIGTERM};

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let (dir, mode) = (Path::new(&args[1]), args[2].as_str());
    let status = cyrus_sys::fd::inherited(3).ok();
    let listener = cyrus_sys::fd::inherited(4).ok();
    let hangup: Arc<AtomicBool> = Arc::default();
    let term: Arc<AtomicBool> = Arc::default();
    signal_hook::flag::register(SIGHUP, Arc::clone(&hangup)).unwrap();
    if matches!(mode, "daemon" | "wait" | "waitbad") {
        signal_hook::flag::register(SIGTERM, Arc::clone(&term)).unwrap();
    } else {
        // wherever it is, a service ends at once
        let always = Arc::new(AtomicBool::new(true));
        signal_hook::flag::register_conditional_shutdown(SIGTERM, 75, always).unwrap();
    }
    note(dir, mode);
    let stop = || {
        if term.load(Ordering::SeqCst) {
            std::process::exit(75);
        }
        hangup.load(Ordering::SeqCst)
    };
    match mode {
        "event" => {}
        "fail" => std::process::exit(1),
        "daemon" | "wait" | "waitbad" => {
            if mode != "daemon" {
                let word: &[u8] = if mode == "wait" { b"ok\r\n" } else { b"no\r\n" };
                std::fs::File::from(status.unwrap()).write_all(word).unwrap();
            }
            while !stop() {
                std::thread::park_timeout(std::time::Duration::from_millis(20));
            }
            std::fs::write(dir.join(format!("ended.{mode}.{}", std::process::id())), ended()).unwrap();
        }
        "udp" => {
            let socket = UdpSocket::from(listener.unwrap());
            while !ready(socket.as_fd()) {
                if stop() {
                    return;
                }
            }
            let mut bytes = [0; 100];
            let (_, from) = socket.recv_from(&mut bytes).unwrap();
            socket.send_to(std::process::id().to_string().as_bytes(), from).unwrap();
        }
        "tcp" => serve(&TcpListener::from(listener.unwrap()), &status.unwrap(), stop),
        other => panic!("unknown mode {other}"),
    }
}

fn serve(listener: &TcpListener, status: &OwnedFd, stop: impl Fn() -> bool) {
    listener.set_nonblocking(true).unwrap();
    loop {
        if stop() {
            tell(status, 2);
            return;
        }
        if !ready(listener.as_fd()) {
            continue;
        }
        let Ok((client, _)) = listener.accept() else { continue };
        client.set_nonblocking(false).unwrap();
        tell(status, 2);
        tell(status, 3);
        let id = std::env::var("CYRUS_ID").unwrap();
        writeln!(&client, "{} {id}", std::process::id()).unwrap();
        // one line, or the end of the connection
        let mut line = String::new();
        let _ = BufReader::new(&client).read_line(&mut line);
        if let Some(("exit", code)) = line.trim().split_once(' ') {
            std::process::exit(code.parse().unwrap());
        }
        drop(client);
        tell(status, 1);
    }
}

fn ready(fd: std::os::fd::BorrowedFd<'_>) -> bool {
    matches!(poll(&mut [PollFd::new(fd, PollFlags::POLLIN)], PollTimeout::from(20u8)), Ok(1))
}

fn tell(status: &OwnedFd, message: i32) {
    let mut bytes = message.to_ne_bytes().to_vec();
    bytes.extend_from_slice(&std::process::id().to_ne_bytes());
    nix::unistd::write(status, &bytes).unwrap();
}

fn note(dir: &Path, mode: &str) {
    let mut text = String::new();
    for (key, value) in std::env::vars().filter(|(key, _)| key.starts_with("CYRUS_")) {
        writeln!(text, "{key}={value}").unwrap();
    }
    let fds = std::fs::read_dir("/proc/self/fd").unwrap();
    let mut fds: Vec<(i32, String)> = fds
        .filter_map(|e| {
            let e = e.unwrap();
            let to = std::fs::read_link(e.path()).ok()?;
            Some((e.file_name().to_str()?.parse().ok()?, to.to_str()?.to_owned()))
        })
        // not the directory just read
        .filter(|(_, to)| !to.starts_with("/proc/"))
        .collect();
    fds.sort();
    for (number, to) in fds {
        writeln!(text, "fd {number} {}", to.split(':').next().unwrap()).unwrap();
    }
    let (soft, _) = nix::sys::resource::getrlimit(nix::sys::resource::Resource::RLIMIT_NOFILE).unwrap();
    writeln!(text, "nofile {soft}").unwrap();
    writeln!(text, "pgid {}", nix::unistd::getpgrp()).unwrap();
    let mask = nix::sys::signal::SigSet::thread_get_mask().unwrap();
    writeln!(text, "blocked {}", mask.iter().count()).unwrap();
    let name = |key| std::env::var(key).unwrap_or_else(|_| "-".into());
    let file = format!("{mode}.{}.{}.{}", name("CYRUS_SERVICE"), name("CYRUS_ID"), std::process::id());
    std::fs::write(dir.join("tmp").join(&file), text).unwrap();
    std::fs::rename(dir.join("tmp").join(&file), dir.join(file)).unwrap();
}

fn ended() -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    now.as_nanos().to_string()
}
