//! Session ids: `<syslog_prefix or servername>-<time>-<pid>-<n>-<random u64>`.

use cyrus_base::Config;

/// Makes the ids of one process.
#[derive(Debug)]
pub struct SessionIds {
    _todo: (),
}

impl SessionIds {
    /// For this configuration.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let _ = config;
        todo!()
    }

    /// A new id, at the start of a connection. C: session_new_id()
    pub fn next_id(&mut self) -> String {
        todo!()
    }
}
