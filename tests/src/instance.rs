//! A private installation: own directory, own configuration, own ports, servers of either make.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{Read, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

use crate::imap::Imap;
use crate::lmtp::Lmtp;
use crate::place;
use crate::sieve::Sieve;
use crate::syslog::Syslog;
use crate::wait::wait_for;

/// Whose program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Server {
    /// Debian's Cyrus 3.6.1.
    Oracle,
    /// This project's.
    Ours,
}

/// Which instance to make.
#[derive(Clone, Debug)]
pub struct Builder {
    options: Vec<(String, String)>,
    users: Vec<String>,
    services: BTreeMap<String, Server>,
    default: Server,
    golden: Option<String>,
    prefork: u32,
    notifyd: Option<String>,
}

/// A master with its services, or what is left of it on disk.
#[derive(Debug)]
pub struct Instance {
    dir: Option<tempfile::TempDir>,
    root: PathBuf,
    ports: BTreeMap<String, u16>,
    builder: Builder,
    master: Option<Child>,
    syslog: Option<Syslog>,
    quiet: bool,
}

/// Programs that a master runs; the second service of a kind lets one instance have both makes. Those, ManageSieve,
/// POP3 and smmapd run where the builder names them.
/// `netlmtp` is an lmtpd whose clients must authenticate.
const SERVICES: [&str; 9] = ["imap", "imap2", "lmtp", "lmtp2", "netlmtp", "pop3", "sieve", "sieve2", "smmap"];

fn program(service: &str) -> &str {
    match service {
        "imap" | "imap2" => "imapd",
        "lmtp" | "lmtp2" | "netlmtp" => "lmtpd",
        "sieve" | "sieve2" => "timsieved",
        "pop3" => "pop3d",
        "smmap" => "smmapd",
        other => other,
    }
}

impl Builder {
    /// An instance with all programs from `default`, users `admin` (administrator), `ann`, `bert`, `cleo`,
    /// and `dave` without mailboxes, password `pw`.
    pub fn new(default: Server) -> Self {
        Self {
            options: Vec::new(),
            users: ["admin", "ann", "bert", "cleo", "dave"].map(String::from).to_vec(),
            services: BTreeMap::new(),
            default,
            golden: None,
            prefork: 0,
            notifyd: None,
        }
    }

    /// Sets an option of imapd.conf, or adds it; an empty value takes it out. `@ROOT@` is the instance's directory.
    #[must_use]
    pub fn option(mut self, name: &str, value: &str) -> Self {
        self.options.push((name.into(), value.into()));
        self
    }

    /// Takes the program of `service` (`master`, `imap`, `imap2`, `lmtp`, `lmtp2`, `sieve`, `sieve2`, `idled`, `tools`) from `server`.
    #[must_use]
    pub fn server(mut self, service: &str, server: Server) -> Self {
        self.services.insert(service.into(), server);
        self
    }

    /// Starts from the packed golden instance `g1` or `g2` instead of an empty one.
    #[must_use]
    pub fn golden(mut self, name: &str) -> Self {
        self.golden = Some(name.into());
        self
    }

    /// Runs a notifyd with these arguments on `notifysocket`.
    #[must_use]
    pub fn notifyd(mut self, args: &str) -> Self {
        self.notifyd = Some(args.into());
        self
    }

    /// Adds a user without mailboxes, password `pw`.
    #[must_use]
    pub fn user(mut self, userid: &str) -> Self {
        self.users.push(userid.into());
        self
    }

    /// How many processes each service keeps ready.
    #[must_use]
    pub fn prefork(mut self, n: u32) -> Self {
        self.prefork = n;
        self
    }

    /// Which make runs `service`.
    ///
    /// Services named in `CYRUS_FROM_ORACLE` (words) are lent by the oracle, to find out whose fault a failure is.
    pub fn make_of(&self, service: &str) -> Server {
        let lent = std::env::var("CYRUS_FROM_ORACLE").unwrap_or_default();
        if lent.split_whitespace().any(|word| word == service) {
            return Server::Oracle;
        }
        self.services.get(service).copied().unwrap_or(self.default)
    }

