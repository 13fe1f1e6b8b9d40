//! Every process the master has started and not yet forgotten.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use crate::status::State;

/// What a child was started for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// A timed job.
    Event,
    /// A service or daemon: its slot.
    Service(usize),
    /// A wait daemon: its slot.
    WaitDaemon(usize),
}

/// One child.
#[derive(Debug)]
pub struct Child {
    /// Where it stands.
    pub state: State,
    /// What it belongs to.
    pub owner: Owner,
    /// When SIGHUP was sent to it and not yet remarked on.
    pub sighup_at: Option<Duration>,
    desc: String,
    spawned_at: Duration,
    forget_at: Option<Duration>,
}

impl Child {
    /// A child just started; `kind` is `SERVICE`, `DAEMON`, `EVENT` or `START`.
    pub fn new(owner: Owner, kind: &str, name: &str, path: &Path, now: Duration) -> Self {
        Self {
            state: State::Ready,
            owner,
            sighup_at: None,
            desc: format!("type:{kind} name:{name} path:{}", path.display()),
            spawned_at: now,
            forget_at: None,
        }
    }

    /// What log lines call it.
    pub fn describe(&self, pid: i32, now: Duration) -> String {
        let age = now.saturating_sub(self.spawned_at).as_secs_f64();
        format!("process {} age:{age:.3}s pid:{pid}", self.desc)
    }

    /// It was reaped: remembered a little longer, because words of it may still be in the pipe.
    pub fn bury(&mut self, now: Duration) {
        self.state = State::Dead;
        self.forget_at = Some(now + REMEMBERED);
    }
}

/// Children by pid.
#[derive(Debug, Default)]
pub struct Children {
    by_pid: HashMap<i32, Child>,
    swept_at: Duration,
}

impl Children {
    /// Adds a child; one that died under the same pid is forgotten.
    pub fn add(&mut self, pid: i32, child: Child) {
        self.by_pid.insert(pid, child);
    }

    /// The child of this pid.
    pub fn find(&mut self, pid: i32) -> Option<&mut Child> {
        self.by_pid.get_mut(&pid)
    }

    /// All living children.
    pub fn living(&mut self) -> impl Iterator<Item = (i32, &mut Child)> {
        self.by_pid.iter_mut().filter(|(_, c)| c.state != State::Dead).map(|(pid, c)| (*pid, c))
    }

    /// The janitor: forgets the long dead, at most `per_second` times a second, and hands over the
    /// children that have not ended half a minute after SIGHUP, each once. C: child_janitor()
    pub fn sweep(&mut self, now: Duration, per_second: u32) -> Vec<(i32, Owner, State, u64)> {
        let mut late = Vec::new();
        if now.saturating_sub(self.swept_at) < Duration::from_secs(1) / per_second.max(1) {
            return late;
        }
        self.swept_at = now;
        self.by_pid.retain(|_, child| child.forget_at.is_none_or(|at| now <= at));
        for (pid, child) in self.living() {
            let waited = child.sighup_at.map(|at| now.saturating_sub(at).as_secs());
            if let Some(seconds) = waited.filter(|s| *s >= SIGHUP_PATIENCE_S) {
                child.sighup_at = None;
                late.push((pid, child.owner, child.state, seconds));
            }
        }
        late
    }

    /// How many are remembered, dead ones too.
    pub fn len(&self) -> usize {
        self.by_pid.len()
    }

    /// No child is remembered.
    pub fn is_empty(&self) -> bool {
        self.by_pid.is_empty()
    }
}

const REMEMBERED: Duration = Duration::from_secs(2);
const SIGHUP_PATIENCE_S: u64 = 30;

#[cfg(test)]
mod tests {
    use super::*;

    fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn child(now: Duration) -> Child {
        Child::new(Owner::Service(0), "SERVICE", "imap", Path::new("/x/imapd"), now)
    }

    #[test]
    fn described_as_the_original_does() {
        let text = child(s(1)).describe(77, Duration::from_millis(2234));
        assert_eq!(text, "process type:SERVICE name:imap path:/x/imapd age:1.234s pid:77");
    }

    #[test]
    fn the_dead_are_forgotten_after_two_seconds() {
        let mut children = Children::default();
        children.add(1, child(s(0)));
        children.add(2, child(s(0)));
        children.find(1).expect("child").bury(s(10));
        children.sweep(s(12), 1);
        assert_eq!(children.len(), 2);
        children.sweep(s(13), 1);
        assert_eq!(children.len(), 1);
        assert!(children.find(2).is_some());
    }

    #[test]
    fn sweeps_keep_to_their_frequency() {
        let mut children = Children::default();
        children.sweep(s(5), 2);
        children.add(1, child(s(0)));
        children.find(1).expect("child").bury(s(0));
        children.sweep(s(5) + Duration::from_millis(400), 2);
        assert_eq!(children.len(), 1);
        children.sweep(s(5) + Duration::from_millis(500), 2);
        assert!(children.is_empty());
    }

    #[test]
    fn who_outlives_sighup_is_named_once() {
        let mut children = Children::default();
        children.add(1, child(s(0)));
        children.find(1).expect("child").sighup_at = Some(s(10));
        assert!(children.sweep(s(39), 1).is_empty());
        assert_eq!(children.sweep(s(41), 1), [(1, Owner::Service(0), State::Ready, 31)]);
        assert!(children.sweep(s(50), 1).is_empty());
    }
}
