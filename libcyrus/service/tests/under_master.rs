//! Goal: a service of ours lives under the C master as a C service does. Method: the echo example
//! in a private instance of the installed /usr/lib/cyrus/bin/master, started as root so that it
//! drops to the cyrus user; skipped where that is not possible.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

const MASTER: &str = "/usr/lib/cyrus/bin/master";

struct Instance {
    dir: tempfile::TempDir,
    master: Child,
    port: u16,
    /// One instance at a time.
    _alone: MutexGuard<'static, ()>,
}

impl Drop for Instance {
    fn drop(&mut self) {
        let pid = i32::try_from(self.master.id()).unwrap();
        let _ = cyrus_sys::signal::kill(pid, 15);
        let _ = self.master.wait();
    }
}

impl Instance {
    fn start(service_options: &str, arguments: &str) -> Option<Self> {
        if !Path::new(MASTER).exists() || !nix::unistd::getuid().is_root() {
            println!("skipped: needs the installed C master and root");
            return None;
        }
        let alone = ONE.lock().unwrap_or_else(|e| e.into_inner());
        let cyrus = nix::unistd::User::from_name("cyrus").unwrap()?;
        let dir = tempfile::Builder::new().prefix("net-").tempdir().unwrap();
        std::fs::set_permissions(dir.path(), PermissionsExt::from_mode(0o755)).unwrap();
        let root = dir.path();
        for sub in ["conf", "conf/socket", "conf/proc", "spool"] {
            std::fs::create_dir(root.join(sub)).unwrap();
            let (uid, gid) = (cyrus.uid.as_raw(), cyrus.gid.as_raw());
            chown(root.join(sub), Some(uid), Some(gid)).unwrap();
        }
        // The C master runs it from a place the cyrus user can reach.
        let program = root.join("echo");
        std::fs::copy(example(), &program).unwrap();
        let port = free_port();
        let show = root.display();
        let conf = format!(
            "configdirectory: {show}/conf\npartition-default: {show}/spool\nservername: localhost\n\
             syslog_prefix: net-test\n"
        );
        std::fs::write(root.join("imapd.conf"), conf).unwrap();
        let cyrus_conf = format!(
            "START {{\n}}\nSERVICES {{\n echo cmd=\"{show}/echo -C {show}/imapd.conf {arguments}\" \
             listen=\"127.0.0.1:{port}\" {service_options}\n}}\nEVENTS {{\n}}\n"
        );
        std::fs::write(root.join("cyrus.conf"), cyrus_conf).unwrap();
        let master = Command::new(MASTER)
            .arg("-C")
            .arg(root.join("imapd.conf"))
            .arg("-M")
            .arg(root.join("cyrus.conf"))
            .arg("-p")
            .arg(root.join("master.pid"))
            .spawn()
            .unwrap();
        Some(Self { dir, master, port, _alone: alone })
    }

    /// Connects, waiting for the master to listen; gives the greeting's pid and uid.
    fn connect(&self) -> (Talk, i32, u32) {
        let stream = wait_for("a connection", || TcpStream::connect(("127.0.0.1", self.port)).ok());
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let mut talk = Talk { reader: BufReader::new(stream.try_clone().unwrap()), stream };
        let greeting = talk.line();
        let mut words = greeting.split(' ');
        let pid = words.next().unwrap().parse().unwrap_or_else(|_| panic!("{greeting:?}"));
        let uid = words.next().unwrap().parse().unwrap();
        assert_eq!(words.next_back(), Some("[127.0.0.1]"), "{greeting:?}");
        (talk, pid, uid)
    }

    fn children(&self) -> Vec<i32> {
        let path = format!("/proc/{0}/task/{0}/children", self.master.id());
        let text = std::fs::read_to_string(path).unwrap_or_default();
        text.split_ascii_whitespace().filter_map(|n| n.parse().ok()).collect()
    }
}

struct Talk {
    stream: TcpStream,
    reader: BufReader<TcpStream>,
}