    /// Makes the directory and configuration; starts nothing.
    ///
    /// # Panics
    /// When the machine does not let us.
    pub fn build(self) -> Instance {
        let dir = tempfile::Builder::new().prefix("cyrus-it-").tempdir().expect("temporary directory");
        let mut root = dir.path().to_path_buf();
        std::fs::set_permissions(&root, PermissionsExt::from_mode(0o755)).expect("chmod");
        if let Some(name) = &self.golden {
            let setup = place::shared().expect("shared data").join("golden/setup.sh");
            let out = Command::new("sh").arg(setup).arg(name).arg(&root).output().expect("setup.sh");
            assert!(out.status.success(), "setup.sh {name}: {}", String::from_utf8_lossy(&out.stderr));
            root = root.join(name);
        }
        let mut instance = Instance {
            dir: Some(dir),
            root,
            ports: BTreeMap::new(),
            builder: self,
            master: None,
            syslog: None,
            quiet: false,
        };
        instance.lay_out();
        instance
    }

    /// Makes the instance and starts its master; users' INBOXes are made by the administrator.
    ///
    /// # Panics
    /// When a program is missing or does not come up.
    pub fn start(self) -> Instance {
        let users = if self.golden.is_some() { Vec::new() } else { self.users.clone() };
        let has_slashes =
            self.options.iter().any(|(name, value)| name == "unixhierarchysep" && value == "yes");
        let separator = if has_slashes { '/' } else { '.' };
        let mut instance = self.build();
        instance.start();
        let mut admin = instance.imap_as("imap", "admin");
        for user in users.iter().filter(|u| !matches!(u.as_str(), "admin" | "dave")) {
            admin.ok(&format!("CREATE user{separator}{user}"));
        }
        admin.ok("LOGOUT");
        instance
    }
}

impl Instance {
    /// The instance's directory (`conf/`, `spool/`, `imapd.conf`).
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// What its programs logged; `None` where no private /dev/log can be had.
    pub fn syslog(&self) -> Option<&Syslog> {
        self.syslog.as_ref()
    }

    /// Port of a service.
    ///
    /// # Panics
    /// When there is no such service.
    pub fn port(&self, service: &str) -> u16 {
        *self.ports.get(service).unwrap_or_else(|| panic!("no service {service}"))
    }

    fn lay_out(&mut self) {
        for d in [
            "conf/db",
            "conf/socket",
            "conf/msg",
            "conf/log",
            "conf/proc",
            "conf/ptclient",
            "conf/lock",
            "conf/user",
            "conf/quota",
            "conf/sync",
            "spool",
            "sieve",
            "sock",
            "dev",
            "ours",
            "oracle",
        ] {
            std::fs::create_dir_all(self.root.join(d)).expect("mkdir");
        }
        if self.builder.golden.is_none() {
            let dir = self.root.display();
            let mut options: Vec<(String, String)> = [
                ("configdirectory", format!("{dir}/conf")),
                ("defaultpartition", "default".into()),
                ("partition-default", format!("{dir}/spool")),
                ("sievedir", format!("{dir}/sieve")),
                ("lmtpsocket", format!("{dir}/sock/lmtp")),
                ("idlesocket", format!("{dir}/sock/idle")),
                ("notifysocket", format!("{dir}/sock/notify")),
                ("admins", "admin".into()),
                ("allowplaintext", "yes".into()),
                ("sasl_pwcheck_method", "auxprop".into()),
                ("sasl_auxprop_plugin", "sasldb".into()),
                ("sasl_mech_list", "PLAIN LOGIN".into()),
                ("sasl_sasldb_path", format!("{dir}/sasldb2")),
                ("servername", "mail.example".into()),
                ("syslog_prefix", "it".into()),
                ("hashimapspool", "yes".into()),
                ("altnamespace", "no".into()),
                ("unixhierarchysep", "no".into()),
                ("virtdomains", "off".into()),
                ("failedloginpause", "0".into()),
            ]
            .map(|(k, v)| (k.to_string(), v))
            .to_vec();
            for (name, value) in &self.builder.options {
                options.retain(|(k, _)| k != name);
                options.push((name.clone(), value.clone()));
            }
            self.write_options(&options);
            self.add_passwords();
        } else {
            let text = std::fs::read_to_string(self.root.join("imapd.conf")).expect("golden imapd.conf");
            let mut options: Vec<(String, String)> = text
                .lines()
                .filter_map(|l| l.split_once(':'))
                .map(|(k, v)| (k.trim().to_string(), v.trim().to_string()))
                .collect();
            for (name, value) in &self.builder.options {
                options.retain(|(k, _)| k != name);
                options.push((name.clone(), value.clone()));
            }
            self.write_options(&options);
        }
        if place::is_root() {
            place::own(&self.root);
        }
    }

