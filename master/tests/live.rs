//! The master at work on private directories and free ports, with a service of no use
//! (examples/testservice.rs). Runs as any user. Nothing here waits a fixed time: every step waits
//! for a condition, with a deadline.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Group, Pid, User, getegid, geteuid};

struct Live {
    dir: tempfile::TempDir,
    master: Option<Child>,
}

impl Live {
    fn prepare() -> Live {
        let dir = tempfile::tempdir().expect("directory");
        std::fs::create_dir_all(dir.path().join("notes/tmp")).expect("notes");
        std::fs::create_dir(dir.path().join("conf")).expect("conf");
        let live = Live { dir, master: None };
        std::fs::write(
            live.path("imapd.conf"),
            format!("configdirectory: {}\n", live.path("conf").display()),
        )
        .expect("imapd.conf");
        live
    }

    fn start(cyrus_conf: impl Fn(&Live) -> String) -> Live {
        let mut live = Live::prepare();
        live.configure(&cyrus_conf(&live));
        live.master = Some(live.command(&[]).spawn().expect("master"));
        live
    }

    fn configure(&self, text: &str) {
        std::fs::write(self.path("cyrus.conf"), text).expect("cyrus.conf");
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A command line that runs the test service in a mode.
    fn service(&self, mode: &str) -> String {
        let mut program = std::env::current_exe().expect("own program");
        program.pop();
        program.set_file_name("examples");
        assert!(
            program.join("testservice").exists(),
            "built by `cargo test -p cyrus-master`, not by `--test live` alone"
        );
        format!("{}/testservice {} {mode}", program.display(), self.path("notes").display())
    }

    fn command(&self, more: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cyrus-master"));
        let user = User::from_uid(geteuid()).expect("passwd").expect("own user").name;
        let group = Group::from_gid(getegid()).expect("group").expect("own group").name;
        command.env("CYRUS_USER", user).env("CYRUS_GROUP", group);
        command.arg("-C").arg(self.path("imapd.conf")).arg("-M").arg(self.path("cyrus.conf"));
        command.arg("-p").arg(self.path("pid")).args(more);
        // SIGTERM goes to the whole process group of the master
        command.process_group(0).stdin(Stdio::null());
        command
    }

    fn signal(&self, signal: Signal) {
        let pid = self.master.as_ref().expect("running").id();
        kill(Pid::from_raw(signed(pid)), signal).expect("signal");
    }

    /// Names of the notes of a mode and service: (id, pid).
    fn notes(&self, mode: &str, service: &str) -> Vec<(String, i32)> {
        let head = format!("{mode}.{service}.");
        let mut found: Vec<_> = std::fs::read_dir(self.path("notes"))
            .expect("notes")
            .filter_map(|e| e.expect("entry").file_name().into_string().ok())
            .filter_map(|n| {
                let (id, pid) = n.strip_prefix(&head)?.split_once('.')?;
                Some((id.to_owned(), pid.parse().ok()?))
            })
            .collect();
        found.sort();
        found
    }

    fn note(&self, mode: &str, service: &str) -> String {
        wait_for(&format!("a {mode} of {service}"), || !self.notes(mode, service).is_empty());
        let (id, pid) = self.notes(mode, service).remove(0);
        std::fs::read_to_string(self.path(&format!("notes/{mode}.{service}.{id}.{pid}"))).expect("note")
    }

    fn alive(&self, mode: &str, service: &str) -> Vec<i32> {
        self.notes(mode, service).into_iter().map(|(_, pid)| pid).filter(|pid| is_alive(*pid)).collect()
    }

    fn stop(&mut self) -> ExitStatus {
        self.signal(Signal::SIGTERM);
        self.end()
    }

    fn end(&mut self) -> ExitStatus {
        let mut master = self.master.take().expect("running");
        let mut status = None;
        wait_for("the master's end", || {
            status = master.try_wait().expect("wait");
            status.is_some()
        });
        status.expect("ended")
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        if let Some(mut master) = self.master.take() {
            let _ = kill(Pid::from_raw(-signed(master.id())), Signal::SIGKILL);
            let _ = master.wait();
        }
    }
}

fn is_alive(pid: i32) -> bool {
    // a zombie is dead
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|s| !s.contains(") Z "))
}

fn signed(pid: u32) -> i32 {
    i32::try_from(pid).expect("pids are small")
}

