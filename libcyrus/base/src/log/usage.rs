//! The line that tells what a user's session cost.

use super::{Priority, printable, write};
use cyrus_sys::process::cpu_times;
use std::time::Duration;

/// CPU time told so far by this process.
#[derive(Clone, Copy, Debug, Default)]
pub struct Usage {
    user: Duration,
    system: Duration,
}

impl Usage {
    /// `USAGE USERID user: S sys: S`: what the process used since the last such line.
    /// C: telemetry_rusage()
    pub fn tell(&mut self, userid: &[u8]) {
        if userid.is_empty() {
            return;
        }
        let (user, system) = cpu_times();
        let since = |now: Duration, before: Duration| {
            let used = now.saturating_sub(before);
            format!("{}.{:06}", used.as_secs(), used.subsec_micros())
        };
        let (shown, told) = (printable(userid, 256), (since(user, self.user), since(system, self.system)));
        write(Priority::Notice, format_args!("USAGE {shown} user: {} sys: {}", told.0, told.1));
        *self = Self { user, system };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::capture;

    #[test]
    fn the_line_has_cs_form() {
        let mut usage = Usage::default();
        let ((), lines) = capture(|| usage.tell(b"ann"));
        let text = lines.first().map(|(_, text)| text.as_str()).unwrap_or_default();
        let mut words = text.split(' ');
        assert_eq!(words.next(), Some("USAGE"));
        assert_eq!(words.next(), Some("ann"));
        assert_eq!(words.next(), Some("user:"));
        assert_eq!(words.next().and_then(|number| number.split_once('.')).map(|(_, us)| us.len()), Some(6));
        assert!(capture(|| usage.tell(b"")).1.is_empty());
    }
}