    fn write_options(&self, options: &[(String, String)]) {
        let mut text = String::new();
        let root = self.root.display().to_string();
        for (name, value) in options.iter().filter(|(_, value)| !value.is_empty()) {
            let _ = writeln!(text, "{name}: {}", value.replace("@ROOT@", &root));
        }
        let _ = writeln!(text, "cyrus_user: {}", place::user());
        if place::is_root() {
            let _ = writeln!(text, "cyrus_group: {}", place::user());
        }
        std::fs::write(self.root.join("imapd.conf"), text).expect("imapd.conf");
    }

    fn add_passwords(&self) {
        for user in &self.builder.users {
            let program =
                ["/usr/sbin/saslpasswd2", "/usr/bin/saslpasswd2"].into_iter().find(|p| Path::new(p).exists());
            let mut child = Command::new(program.expect("saslpasswd2 (package sasl2-bin)"))
                .args(["-p", "-c", "-u", "mail.example", "-f"])
                .arg(self.root.join("sasldb2"))
                .arg(user)
                .stdin(Stdio::piped())
                .stderr(Stdio::null())
                .spawn()
                .expect("saslpasswd2");
            child.stdin.take().expect("pipe").write_all(b"pw").expect("password");
            assert!(child.wait().expect("saslpasswd2").success(), "saslpasswd2 {user}");
        }
    }

    /// Path of a program as the instance's processes see it.
    ///
    /// # Panics
    /// When the program is missing.
    pub fn program(&self, server: Server, name: &str) -> PathBuf {
        let (dir, sub, file) = match server {
            Server::Oracle => {
                let dir = place::oracle().expect("the oracle (make oracle)").join("bin");
                (dir, "oracle/bin", name.to_string())
            }
            Server::Ours => (place::ours(), "ours", place::our_file(name)),
        };
        let path = dir.join(&file);
        assert!(path.exists(), "no program {}", path.display());
        if place::unshare().is_some() { self.root.join(sub).join(file) } else { path }
    }

    /// A command that runs as the instance's user with its /dev/log, in the instance's directory.
    pub fn command(&self, program: &Path) -> Command {
        let mut command;
        if let Some(unshare) = place::unshare() {
            let script = self.root.join("ns-exec.sh");
            if !script.exists() {
                std::fs::write(&script, include_str!("ns-exec.sh")).expect("ns-exec.sh");
            }
            command = Command::new(unshare[0]);
            command.args(&unshare[1..]).arg("sh").arg(script).arg(&self.root);
            command.arg(if place::is_root() { place::user() } else { "-".into() });
            command.arg(place::ours()).arg("ours");
            if let Some(oracle) = place::oracle() {
                command.arg(oracle).arg("oracle");
            }
            command.arg("--").arg(program);
        } else if place::is_root() {
            command = Command::new("setpriv");
            let user = place::user();
            command.arg(format!("--reuid={user}")).arg(format!("--regid={user}")).arg("--init-groups");
            command.arg(program);
        } else {
            command = Command::new(program);
        }
        command.current_dir(&self.root).env("CYRUS_USER", place::user()).env_remove("CYRUS_VERBOSE");
        command.stdin(Stdio::null());
        command
    }

    /// Runs an administrator's program of `server` with `-C imapd.conf` and the arguments, and waits for its end.
    ///
    /// # Panics
    /// When it is missing.
    pub fn tool(&self, server: Server, name: &str, args: &[&str]) -> Output {
        let program = self.program(server, name);
        let mut command = self.command(&program);
        if server == Server::Ours && !place::is_daemon(name) {
            command.arg(name);
        }
        command.arg("-C").arg(self.root.join("imapd.conf")).args(args);
        command.output().unwrap_or_else(|e| panic!("{name}: {e}"))
    }

