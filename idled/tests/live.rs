//! idled on private directories, spoken to as imapd does.

use std::os::unix::net::UnixDatagram;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use cyrus_idled::message::{alert, notify};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Group, Pid, User, getegid, geteuid};

struct Live {
    dir: tempfile::TempDir,
    idled: Option<Child>,
}

impl Live {
    fn start(is_daemon: bool, args: &[&str]) -> Live {
        let dir = tempfile::tempdir().expect("directory");
        for name in ["socket", "msg"] {
            std::fs::create_dir(dir.path().join(name)).expect("directory");
        }
        let mut live = Live { dir, idled: None };
        let conf = format!("configdirectory: {}\n", live.dir.path().display());
        std::fs::write(live.path("imapd.conf"), conf).expect("imapd.conf");
        let mut command = Command::new(env!("CARGO_BIN_EXE_cyrus-idled"));
        let user = User::from_uid(geteuid()).expect("passwd").expect("own user").name;
        let group = Group::from_gid(getegid()).expect("group").expect("own group").name;
        command.env("CYRUS_USER", user).env("CYRUS_GROUP", group).env_remove("CYRUS_ISDAEMON");
        if is_daemon {
            command.env("CYRUS_ISDAEMON", "1");
        }
        command.arg("-C").arg(live.path("imapd.conf")).args(args).stdin(Stdio::null()).process_group(0);
        live.idled = Some(command.spawn().expect("idled"));
        wait_for("the socket", || live.path("socket/idle").exists());
        live
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn client(&self, pid: u32) -> UnixDatagram {
        let socket = UnixDatagram::bind(self.path(&format!("socket/idle.{pid}"))).expect("bind");
        socket.set_read_timeout(Some(Duration::from_secs(20))).expect("timeout");
        socket
    }

    fn say(&self, client: &UnixDatagram, number: u64, mailbox: &str) {
        let mut bytes = number.to_ne_bytes().to_vec();
        bytes.extend_from_slice(mailbox.as_bytes());
        bytes.push(0);
        client.send_to(&bytes, self.path("socket/idle")).expect("send");
    }

    fn signal(&self, signal: Signal) {
        let pid = signed(self.idled.as_ref().expect("running").id());
        kill(Pid::from_raw(pid), signal).expect("signal");
    }

    fn end(&mut self) -> Option<i32> {
        let mut idled = self.idled.take().expect("running");
        let mut status = None;
        wait_for("its end", || {
            status = idled.try_wait().expect("wait");
            status.is_some()
        });
        status.and_then(|s| s.code())
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        if let Some(mut idled) = self.idled.take() {
            let _ = kill(Pid::from_raw(-signed(idled.id())), Signal::SIGKILL);
            let _ = idled.wait();
        }
    }
}

fn signed(pid: u32) -> i32 {
    i32::try_from(pid).expect("pids are small")
}

fn wait_for(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !condition() {
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

fn hear(client: &UnixDatagram) -> Vec<u8> {
    let mut bytes = [0; 2000];
    let length = client.recv(&mut bytes).expect("a datagram");
    bytes[..length].to_vec()
}

#[test]
fn a_change_is_told_to_those_who_idle_on_that_mailbox_and_to_nobody_else() {
    let mut live = Live::start(true, &[]);
    let (one, two, sender) = (live.client(1), live.client(2), live.client(3));
    live.say(&one, 0, "user.a");
    live.say(&two, 0, "user.b");
    // nonsense is no reason to die
    for bytes in [&b""[..], b"x", &[0; 8], &[0xff; 1032], &[0xff; 3000]] {
        let _ = sender.send_to(bytes, live.path("socket/idle"));
    }
    live.say(&sender, 2, "user.a");
    assert_eq!(hear(&one), notify(b"user.a"));
    live.say(&one, 1, "user.a");
    live.say(&sender, 2, "user.a");
    live.say(&sender, 2, "user.b");
    assert_eq!(hear(&two), notify(b"user.b"));
    one.set_nonblocking(true).expect("nonblocking");
    assert!(one.recv(&mut [0; 10]).is_err(), "told after DONE");
    live.signal(Signal::SIGTERM);
    assert_eq!(hear(&two), alert());
    assert_eq!(live.end(), Some(75));
    assert!(!live.path("socket/idle").exists());
}

#[test]
fn a_client_that_is_gone_does_not_keep_the_others_from_hearing() {
    let mut live = Live::start(true, &[]);
    let (gone, stays) = (live.client(1), live.client(2));
    live.say(&stays, 0, "m");
    live.say(&gone, 0, "m");
    drop(gone);
    std::fs::remove_file(live.path("socket/idle.1")).expect("unlink");
    live.say(&stays, 2, "m");
    live.say(&stays, 2, "m");
    assert_eq!([hear(&stays), hear(&stays)], [notify(b"m"), notify(b"m")]);
    live.signal(Signal::SIGHUP);
    assert_eq!(hear(&stays), alert());
    assert_eq!(live.end(), Some(0), "SIGHUP ends a daemon of the master");
}

#[test]
fn the_shutdown_file_sends_everybody_away() {
    let mut live = Live::start(true, &[]);
    let client = live.client(1);
    live.say(&client, 0, "m");
    live.say(&client, 2, "m");
    hear(&client);
    std::fs::write(live.path("msg/shutdown"), "Maintenance\n").expect("write");
    assert_eq!(hear(&client), alert());
    assert_eq!(live.end(), Some(1));
}

#[test]
fn from_start_it_goes_to_the_background() {
    let mut live = Live::start(false, &[]);
    let pid = signed(live.idled.as_ref().expect("running").id());
    assert_eq!(live.end(), Some(0));
    let client = live.client(1);
    live.say(&client, 0, "m");
    live.say(&client, 2, "m");
    assert_eq!(hear(&client), notify(b"m"));
    // it stayed in the process group, where the master's SIGTERM finds it
    kill(Pid::from_raw(-pid), Signal::SIGTERM).expect("signal");
    assert_eq!(hear(&client), alert());
    wait_for("the socket's end", || !live.path("socket/idle").exists());
}

#[test]
fn with_d_it_stays_and_a_wrong_option_is_refused() {
    let mut live = Live::start(false, &["-d"]);
    let client = live.client(1);
    live.say(&client, 0, "m");
    live.say(&client, 2, "m");
    assert_eq!(hear(&client), notify(b"m"));
    live.signal(Signal::SIGINT);
    assert_eq!(live.end(), Some(75));
    let wrong = Command::new(env!("CARGO_BIN_EXE_cyrus-idled")).arg("-x").output().expect("run");
    assert_eq!((wrong.status.code(), wrong.stderr.as_slice()), (Some(64), &b"invalid argument\n"[..]));
}
