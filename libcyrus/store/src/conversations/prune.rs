//! Forgetting message ids: those not seen for long, or those of conversations that are gone.

use super::{Conversations, db_error, parse_links};
use crate::error::Result;
use cyrus_base::config::Opt;
use cyrus_util::ids::UnixTime;
use std::collections::BTreeSet;
use std::ops::ControlFlow;

/// What a pruning saw and did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Message ids looked at.
    pub seen: u64,
    /// Message ids removed.
    pub removed: u64,
}

impl Conversations {
    /// Removes the message ids last seen before `mark`, or with `conversations_keep_existing` those
    /// all of whose conversations are gone, however old. C: `conversations_prune()`
    ///
    /// # Errors
    /// `Io`.
    pub fn prune(&mut self, mark: UnixTime) -> Result<Pruned> {
        let known: Option<BTreeSet<u64>> = if self.catalog.config().switch(Opt::ConversationsKeepExisting) {
            Some(self.all(b"B")?.into_iter().filter_map(|(key, _)| cid_of(&key)).collect())
        } else {
            None
        };
        let mut pruned = Pruned::default();
        for (key, value) in self.all(b"<")? {
            pruned.seen += 1;
            // A record that cannot be read is left for a human.
            let Some((cids, stamp)) = parse_links(&value) else { continue };
            let stays = match &known {
                Some(known) => cids.iter().any(|cid| known.contains(cid)),
                None => stamp >= mark.0,
            };
            if !stays {
                self.delete(&key)?;
                pruned.removed += 1;
            }
        }
        Ok(pruned)
    }

    /// Every record whose key begins with `prefix`, with the changes of this transaction.
    pub(super) fn all(&mut self, prefix: &[u8]) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
        let mut found = Vec::new();
        let path = self.db.path();
        self.txn
            .foreach(prefix, |key, value| {
                found.push((key.to_vec(), value.to_vec()));
                ControlFlow::Continue(())
            })
            .map_err(|error| db_error(path, error))?;
        Ok(found)
    }

    /// Every record as `ctl_conversationsdb -d` tells them.
    ///
    /// # Errors
    /// `Io`.
    pub fn dump(&mut self) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
        self.all(b"")
    }

    /// Replaces everything. C: `conversations_truncate()`, `conversations_undump()`
    ///
    /// # Errors
    /// `Io`; nothing is changed as long as it is not committed.
    pub fn replace(&mut self, records: impl IntoIterator<Item = (Vec<u8>, Vec<u8>)>) -> Result<()> {
        for (key, _) in self.all(b"")? {
            self.delete(&key)?;
        }
        for (key, value) in records {
            self.store(&key, &value)?;
        }
        Ok(())
    }
}

/// The conversation of a `B` key.
fn cid_of(key: &[u8]) -> Option<u64> {
    let digits = key.strip_prefix(b"B").filter(|digits| digits.len() == 16)?;
    u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_keys_name_a_conversation() {
        assert_eq!(cid_of(b"B00000000000000ff"), Some(255));
        assert_eq!(cid_of(b"B00ff"), None);
        assert_eq!(cid_of(b"F00000000000000ff"), None);
    }
}