    /// Writes cyrus.conf with fresh ports, starts the master and waits until every service answers.
    ///
    /// # Panics
    /// When it does not come up.
    pub fn start(&mut self) {
        assert!(self.master.is_none(), "already started");
        if place::unshare().is_some() && self.syslog.is_none() {
            let path = self.root.join("log.sock");
            self.syslog = Some(Syslog::listen(&path).expect("log socket"));
            std::fs::set_permissions(&path, PermissionsExt::from_mode(0o666)).expect("chmod");
        }
        self.write_cyrus_conf();
        let master = self.program(self.builder.make_of("master"), "master");
        let out = std::fs::File::create(self.root.join("master.out")).expect("master.out");
        let mut command = self.command(&master);
        command.arg("-C").arg(self.root.join("imapd.conf"));
        command.arg("-M").arg(self.root.join("cyrus.conf"));
        command.arg("-p").arg(self.root.join("master.pid")).arg("-D");
        command.stdout(out.try_clone().expect("dup")).stderr(out).process_group(0);
        self.master = Some(command.spawn().expect("master"));
        for (service, port) in self.ports.clone() {
            wait_for(&format!("{service} answers on port {port}"), || {
                let died = self.master.as_mut().and_then(|c| c.try_wait().ok().flatten());
                assert!(died.is_none(), "master ended: {died:?}");
                let mut s = TcpStream::connect(("127.0.0.1", port)).ok()?;
                if service == "smmap" {
                    // It waits to be asked.
                    return Some(());
                }
                s.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
                let mut byte = [0];
                (s.read(&mut byte).ok()? == 1).then_some(())
            });
        }
    }

    fn write_cyrus_conf(&mut self) {
        // All sockets are held until all ports are known, so that no two are the same.
        let mut held = Vec::new();
        self.ports.clear();
        let mut services = String::new();
        let conf = self.root.join("imapd.conf");
        for service in SERVICES {
            let always = matches!(service, "imap" | "lmtp");
            if !always && !self.builder.services.contains_key(service) {
                continue;
            }
            let socket = TcpListener::bind("127.0.0.1:0").expect("free port");
            let port = socket.local_addr().expect("address").port();
            held.push(socket);
            self.ports.insert(service.into(), port);
            let program = self.program(self.builder.make_of(service), program(service));
            let preauth = if service.starts_with("lmtp") { " -a" } else { "" };
            let _ = writeln!(
                services,
                "  {service} cmd=\"{} -C {}{preauth}\" listen=\"127.0.0.1:{port}\" proto=\"tcp4\" prefork={}",
                program.display(),
                conf.display(),
                self.builder.prefork
            );
            if service == "lmtp" {
                let _ = writeln!(
                    services,
                    "  lmtpunix cmd=\"{} -C {}\" listen=\"{}/sock/lmtp\" prefork=0",
                    program.display(),
                    conf.display(),
                    self.root.display()
                );
            }
        }
        if let Some(args) = &self.builder.notifyd {
            let program = self.program(self.builder.make_of("notifyd"), "notifyd");
            let (program, conf, root) = (program.display(), conf.display(), self.root.display());
            let _ = writeln!(
                services,
                "  notify cmd=\"{program} -C {conf} {args}\" listen=\"{root}/sock/notify\" proto=\"udp\" prefork=1"
            );
        }
        let tools = self.builder.make_of("tools");
        let recover = self.program(tools, "ctl_cyrusdb");
        let name = if tools == Server::Ours { " ctl_cyrusdb" } else { "" };
        let idled = self.program(self.builder.make_of("idled"), "idled");
        let (recover, conf, idled) = (recover.display(), conf.display(), idled.display());
        let text = format!(
            "START {{\n  recover cmd=\"{recover}{name} -C {conf} -r\"\n}}\nSERVICES {{\n{services}}}\nEVENTS {{\n}}\n\
             DAEMON {{\n  idled cmd=\"{idled} -C {conf}\"\n}}\n"
        );
        std::fs::write(self.root.join("cyrus.conf"), text).expect("cyrus.conf");
    }

    /// Stops the master with SIGTERM and waits for its end.
    ///
    /// # Panics
    /// When it does not end in time.
    pub fn stop(&mut self) {
        if let Some(mut child) = self.master.take() {
            let pid = Pid::from_raw(i32::try_from(child.id()).expect("pid"));
            let _ = kill(pid, Signal::SIGTERM);
            let start = Instant::now();
            loop {
                if let Ok(Some(status)) = child.try_wait() {
                    let fine = status.success() || status.signal() == Some(Signal::SIGTERM as i32);
                    assert!(fine || std::thread::panicking(), "master ended with {status}");
                    return;
                }
                if start.elapsed() > Duration::from_secs(15) {
                    let _ = killpg(pid, Signal::SIGKILL);
                    let _ = child.wait();
                    assert!(std::thread::panicking(), "master did not end on SIGTERM");
                    return;
                }
                std::thread::sleep(Duration::from_millis(10));
            }
        }
    }