fn wait_for(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !condition() {
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").expect("bind").local_addr().expect("address").port()
}

/// Connects when somebody listens, and gives the stream and the first line.
fn greet(port: u16) -> (TcpStream, String) {
    let mut stream = None;
    wait_for("a listener", || {
        stream = TcpStream::connect(("127.0.0.1", port)).ok();
        stream.is_some()
    });
    let stream = stream.expect("connected");
    stream.set_read_timeout(Some(Duration::from_secs(30))).expect("timeout");
    let mut line = String::new();
    BufReader::new(&stream).read_line(&mut line).expect("greeting");
    (stream, line.trim().to_owned())
}

fn pid_of(greeting: &str) -> i32 {
    greeting.split(' ').next().and_then(|p| p.parse().ok()).expect("pid")
}

#[test]
fn a_child_gets_its_descriptors_and_environment_and_nothing_else() {
    let port = free_port();
    let mut live = Live::start(|live| {
        let sock = live.path("sock");
        format!(
            "START {{\n s cmd=\"{}\"\n}}\nSERVICES {{\n a cmd=\"{}\" listen=127.0.0.1:{port} prefork=1 maxfds=77\n u cmd=\"{}\" listen={} prefork=1\n}}\n\
             EVENTS {{\n e cmd=\"{}\"\n}}\nDAEMON {{\n d cmd=\"{}\"\n}}\n",
            live.service("event"),
            live.service("tcp"),
            live.service("tcp"),
            sock.display(),
            live.service("event"),
            live.service("daemon"),
        )
    });
    let pgid = live.master.as_ref().expect("running").id();
    let rest = format!("pgid {pgid}\nblocked 0\n");
    let std = "fd 0 /dev/null\nfd 1 /dev/null\nfd 2 /dev/null\n";
    let note = live.note("tcp", "a");
    assert!(
        note.contains("CYRUS_ID=0\n") && note.contains("CYRUS_SERVICE=a\n") && !note.contains("ISDAEMON"),
        "{note}"
    );
    assert!(note.ends_with(&format!("{std}fd 3 pipe\nfd 4 socket\nnofile 77\n{rest}")), "{note}");
    let note = live.note("tcp", "u");
    assert!(note.contains(&format!("{std}fd 3 pipe\nfd 4 socket\nnofile ")), "{note}");
    let note = live.note("daemon", "d");
    assert!(note.contains("CYRUS_ISDAEMON=1\n") && note.contains(&format!("{std}nofile")), "{note}");
    wait_for("START and the event", || live.notes("event", "-").len() == 2);
    let note = live.note("event", "-");
    assert!(
        !note.contains("CYRUS_SERVICE") && note.contains(&format!("{std}nofile")) && note.ends_with(&rest),
        "{note}"
    );
    assert_eq!(std::fs::read_to_string(live.path("pid")).expect("pid"), format!("{pgid}\n"));
    assert!(live.stop().success());
}

#[test]
fn without_prefork_a_child_is_started_when_a_client_comes() {
    let port = free_port();
    let mut live = Live::start(|live| {
        format!("SERVICES {{\n a cmd=\"{}\" listen=127.0.0.1:{port}\n}}\n", live.service("tcp"))
    });
    wait_for("the listener", || TcpStream::connect(("127.0.0.1", port)).is_ok());
    let (first, one) = greet(port);
    // the first one is busy, so a second is started
    let (_second, two) = greet(port);
    assert_ne!(pid_of(&one), pid_of(&two));
    drop(first);
    assert!(live.stop().success());
    assert!(live.alive("tcp", "a").is_empty());
}

#[test]
fn prefork_is_kept_up_when_children_are_killed_or_busy() {
    let port = free_port();
    let mut live = Live::start(|live| {
        format!("SERVICES {{\n a cmd=\"{}\" listen=127.0.0.1:{port} prefork=2\n}}\n", live.service("tcp"))
    });
    wait_for("two children", || live.alive("tcp", "a").len() == 2);
    let old = live.alive("tcp", "a");
    for pid in &old {
        kill(Pid::from_raw(*pid), Signal::SIGKILL).expect("kill");
    }
    wait_for("two other children", || {
        live.alive("tcp", "a").iter().filter(|p| !old.contains(p)).count() == 2
    });
    let (_client, _) = greet(port);
    wait_for("a third beside the busy one", || live.alive("tcp", "a").len() == 3);
    assert!(live.stop().success());
}

#[test]
fn maxchild_bounds_and_a_freed_child_serves_the_next() {
    let port = free_port();
    let mut live = Live::start(|live| {
        format!(
            "SERVICES {{\n a cmd=\"{}\" listen=127.0.0.1:{port} prefork=5 maxchild=2\n}}\n",
            live.service("tcp")
        )
    });
    let (one, first) = greet(port);
    let (_two, second) = greet(port);
    let mut three = TcpStream::connect(("127.0.0.1", port)).expect("connect");
    assert_ne!(first, second);
    assert_eq!(live.notes("tcp", "a").len(), 2, "maxchild");
    drop(one);
    let mut line = String::new();
    three.set_read_timeout(Some(Duration::from_secs(30))).expect("timeout");
    BufReader::new(&mut three).read_line(&mut line).expect("greeting");
    assert_eq!(line.trim(), first, "the freed child serves");
    assert_eq!(live.notes("tcp", "a").len(), 2);
    assert!(live.stop().success());
}

#[test]
fn five_failing_children_disable_a_service_until_sighup() {
    let port = free_port();
    let mut live = Live::start(|live| {
        format!("SERVICES {{\n a cmd=\"{}\" listen=127.0.0.1:{port} prefork=1\n}}\n", live.service("fail"))
    });
    wait_for("five failures", || live.notes("fail", "a").len() == 5);
    wait_for("the listener's end", || TcpStream::connect(("127.0.0.1", port)).is_err());
    assert_eq!(live.notes("fail", "a").len(), 5);
    live.configure(&format!(
        "SERVICES {{\n a cmd=\"{}\" listen=127.0.0.1:{port} prefork=1\n}}\n",
        live.service("tcp")
    ));
    live.signal(Signal::SIGHUP);
    let (_client, line) = greet(port);
    assert!(is_alive(pid_of(&line)));
    assert!(live.stop().success());
}

#[test]
fn a_program_that_cannot_be_executed_disables_its_service() {
    let (port, other) = (free_port(), free_port());
    let mut live = Live::start(|live| {
        let broken = live.path("broken");
        std::fs::write(&broken, "#!/nonexistent/interpreter\n").expect("write");
        std::fs::set_permissions(&broken, std::os::unix::fs::PermissionsExt::from_mode(0o755))
            .expect("chmod");
        format!(
            "SERVICES {{\n a cmd={} listen=127.0.0.1:{port} babysit=yes\n b cmd=\"{}\" listen=127.0.0.1:{other}\n}}\n",
            broken.display(),
            live.service("tcp"),
        )
    });
    // when one service answers, all have been opened
    let _other = greet(other);
    wait_for("the listener's end", || TcpStream::connect(("127.0.0.1", port)).is_err());
    assert!(live.stop().success());
}

#[test]
fn sighup_recycles_children_and_adds_and_removes_services() {
    let (keep, gone, new) = (free_port(), free_port(), free_port());
    let mut live = Live::start(|live| {
        let tcp = live.service("tcp");
        format!(
            "SERVICES {{\n keep cmd=\"{tcp}\" listen=127.0.0.1:{keep} prefork=1\n gone cmd=\"{tcp}\" listen=127.0.0.1:{gone} prefork=1\n}}\nDAEMON {{\n d cmd=\"{}\"\n}}\n",
            live.service("daemon")
        )
    });
    wait_for("all", || {
        live.alive("tcp", "keep").len() == 1
            && live.alive("tcp", "gone").len() == 1
            && live.alive("daemon", "d").len() == 1
    });
    let (old, old_daemon) = (live.alive("tcp", "keep"), live.alive("daemon", "d"));
    let tcp = live.service("tcp");
    live.configure(&format!(
        "SERVICES {{\n keep cmd=\"{tcp}\" listen=127.0.0.1:{keep} prefork=2\n new cmd=\"{tcp}\" listen=127.0.0.1:{new}\n}}\nDAEMON {{\n d cmd=\"{}\"\n}}\n",
        live.service("daemon")
    ));
    live.signal(Signal::SIGHUP);
    wait_for("two new children", || {
        live.alive("tcp", "keep").iter().filter(|p| !old.contains(p)).count() == 2
    });
    wait_for("the removed one's end", || live.alive("tcp", "gone").is_empty());
    wait_for("the removed port's end", || TcpStream::connect(("127.0.0.1", gone)).is_err());
    wait_for("another daemon", || live.alive("daemon", "d").iter().any(|p| !old_daemon.contains(p)));
    let (_client, line) = greet(new);
    assert!(is_alive(pid_of(&line)));
    assert!(live.stop().success());
}

#[test]
fn a_busy_child_survives_sighup_and_its_words_still_count() {
    let port = free_port();
    let mut live = Live::start(|live| {
        format!("SERVICES {{\n a cmd=\"{}\" listen=127.0.0.1:{port} maxchild=1\n}}\n", live.service("tcp"))
    });
    let (mut client, line) = greet(port);
    live.signal(Signal::SIGHUP);
    client.write_all(b"quit\n").expect("write");
    wait_for("the old child's end", || !is_alive(pid_of(&line)));
    let (_client, other) = greet(port);
    assert_ne!(pid_of(&line), pid_of(&other));
    assert!(live.stop().success());
}

#[test]
fn babysitting_and_daemons_start_again_what_ends() {
    let port = free_port();
    let mut live = Live::start(|live| {
        format!(
            "SERVICES {{\n a cmd=\"{}\" listen=127.0.0.1:{port} babysit=yes\n}}\nDAEMON {{\n d cmd=\"{}\"\n}}\n",
            live.service("tcp"),
            live.service("daemon")
        )
    });
    wait_for("a child", || live.alive("tcp", "a").len() == 1 && live.alive("daemon", "d").len() == 1);
    let (mut client, line) = greet(port);
    client.write_all(b"exit 3\n").expect("write");
    wait_for("another child", || live.alive("tcp", "a").iter().any(|p| *p != pid_of(&line)));
    let daemon = live.alive("daemon", "d");
    kill(Pid::from_raw(daemon[0]), Signal::SIGKILL).expect("kill");
    wait_for("another daemon", || live.alive("daemon", "d").iter().any(|p| !daemon.contains(p)));
    assert!(live.stop().success());
}

#[test]
fn udp_service_answers_and_is_started_again() {
    let port = free_port();
    let mut live = Live::start(|live| {
        format!(
            "SERVICES {{\n f cmd=\"{}\" listen=127.0.0.1:{port} proto=udp prefork=4\n}}\n",
            live.service("udp")
        )
    });
    let ask = || {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("bind");
        socket.connect(("127.0.0.1", port)).expect("connect");
        socket.set_read_timeout(Some(Duration::from_millis(200))).expect("timeout");
        let mut answer = [0; 20];
        let mut length = 0;
        wait_for("an answer", || {
            let _ = socket.send(b"x");
            length = socket.recv(&mut answer).unwrap_or(0);
            length > 0
        });
        String::from_utf8_lossy(&answer[..length]).into_owned()
    };
    let first = ask();
    assert_ne!(first, ask());
    assert!(live.alive("udp", "f").len() <= 1, "prefork of udp is at most 1");
    assert!(live.stop().success());
}

#[test]
fn wait_daemons_come_first_and_go_last_in_a_group_of_their_own() {
    let port = free_port();
    let mut live = Live::start(|live| {
        let wait = live.service("wait");
        format!(
            "SERVICES {{\n a cmd=\"{}\" listen=127.0.0.1:{port} prefork=1\n}}\nDAEMON {{\n w1 cmd=\"{wait}\" wait=yes\n w2 cmd=\"{wait}\" wait=yes\n}}\n",
            live.service("tcp")
        )
    });
    wait_for("a service", || live.alive("tcp", "a").len() == 1);
    let pid = |name| live.notes("wait", name).first().map(|(_, pid)| *pid).expect("wait daemon");
    let (w1, w2) = (pid("w1"), pid("w2"));
    assert!(live.note("wait", "w1").contains(&format!("pgid {w1}\n")));
    assert!(live.note("wait", "w2").contains(&format!("pgid {w1}\n")), "{}", live.note("wait", "w2"));
    assert!(live.note("wait", "w1").contains("CYRUS_ISDAEMON=1\n"));
    // one that dies is started again
    kill(Pid::from_raw(w2), Signal::SIGKILL).expect("kill");
    wait_for("w2 again", || live.alive("wait", "w2").iter().any(|p| *p != w2));
    assert!(live.stop().success());
    wait_for("their end", || live.alive("wait", "w1").is_empty() && live.alive("wait", "w2").is_empty());
}

#[test]
fn a_wait_daemon_that_does_not_say_ok_ends_the_master() {
    let mut live =
        Live::start(|live| format!("DAEMON {{\n w cmd=\"{}\" wait=yes\n}}\n", live.service("waitbad")));
    assert_eq!(live.end().code(), Some(78));
    wait_for("its end too", || live.alive("waitbad", "w").is_empty());
}

#[test]
fn a_failing_start_command_ends_the_master() {
    let mut live = Live::start(|live| format!("START {{\n s cmd=\"{}\"\n}}\n", live.service("fail")));
    assert_eq!(live.end().code(), Some(1));
}

#[test]
fn maxforkrate_slows_a_storm() {
    let port = free_port();
    // exits 0 at once: no failure, so only the rate holds it back
    let mut live = Live::start(|live| {
        format!(
            "SERVICES {{\n a cmd=\"{}\" listen=127.0.0.1:{port} prefork=1 maxforkrate=5\n}}\n",
            live.service("event")
        )
    });
    let begun = Instant::now();
    wait_for("twenty forks", || live.notes("event", "a").len() >= 20);
    assert!(begun.elapsed() > Duration::from_secs(1), "{:?}", begun.elapsed());
    assert!(live.stop().success());
}

#[test]
fn a_second_master_is_refused_in_front_and_in_back() {
    let mut live = Live::start(|_| "SERVICES {\n}\n".to_owned());
    wait_for("the pid file", || std::fs::read_to_string(live.path("pid")).is_ok_and(|t| t.ends_with('\n')));
    assert_eq!(live.command(&[]).status().expect("run").code(), Some(71));
    assert_eq!(live.command(&["-d"]).status().expect("run").code(), Some(71));
    assert!(!live.path("pid.lock").exists());
    assert!(live.stop().success());
}

#[test]
fn in_the_background_the_starter_ends_when_the_pid_file_is_taken() {
    let port = free_port();
    let live = Live::prepare();
    live.configure(&format!(
        "SERVICES {{\n a cmd=\"{}\" listen=127.0.0.1:{port} prefork=1\n}}\n",
        live.service("tcp")
    ));
    let log = live.path("errors");
    assert_eq!(
        live.command(&["-d", "-L", log.to_str().expect("path")]).status().expect("run").code(),
        Some(0)
    );
    let pid: i32 = std::fs::read_to_string(live.path("pid")).expect("pid").trim().parse().expect("number");
    assert!(is_alive(pid) && log.exists() && !live.path("pid.lock").exists());
    let (_client, _) = greet(port);
    // it leads a session of its own
    assert_eq!(nix::unistd::getsid(Some(Pid::from_raw(pid))).expect("sid").as_raw(), pid);
    kill(Pid::from_raw(pid), Signal::SIGQUIT).expect("signal");
    wait_for("its end", || !is_alive(pid));
    wait_for("the child's end", || live.alive("tcp", "a").is_empty());
}

#[test]
fn wrong_command_lines_and_files_have_their_codes() {
    let live = Live::prepare();
    let code = |args: &[&str]| live.command(args).stderr(Stdio::null()).status().expect("run").code();
    assert_eq!(code(&["-x"]), Some(64));
    assert_eq!(code(&["-d", "-D"]), Some(78));
    assert_eq!(code(&[]), Some(78), "no cyrus.conf");
    live.configure("SERVICES {\n a-b cmd=x\n}\n");
    assert_eq!(code(&[]), Some(78));
    let mut version = String::new();
    let mut shown = live.command(&["-V"]).stdout(Stdio::piped()).spawn().expect("run");
    shown.stdout.take().expect("stdout").read_to_string(&mut version).expect("read");
    assert!(shown.wait().expect("wait").success() && version.starts_with("cyrus-imapd 3.6.1"), "{version}");
}

/// Fifty times: start, serve, stop while children are being born, busy and dying; nobody is left.
#[test]
fn fifty_shutdowns_leave_no_process_behind() {
    for round in 0..50 {
        let port = free_port();
        let mut live = Live::start(|live| {
            format!(
                "SERVICES {{\n a cmd=\"{}\" listen=127.0.0.1:{port} prefork=3\n}}\nEVENTS {{\n e cmd=\"{}\" period=1\n}}\nDAEMON {{\n d cmd=\"{}\"\n w cmd=\"{}\" wait=y\n}}\n",
                live.service("tcp"),
                live.service("event"),
                live.service("daemon"),
                live.service("wait"),
            )
        });
        let busy = greet(port);
        if round % 2 == 0 {
            live.signal(Signal::SIGHUP);
        }
        let group = Pid::from_raw(-signed(live.master.as_ref().expect("running").id()));
        let status = live.stop();
        assert!(status.success(), "round {round}: {status}");
        assert_eq!(
            kill(group, None),
            Err(nix::errno::Errno::ESRCH),
            "round {round}: somebody is left in the group"
        );
        for (mode, service) in [("tcp", "a"), ("daemon", "d"), ("wait", "w"), ("event", "-")] {
            assert!(live.alive(mode, service).is_empty(), "round {round}: {mode} {service} is left");
        }
        drop(busy);
    }
}