impl Talk {
    fn line(&mut self) -> String {
        let mut line = String::new();
        self.reader.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    fn say(&mut self, text: &str) {
        self.stream.write_all(format!("{text}\n").as_bytes()).unwrap();
    }

    /// Says quit and waits until the service has let go.
    fn quit(mut self) {
        self.say("quit");
        assert_eq!(self.line(), "");
    }
}

/// A free port below the range of outgoing connections, which could take it before master does.
fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(21_050);
    loop {
        let port = NEXT.fetch_add(1, Ordering::Relaxed);
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// Held by the running instance: a process forked by another test while a program file is being
/// written would keep it open, and nobody could execute it ("text file busy").
static ONE: Mutex<()> = Mutex::new(());

fn example() -> PathBuf {
    let exe = std::env::current_exe().unwrap();
    exe.parent().and_then(Path::parent).unwrap().join("examples/echo")
}

fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "timed out waiting for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn one_process_serves_its_number_of_uses_as_cyrus_and_then_makes_room() {
    let Some(instance) = Instance::start("prefork=1", "-U 3") else { return };
    let mut pids = Vec::new();
    for _ in 0..8 {
        let (mut talk, pid, uid) = instance.connect();
        assert_ne!(uid, 0, "still root");
        talk.say("hello");
        assert_eq!(talk.line(), "hello");
        talk.quit();
        pids.push(pid);
    }
    // Prefork may put a second process beside the first; none serves more than three.
    let served = |pid: i32| pids.iter().filter(|p| **p == pid).count();
    assert!(pids.iter().all(|pid| served(*pid) <= 3), "{pids:?}");
    assert_eq!(served(pids[0]), 3, "{pids:?}");
    assert!(instance.dir.path().join("conf/socket/echo-0.lock").exists());
}

#[test]
fn three_wait_under_one_accept_lock_and_sighup_replaces_them() {
    let Some(instance) = Instance::start("prefork=3", "") else { return };
    let before =
        wait_for("three processes", || Some(instance.children()).filter(|children| children.len() == 3));
    let (talk, pid, _) = instance.connect();
    assert!(before.contains(&pid));
    // Busy ones are replaced in the ready set: a fourth comes up.
    wait_for("a fourth process", || (instance.children().len() == 4).then_some(()));
    let master = i32::try_from(instance.master.id()).unwrap();
    cyrus_sys::signal::kill(master, 1).unwrap();
    wait_for("the ready ones to be replaced", || {
        let now = instance.children();
        let old = now.iter().filter(|c| before.contains(c)).count();
        (old == 1 && now.len() >= 4).then_some(())
    });
    // The connection survived the signal; its process ends after it.
    talk.quit();
    wait_for("the busy one to end", || (!instance.children().contains(&pid)).then_some(()));
    let (talk, next, _) = instance.connect();
    assert!(!before.contains(&next));
    talk.quit();
}

#[test]
fn a_used_process_ends_after_its_idle_timeout_and_an_unused_one_stays() {
    let Some(instance) = Instance::start("", "-T 1") else { return };
    let (talk, pid, _) = instance.connect();
    talk.quit();
    wait_for("the idle end", || (!instance.children().contains(&pid)).then_some(()));
    let (talk, next, _) = instance.connect();
    assert_ne!(pid, next);
    talk.quit();
}

#[test]
fn a_panic_is_told_to_the_client_and_the_next_one_is_served() {
    let Some(instance) = Instance::start("prefork=1", "") else { return };
    let (mut talk, pid, _) = instance.connect();
    talk.say("panic");
    assert_eq!(talk.line(), "* BYE Fatal error: asked to");
    wait_for("its end", || (!instance.children().contains(&pid)).then_some(()));
    instance.connect().0.quit();
}

#[test]
fn a_new_program_file_ends_waiting_processes() {
    let Some(instance) = Instance::start("", "") else { return };
    // Without prefork: a second process would sit in accept, and the first behind its lock.
    let (talk, pid, _) = instance.connect();
    let program = instance.dir.path().join("echo");
    let new = instance.dir.path().join("echo.new");
    std::fs::copy(&program, &new).unwrap();
    std::fs::rename(&new, &program).unwrap();
    talk.quit();
    wait_for("the old one to notice", || (!instance.children().contains(&pid)).then_some(()));
    let (talk, next, _) = instance.connect();
    assert_ne!(pid, next);
    talk.quit();
}

#[test]
fn sigterm_ends_everything() {
    let Some(mut instance) = Instance::start("prefork=2", "") else { return };
    let (_talk, _, _) = instance.connect();
    let children = instance.children();
    let master = i32::try_from(instance.master.id()).unwrap();
    cyrus_sys::signal::kill(master, 15).unwrap();
    wait_for("the waiting ones to end", || {
        let left = children.iter().filter(|c| Path::new(&format!("/proc/{c}")).exists()).count();
        (left <= 1).then_some(())
    });
    drop(_talk);
    wait_for("master to end", || instance.master.try_wait().unwrap());
}
