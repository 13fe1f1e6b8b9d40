//! Who waits for which mailbox. No socket in sight; time is handed in.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Idling clients by mailbox. Its size is bounded: what nobody ends is forgotten in time, and
/// beyond [`Table::capacity`] nobody is taken in.
#[derive(Debug)]
pub struct Table {
    by_mailbox: HashMap<Vec<u8>, Vec<Idler>>,
    count: usize,
    capacity: usize,
    timeout_s: u64,
}

#[derive(Debug)]
struct Idler {
    remote: PathBuf,
    since_s: u64,
}

/// The table is full.
#[derive(Debug, PartialEq, Eq)]
pub struct Full;

impl Table {
    /// An empty table whose clients are forgotten after so many seconds.
    pub fn new(timeout_s: u64, capacity: usize) -> Self {
        Self { by_mailbox: HashMap::new(), count: 0, capacity, timeout_s }
    }

    /// How many clients it takes.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// How many clients wait, one on two mailboxes counted twice.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Nobody waits.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// A client idles on a mailbox; said again, its time starts anew.
    ///
    /// # Errors
    /// [`Full`] when there is no room even without those whose time is over.
    pub fn init(&mut self, mailbox: &[u8], remote: &Path, now_s: u64) -> Result<(), Full> {
        if let Some(idler) =
            self.by_mailbox.get_mut(mailbox).and_then(|l| l.iter_mut().find(|i| i.remote == remote))
        {
            idler.since_s = now_s;
            return Ok(());
        }
        if self.count >= self.capacity {
            self.expire(now_s);
            if self.count >= self.capacity {
                return Err(Full);
            }
        }
        let idler = Idler { remote: remote.to_owned(), since_s: now_s };
        self.by_mailbox.entry(mailbox.to_vec()).or_default().push(idler);
        self.count += 1;
        Ok(())
    }

    /// A client does not idle on the mailbox any more.
    pub fn done(&mut self, mailbox: &[u8], remote: &Path) {
        let Some(list) = self.by_mailbox.get_mut(mailbox) else { return };
        let before = list.len();
        list.retain(|i| i.remote != remote);
        self.count -= before - list.len();
        if list.is_empty() {
            self.by_mailbox.remove(mailbox);
        }
    }

    /// Who idles on the mailbox, youngest first; those whose time is over are forgotten.
    pub fn idlers(&mut self, mailbox: &[u8], now_s: u64) -> Vec<PathBuf> {
        let timeout_s = self.timeout_s;
        let Some(list) = self.by_mailbox.get_mut(mailbox) else { return Vec::new() };
        let before = list.len();
        list.retain(|i| now_s.saturating_sub(i.since_s) <= timeout_s);
        self.count -= before - list.len();
        let found: Vec<_> = list.iter().rev().map(|i| i.remote.clone()).collect();
        if found.is_empty() {
            self.by_mailbox.remove(mailbox);
        }
        found
    }

    /// Forgets everybody whose time is over.
    pub fn expire(&mut self, now_s: u64) {
        let timeout_s = self.timeout_s;
        let mut left = 0;
        self.by_mailbox.retain(|_, list| {
            list.retain(|i| now_s.saturating_sub(i.since_s) <= timeout_s);
            left += list.len();
            !list.is_empty()
        });
        self.count = left;
    }

    /// Everybody, each client once.
    pub fn everybody(&self) -> Vec<PathBuf> {
        let mut all: Vec<_> = self.by_mailbox.values().flatten().map(|i| i.remote.clone()).collect();
        all.sort();
        all.dedup();
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn p(name: &str) -> &Path {
        Path::new(name)
    }

    #[test]
    fn init_notify_done() {
        let mut table = Table::new(1800, 10);
        table.init(b"user.a", p("/1"), 0).expect("room");
        table.init(b"user.a", p("/2"), 0).expect("room");
        table.init(b"user.b", p("/1"), 0).expect("room");
        assert_eq!(table.idlers(b"user.a", 1), [p("/2"), p("/1")]);
        assert_eq!(table.everybody(), [p("/1"), p("/2")]);
        table.done(b"user.a", p("/1"));
        table.done(b"user.a", p("/9"));
        table.done(b"user.z", p("/1"));
        assert_eq!(table.idlers(b"user.a", 1), [p("/2")]);
        assert_eq!(table.len(), 2);
    }

    #[test]
    fn said_twice_it_waits_once_and_done_ends_it() {
        let mut table = Table::new(1800, 10);
        table.init(b"m", p("/1"), 0).expect("room");
        table.init(b"m", p("/1"), 1000).expect("room");
        assert_eq!(table.idlers(b"m", 2500), [p("/1")], "the time started anew");
        table.done(b"m", p("/1"));
        assert!(table.is_empty());
    }

    #[test]
    fn after_the_timeout_it_is_forgotten() {
        let mut table = Table::new(1800, 10);
        table.init(b"m", p("/1"), 0).expect("room");
        assert_eq!(table.idlers(b"m", 1800).len(), 1);
        assert_eq!(table.idlers(b"m", 1801).len(), 0);
        assert!(table.is_empty());
    }

    #[test]
    fn a_full_table_takes_nobody_until_somebody_is_forgotten() {
        let mut table = Table::new(1800, 2);
        table.init(b"m", p("/1"), 0).expect("room");
        table.init(b"n", p("/1"), 1000).expect("room");
        assert_eq!(table.init(b"o", p("/1"), 1001), Err(Full));
        assert_eq!(table.init(b"n", p("/1"), 1001), Ok(()), "known ones stay");
        assert_eq!(table.init(b"o", p("/1"), 1801), Ok(()));
        assert_eq!(table.len(), 2);
    }

    /// Any sequence of words keeps the count true and never keeps more than its capacity.
    #[test]
    fn the_count_is_true_whatever_is_said() {
        let mut table = Table::new(50, 20);
        let mut state = 88_172_645_463_325_252_u64;
        for now_s in 0..5000 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let mailbox = [b'a' + (state % 7).to_le_bytes()[0]];
            let remote = PathBuf::from(format!("/{}", (state >> 8) % 6));
            match (state >> 16) % 4 {
                0 | 1 => drop(table.init(&mailbox, &remote, now_s)),
                2 => table.done(&mailbox, &remote),
                _ => drop(table.idlers(&mailbox, now_s)),
            }
            let true_count: usize = table.by_mailbox.values().map(Vec::len).sum();
            assert_eq!(table.len(), true_count);
            assert!(true_count <= 20 && table.by_mailbox.values().all(|l| !l.is_empty()));
        }
    }
}
