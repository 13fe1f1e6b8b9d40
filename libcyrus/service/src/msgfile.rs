//! `msg/shutdown`, `msg/shutdown.<service>` and `msg/motd`: words of the administrator to all
//! clients. Absent files are looked for at most once a second.

use cyrus_base::Config;

/// Looks for the files with a memory of one second.
#[derive(Debug)]
pub struct MsgFiles {
    _todo: (),
}

impl MsgFiles {
    /// For the service of this configuration.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let _ = config;
        todo!()
    }

    /// First line of the shutdown file when there is one (perhaps empty): say it and end. C: shutdown_file()
    pub fn shutdown(&mut self) -> Option<Vec<u8>> {
        todo!()
    }

    /// First line of `msg/motd`, for an ALERT after login, without `[`s at its start, at most 1023 octets.
    #[must_use]
    pub fn motd(&self) -> Option<Vec<u8>> {
        todo!()
    }
}
