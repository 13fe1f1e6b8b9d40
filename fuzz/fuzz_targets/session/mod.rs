//! A whole session of a service in this process: what the client says is the input, over a socket pair, against a small
//! installation in memory. There `ann` has three messages and an active script; a PLAIN login takes any password, for other
//! mechanisms hers is `pw`.

use cyrus_base::Config;
use cyrus_service::{Connection, Program};
use cyrus_store::append::{AppendParams, AppendTxn, QuotaCheck, Stage};
use cyrus_store::lock::{Mode, Wait};
use cyrus_store::mailbox::Mailbox;
use cyrus_store::mboxlist::{Actor, DeleteHow, NewMailbox};
use cyrus_store::{Catalog, Store};
use cyrus_timsieved::process::Timsieved;
use cyrus_util::mboxname::MboxName;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

/// After so many sessions the mailboxes are made anew, for they only grow or only shrink.
const FRESH: u32 = 200;
/// What may be answered to nothing, and to each octet: an answer never repeats more than a folder or a script.
const ANSWER_BASE: usize = 256 * 1024;
const ANSWER_PER_OCTET: usize = 4096;

const MESSAGE: &[u8] = b"From: Ed <ed@example.org>\r\nTo: ann@mail.example\r\nSubject: first\r\n\
    Message-ID: <1@example.org>\r\n\r\nOne.\r\n.Two.\r\n..\r\n";

/// What messages to `ann` pass.
const SCRIPT: &str = "require [\"fileinto\",\"mailbox\",\"imap4flags\",\"variables\",\"relational\",\"editheader\",\"reject\"];\r\n\
    if header :matches \"subject\" \"*box*\" { set \"n\" \"${2}\"; fileinto :create \"INBOX.${n}\"; }\r\n\
    if address :contains [\"from\",\"to\"] \"x\" { addflag \"\\\\Flagged\"; addheader \"X-Was\" \"${n}\"; }\r\n\
    if header :value \"gt\" \"x-n\" \"5\" { discard; } elsif size :over 2K { reject \"large\"; }\r\n";

/// What every session begins with, and how the client comes.
#[derive(Clone, Copy)]
pub struct Beginning {
    said: &'static [u8],
    is_net: bool,
}

/// Over a unix socket.
pub const fn unix(said: &'static [u8]) -> Beginning {
    Beginning { said, is_net: false }
}

/// Over TCP.
#[allow(dead_code, reason = "not every target has such clients")]
pub const fn net(said: &'static [u8]) -> Beginning {
    Beginning { said, is_net: true }
}

/// An installation and the program that serves it.
pub struct Host<P> {
    program: P,
    config: Arc<Config>,
    catalog: Arc<Catalog>,
    store: Arc<Store>,
    sessions: u32,
    dir: Dir,
}

