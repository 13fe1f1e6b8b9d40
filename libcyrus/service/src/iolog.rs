//! `iolog`: the octets that a session made the disks read and write. C: lib/iostat.c

use cyrus_base::log::{self, Priority};
use cyrus_base::{Config, Opt};

/// What the disks did for this process so far, in octets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    read: u64,
    written: u64,
}

impl Counts {
    fn now() -> Option<Self> {
        std::fs::read_to_string("/proc/self/io").ok().map(|text| Self::parse(&text))
    }

    /// From the lines `read_bytes: N` and `write_bytes: N` of /proc/self/io; what is missing is 0.
    fn parse(text: &str) -> Self {
        let field = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            line.and_then(|number| number.trim().parse().ok()).unwrap_or_default()
        };
        Self { read: field("read_bytes"), written: field("write_bytes") }
    }
}

/// The counts at the start of a session; nothing where `iolog` is off.
#[derive(Debug)]
pub(crate) struct IoLog {
    protocol: &'static str,
    start: Counts,
}

impl IoLog {
    /// Notes where a session of this protocol starts.
    pub(crate) fn start(config: &Config, protocol: Option<&'static str>) -> Option<Self> {
        let protocol = protocol.filter(|_| config.switch(Opt::Iolog))?;
        let start = Counts::now();
        if start.is_none() {
            log::write(Priority::Err, format_args!("IOERROR: opening file /proc/self/io"));
            log::write(Priority::Err, format_args!("I/O log has been deactivated"));
        }
        Some(Self { protocol, start: start? })
    }

    /// Logs what the session did.
    pub(crate) fn tell(self) {
        let Some(stop) = Counts::now() else { return };
        log::write(
            Priority::Info,
            format_args!(
                "{} session stats : I/O read : {} bytes : I/O write : {} bytes",
                self.protocol,
                stop.read.saturating_sub(self.start.read),
                stop.written.saturating_sub(self.start.written)
            ),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_those_of_the_disks() {
        let text = "rchar: 3000\nwchar: 12\nsyscr: 1\nsyscw: 2\nread_bytes: 4096\nwrite_bytes: 8192\n\
                    cancelled_write_bytes: 7\n";
        assert_eq!(Counts::parse(text), Counts { read: 4096, written: 8192 });
        assert_eq!(Counts::parse("read_bytes: x\n"), Counts::default());
    }
}
