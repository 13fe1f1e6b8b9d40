//! A whole session of a service in this process: what the client says is the input, over a socket pair, against a small
//! installation in memory.

use cyrus_base::Config;
use cyrus_service::{Connection, Program};
use cyrus_store::append::{AppendParams, AppendTxn, QuotaCheck, Stage};
use cyrus_store::lock::{Mode, Wait};
use cyrus_store::mailbox::Mailbox;
use cyrus_store::mboxlist::{Actor, DeleteHow, NewMailbox};
use cyrus_store::{Catalog, Store};
use cyrus_util::mboxname::MboxName;
use std::ffi::OsString;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// After so many sessions the mailboxes are made anew, for they only grow or only shrink.
const FRESH: u32 = 200;
/// What may be answered to nothing, and to each octet: an answer never repeats more than a folder or a script.
const ANSWER_BASE: usize = 256 * 1024;
const ANSWER_PER_OCTET: usize = 4096;

const MESSAGE: &[u8] = b"From: Ed <ed@example.org>\r\nTo: ann@mail.example\r\nSubject: first\r\n\
    Message-ID: <1@example.org>\r\n\r\nOne.\r\n.Two.\r\n..\r\n";

/// An installation and the program that serves it.
pub struct Host<P> {
    program: P,
    catalog: Arc<Catalog>,
    store: Arc<Store>,
    sessions: u32,
    _dir: Dir,
}

struct Dir(PathBuf);

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl<P: Program> Host<P> {
    /// Makes the installation and starts the program with `args`.
    pub fn start(args: &[&str]) -> Self {
        let base = Path::new("/dev/shm");
        let base = if base.is_dir() { base.to_path_buf() } else { std::env::temp_dir() };
        let dir = Dir(base.join(format!("cyrus-fuzz-{}", std::process::id())));
        let root = dir.0.display();
        for sub in ["conf/db", "conf/quota", "conf/proc", "conf/msg", "conf/log", "spool", "sieve"] {
            std::fs::create_dir_all(dir.0.join(sub)).expect("directory");
        }
        let text = format!(
            "configdirectory: {root}/conf\npartition-default: {root}/spool\ndefaultpartition: default\n\
             sievedir: {root}/sieve\nadmins: admin\nallowplaintext: yes\nallowapop: no\nfailedloginpause: 0\n\
             sasl_pwcheck_method: alwaystrue\nsasl_mech_list: PLAIN LOGIN\nservername: mail.example\n\
             sendmail: /bin/true\nmaxmessagesize: 1000000\nsieve_maxscriptsize: 32\nautocreate_quota: -1\n\
             virtdomains: userid\ndefaultdomain: mail.example\n"
        );
        std::fs::write(dir.0.join("imapd.conf"), text).expect("configuration");
        let config = Arc::new(Config::load(Some(&dir.0.join("imapd.conf")), "fuzz").expect("configuration"));
        let args: Vec<OsString> = args.iter().map(OsString::from).collect();
        let program = P::start(Arc::clone(&config), &args).unwrap_or_else(|fatal| panic!("{}", fatal.text));
        let catalog = Arc::new(Catalog::new(config));
        let store = Arc::new(Store::open(Arc::clone(&catalog)));
        Self { program, catalog, store, sessions: 0, _dir: dir }
    }

    /// One session of a client that says all of `parts` and hears the answer to its end.
    pub fn serve(&mut self, parts: &[&[u8]]) {
        if self.sessions % FRESH == 0 {
            self.make_mailboxes();
        }
        self.sessions += 1;
        let said: usize = parts.iter().map(|part| part.len()).sum();
        let (ours, theirs) = UnixStream::pair().expect("socket pair");
        let input = parts.concat();
        let mut speaker = theirs.try_clone().expect("dup");
        let speaks = std::thread::spawn(move || {
            // The server may have hung up.
            let _ = speaker.write_all(&input);
            let _ = speaker.shutdown(Shutdown::Write);
        });
        let hears = std::thread::spawn(move || {
            let mut answer = Vec::new();
            let _ = (&theirs).read_to_end(&mut answer);
            answer.len()
        });
        let connection =
            Connection { fd: ours.into(), addresses: None, clienthost: "[unix socket]".to_owned() };
        self.program.serve(connection);
        speaks.join().expect("speaker");
        let heard = hears.join().expect("listener");
        assert!(heard <= ANSWER_BASE + said * ANSWER_PER_OCTET, "{heard} octets answered to {said}");
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

/// Makes the target of a service: the first octet of the input chooses how the session begins.
#[macro_export]
macro_rules! session_target {
    ($program:ty, $args:expr, $beginnings:expr) => {
        libfuzzer_sys::fuzz_target!(|input: &[u8]| {
            const BEGINNINGS: &[&[u8]] = $beginnings;
            thread_local! {
                static HOST: std::cell::RefCell<Option<session::Host<$program>>> =
                    const { std::cell::RefCell::new(None) };
            }
            let Some((&first, rest)) = input.split_first() else { return };
            let beginning = BEGINNINGS[usize::from(first) % BEGINNINGS.len()];
            HOST.with_borrow_mut(|host| {
                host.get_or_insert_with(|| session::Host::start($args)).serve(&[beginning, rest]);
            });
        });
    };
}