    /// Kills master and all its children at once, as a power cut of the processes would.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.master.take() {
            let pid = Pid::from_raw(i32::try_from(child.id()).unwrap_or(i32::MAX));
            let _ = killpg(pid, Signal::SIGKILL);
            let _ = child.wait();
        }
    }

    /// Pids of the processes that serve connections, from `conf/proc`.
    pub fn pids(&self) -> Vec<i32> {
        let entries = std::fs::read_dir(self.root.join("conf/proc")).into_iter().flatten().flatten();
        entries.filter_map(|e| e.file_name().to_str().and_then(|n| n.parse().ok())).collect()
    }

    /// A fresh IMAP connection to `service`, greeting read.
    pub fn imap(&self, service: &str) -> Imap {
        Imap::connect(self.port(service))
    }

    /// An IMAP connection of `user` (password `pw`).
    pub fn imap_as(&self, service: &str, user: &str) -> Imap {
        let mut imap = self.imap(service);
        imap.ok(&format!("LOGIN {user} pw"));
        imap
    }

    /// A fresh ManageSieve connection, greeting read.
    pub fn sieve(&self, service: &str) -> Sieve {
        Sieve::connect(self.port(service))
    }

    /// A fresh LMTP connection, greeting read.
    pub fn lmtp(&self, service: &str) -> Lmtp {
        Lmtp::connect(self.port(service))
    }

    /// Asks the oracle's checkers whether the mailboxes are sound: `reconstruct -n` finds nothing to mend, `quota`
    /// agrees, `chk_cyrus` and `ctl_mboxlist -v` are content.
    ///
    /// # Panics
    /// When one of them complains.
    pub fn check_by_oracle(&self) {
        for (name, args) in [
            ("ctl_mboxlist", &["-v"][..]),
            ("chk_cyrus", &[][..]),
            ("reconstruct", &["-n", "-r", "user.*"][..]),
            ("quota", &["-f", "-n"][..]),
        ] {
            let out = self.tool(Server::Oracle, name, args);
            let text =
                format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
            assert!(out.status.success(), "{name} {args:?}: {}\n{text}", out.status);
            let complaint = text.lines().find(|l| match name {
                "reconstruct" => l.contains(": ") || l.contains(" uid "),
                "chk_cyrus" => !l.starts_with("Examining") && !l.starts_with("checking: ") && !l.is_empty(),
                // The oracle itself calls every mailbox stored by id homeless; only other complaints count.
                "ctl_mboxlist" => !l.is_empty() && !l.contains("has a DB entry but no directory"),
                _ => l.contains("fix") || l.contains("add") || l.contains(" now "),
            });
            assert!(complaint.is_none(), "{name} {args:?} complains: {complaint:?}\n{text}");
        }
    }

    /// Like [`Instance::check_by_oracle`], after a crash: the databases must be sound and no message in doubt, but quota
    /// may have to be counted again, as after the oracle's own crashes.
    ///
    /// # Panics
    /// When one of the checkers complains.
    pub fn check_by_oracle_after_crash(&self) {
        for (name, args) in [("ctl_mboxlist", &["-v"][..]), ("chk_cyrus", &[][..])] {
            let out = self.tool(Server::Oracle, name, args);
            let text =
                format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
            assert!(out.status.success(), "{name} {args:?}: {}\n{text}", out.status);
        }
    }

    /// Keeps the directory after the test.
    pub fn keep(&mut self) -> PathBuf {
        if let Some(dir) = self.dir.take() {
            let _ = dir.keep();
        }
        self.root.clone()
    }

    /// Does not print the log when the test fails (for runs that are meant to).
    pub fn quiet(&mut self) {
        self.quiet = true;
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.stop();
        if let Some(log) = &self.syslog {
            if let Ok(socket) = std::os::unix::net::UnixDatagram::unbound() {
                let _ = socket.send_to(b"quit", self.root.join("log.sock"));
            }
            if std::thread::panicking() && !self.quiet {
                let lines = log.lines();
                for line in lines.iter().skip(lines.len().saturating_sub(60)) {
                    println!("syslog: {line}");
                }
                let out = std::fs::read_to_string(self.root.join("master.out")).unwrap_or_default();
                println!("master's output: {out}");
            }
        }
        if std::thread::panicking() && std::env::var_os("CYRUS_KEEP").is_some() {
            println!("instance kept in {}", self.keep().display());
        }
    }
}
