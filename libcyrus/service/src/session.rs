//! Session ids: `<syslog_prefix or servername>-<time>-<pid>-<n>-<random u64>`.

use cyrus_base::{Config, Opt};
use cyrus_sys::time;

/// Makes the ids of one process.
#[derive(Debug)]
pub struct SessionIds {
    base: String,
    second: i64,
    count: u32,
}

impl SessionIds {
    /// For this configuration.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let base = config.string(Opt::SyslogPrefix).unwrap_or(config.servername());
        Self { base: base.chars().take(128).collect(), second: 0, count: 0 }
    }

    /// A new id, at the start of a connection. C: session_new_id()
    pub fn next_id(&mut self) -> String {
        let now = time::now();
        if now != self.second {
            self.second = now;
            self.count = 0;
        }
        self.count += 1;
        format!("{}-{now}-{}-{}-{}", self.base, std::process::id(), self.count, random())
    }
}

fn random() -> u64 {
    let mut octets = [0; 8];
    match cyrus_sys::random::fill(&mut octets) {
        Ok(()) => u64::from_ne_bytes(octets),
        // Ids must differ, not be secret: the clock does.
        Err(_) => u64::from(time::since_epoch().1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_differ_and_count_within_a_second() {
        let mut ids = SessionIds { base: "cyrus".to_owned(), second: 0, count: 0 };
        let (one, two) = (ids.next_id(), ids.next_id());
        assert_ne!(one, two);
        let fields: Vec<_> = one.split('-').collect();
        assert_eq!(fields.len(), 5);
        assert_eq!((fields[0], fields[3]), ("cyrus", "1"));
        assert_eq!(fields[2], std::process::id().to_string());
    }
}