struct Dir(PathBuf);

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl<P: Program> Host<P> {
    /// Makes the installation and starts the program.
    pub fn start() -> Self {
        let base = Path::new("/dev/shm");
        let base = if base.is_dir() { base.to_path_buf() } else { std::env::temp_dir() };
        let dir = Dir(base.join(format!("cyrus-fuzz-{}", std::process::id())));
        let root = dir.0.display();
        for sub in ["conf/db", "conf/quota", "conf/proc", "conf/msg", "conf/log", "spool", "sieve"] {
            std::fs::create_dir_all(dir.0.join(sub)).expect("directory");
        }
        let text = format!(
            "configdirectory: {root}/conf\npartition-default: {root}/spool\ndefaultpartition: default\n\
             sievedir: {root}/sieve\nadmins: admin\nallowplaintext: yes\nallowapop: yes\nfailedloginpause: 0\n\
             sasl_pwcheck_method: alwaystrue\nsasl_mech_list: PLAIN LOGIN CRAM-MD5 DIGEST-MD5\n\
             sasl_auxprop_plugin: sasldb\nsasl_sasldb_path: {root}/sasldb2\nservername: mail.example\n\
             sendmail: /bin/true\nmaxmessagesize: 1000000\nsieve_maxscriptsize: 32\nautocreate_quota: -1\n\
             virtdomains: userid\ndefaultdomain: mail.example\n"
        );
        std::fs::write(dir.0.join("imapd.conf"), text).expect("configuration");
        add_password(&dir.0.join("sasldb2"));
        let config = Arc::new(Config::load(Some(&dir.0.join("imapd.conf")), "fuzz").expect("configuration"));
        let program = P::start(Arc::clone(&config), &[]).unwrap_or_else(|fatal| panic!("{}", fatal.text));
        let catalog = Arc::new(Catalog::new(Arc::clone(&config)));
        let store = Arc::new(Store::open(Arc::clone(&catalog)));
        let host = Self { program, config, catalog, store, sessions: 0, dir };
        host.make_mailboxes();
        host.put_script();
        host
    }

    /// One session of a client that says `rest` after a beginning and hears the answer to its end.
    pub fn serve(&mut self, beginning: Beginning, rest: &[u8]) {
        self.sessions += 1;
        if self.sessions % FRESH == 0 {
            self.make_mailboxes();
            self.copy_scripts("kept", "sieve");
        }
        let input = [beginning.said, rest].concat();
        let said = input.len();
        let heard = converse(&mut self.program, beginning.is_net, input).len();
        assert!(heard <= ANSWER_BASE + said * ANSWER_PER_OCTET, "{heard} octets answered to {said}");
    }

    /// Once only, before the program has a client: libsasl2 asks the first service of a process who may log in.
    fn put_script(&self) {
        let mut timsieved =
            Timsieved::start(Arc::clone(&self.config), &[]).unwrap_or_else(|f| panic!("{}", f.text));
        let octets = SCRIPT.len();
        let said = format!(
            "AUTHENTICATE \"PLAIN\" \"AGFubgBwdw==\"\r\nPUTSCRIPT \"s\" {{{octets}+}}\r\n{SCRIPT}\r\nSETACTIVE \"s\"\r\n"
        );
        let heard = converse(&mut timsieved, true, said.into_bytes());
        let heard = String::from_utf8_lossy(&heard);
        assert!(!heard.contains("NO ") && heard.matches("OK").count() >= 4, "{heard}");
        self.copy_scripts("sieve", "kept");
    }

    /// Makes the directory `to` what the directory `from` is.
    fn copy_scripts(&self, from: &str, to: &str) {
        let to = self.dir.0.join(to);
        let _ = std::fs::remove_dir_all(&to);
        let copied = Command::new("cp").arg("-a").arg(self.dir.0.join(from)).arg(to).status();
        assert!(copied.is_ok_and(|status| status.success()), "cp");
    }

    fn make_mailboxes(&self) {
        let actor = Actor::Tool(cyrus_auth::Granted::admin("fuzz"));
        let lock = self.store.lock_owner(Some(b"ann"), Mode::Exclusive).expect("lock");
        for name in ["user.ann.sub", "user.ann.#sieve", "user.ann"] {
            let name = MboxName::from(name);
            let _ = self.catalog.delete_mailbox(&self.store, &lock, &actor, &name, DeleteHow::Immediately);
        }
        for name in ["user.ann", "user.ann.sub"] {
            let new = NewMailbox::named(MboxName::from(name));
            let _ = self.catalog.create_mailbox(&self.store, &lock, &actor, &new);
        }
        let entry = self.catalog.lookup(&MboxName::from("user.ann")).expect("entry");
        let location = self.catalog.location(&entry).expect("location");
        let mut mailbox =
            Mailbox::open(&self.store, &lock, location, Mode::Shared, Wait::Block).expect("open");
        let root = mailbox.location().partition_root.clone();
        let index = mailbox.lock_index(&lock, Mode::Exclusive).expect("index");
        let mut txn = AppendTxn::begin(index, b"ann", QuotaCheck::Skip).expect("append");
        for _ in 0..3 {
            let mut stage = Stage::create(&self.store, &root).expect("stage");
            stage.write(MESSAGE).expect("write");
            txn.add(&stage.finish().expect("message"), &AppendParams::default()).expect("add");
        }
        txn.commit().expect("commit");
    }
}

/// Serves a client who says `input` and hangs up; gives what was answered.
fn converse<P: Program>(program: &mut P, is_net: bool, input: Vec<u8>) -> Vec<u8> {
    let (ours, theirs) = UnixStream::pair().expect("socket pair");
    let mut speaker = theirs.try_clone().expect("dup");
    let speaks = std::thread::spawn(move || {
        // The server may have hung up.
        let _ = speaker.write_all(&input);
        let _ = speaker.shutdown(Shutdown::Write);
    });
    let hears = std::thread::spawn(move || {
        let mut answer = Vec::new();
        let _ = (&theirs).read_to_end(&mut answer);
        answer
    });
    let address = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let addresses = is_net.then(|| (address(2000), address(40_000)));
    let clienthost = if is_net { "localhost [127.0.0.1]" } else { "[unix socket]" }.to_owned();
    program.serve(Connection { fd: ours.into(), addresses, clienthost });
    speaks.join().expect("speaker");
    hears.join().expect("listener")
}

/// `ann`'s password for APOP, CRAM-MD5 and DIGEST-MD5; without saslpasswd2 they are only refused.
fn add_password(sasldb: &Path) {
    let mut command = Command::new("saslpasswd2");
    command.args(["-p", "-c", "-u", "mail.example", "-f"]).arg(sasldb).arg("ann").stdin(Stdio::piped());
    let Ok(mut child) = command.spawn() else { return };
    child.stdin.take().expect("pipe").write_all(b"pw").expect("password");
    assert!(child.wait().expect("saslpasswd2").success(), "saslpasswd2");
}

/// Makes the target of a service: the first octet of the input chooses how the session begins.
#[macro_export]
macro_rules! session_target {
    ($program:ty, $beginnings:expr) => {
        libfuzzer_sys::fuzz_target!(|input: &[u8]| {
            const BEGINNINGS: &[session::Beginning] = $beginnings;
            thread_local! {
                static HOST: std::cell::RefCell<Option<session::Host<$program>>> =
                    const { std::cell::RefCell::new(None) };
            }
            let Some((&first, rest)) = input.split_first() else { return };
            let beginning = BEGINNINGS[usize::from(first) % BEGINNINGS.len()];
            HOST.with_borrow_mut(|host| {
                host.get_or_insert_with(|| session::Host::start()).serve(beginning, rest);
            });
        });
    };
}
