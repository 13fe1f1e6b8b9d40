//! `-Z`: before each mailbox wait until a file `quota-sync/NAME` appears below the configuration
//! directory, and remove it when the mailbox is counted. So a test can change mailboxes in the middle
//! of a run. C: test_sync_wait(), test_sync_done()
//!
//! The lines are written at the priority C writes them with, that of errors.

use libcyrus::base::config::Config;
use libcyrus::base::log::{self, Priority};
use libcyrus::util::mboxname::MboxName;
use std::ffi::OsStr;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(30);
const STEP: Duration = Duration::from_millis(20);

/// The files of `-Z`.
pub(super) struct Steps {
    directory: PathBuf,
}

impl Steps {
    pub(super) fn new(config: &Config) -> Self {
        Self { directory: config.configdirectory().join("quota-sync") }
    }

    /// Returns when the mailbox may be counted, after half a minute at the latest.
    pub(super) fn wait(&self, name: &MboxName) {
        say(&format!("quota -Z waiting for signal to do {name}"));
        let file = self.file(name);
        let started = Instant::now();
        let mut has_waited = false;
        while is_missing(&file) {
            if started.elapsed() > PATIENCE {
                return say("quota -Z timed out");
            }
            has_waited = true;
            sleep(STEP);
        }
        if has_waited {
            say(&format!("quota -Z waited {:2.3} sec", started.elapsed().as_secs_f64()));
        } else {
            say("quota -Z did not wait");
        }
    }

    pub(super) fn done(&self, name: &MboxName) {
        say(&format!("quota -Z done with {name}"));
        // Missing when the patience was at its end.
        let _ = fs::remove_file(self.file(name));
    }

    fn file(&self, name: &MboxName) -> PathBuf {
        self.directory.join(OsStr::from_bytes(name.as_bytes()))
    }
}

fn is_missing(file: &Path) -> bool {
    matches!(fs::metadata(file), Err(error) if error.kind() == ErrorKind::NotFound)
}

fn say(text: &str) {
    log::write(Priority::Err, format_args!("{text}"));
}
