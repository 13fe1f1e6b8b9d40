//! How full a file system is, and the names of owners.

use std::io;
use std::path::Path;

/// A file system in its own blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// Which file system it is.
    pub id: u64,
    /// Octets of a block.
    pub block_octets: u64,
    /// Blocks there are.
    pub blocks: u64,
    /// Blocks nobody uses.
    pub free: u64,
    /// Of these the ones that anybody may use.
    pub available: u64,
}

impl Space {
    /// What anybody may use, in KiB.
    #[must_use]
    pub fn available_kib(&self) -> u64 {
        self.kib(self.available)
    }

    /// All there is, in KiB.
    #[must_use]
    pub fn total_kib(&self) -> u64 {
        self.kib(self.blocks)
    }

    /// So many blocks in KiB.
    #[must_use]
    pub fn kib(&self, blocks: u64) -> u64 {
        u64::try_from(u128::from(blocks) * u128::from(self.block_octets) / 1024).unwrap_or(u64::MAX)
    }
}

/// Asks about the file system that `path` is on.
///
/// # Errors
/// What statvfs(3) says.
#[allow(clippy::useless_conversion, reason = "the kernel's types have another width elsewhere")]
pub fn of(path: &Path) -> io::Result<Space> {
    let found = nix::sys::statvfs::statvfs(path)?;
    Ok(Space {
        id: found.filesystem_id().into(),
        block_octets: found.fragment_size().into(),
        blocks: found.blocks().into(),
        free: found.blocks_free().into(),
        available: found.blocks_available().into(),
    })
}

/// Name of a user id, or the number when it has none.
#[must_use]
pub fn user(uid: u32) -> String {
    let known = nix::unistd::User::from_uid(nix::unistd::Uid::from_raw(uid)).ok().flatten();
    known.map_or_else(|| uid.to_string(), |user| user.name)
}

/// Name of a group id, or the number when it has none.
#[must_use]
pub fn group(gid: u32) -> String {
    let known = nix::unistd::Group::from_gid(nix::unistd::Gid::from_raw(gid)).ok().flatten();
    known.map_or_else(|| gid.to_string(), |group| group.name)
}

#[cfg(test)]
mod tests {
    #[test]
    fn no_more_is_available_than_there_is() {
        let root = super::of(std::path::Path::new("/")).expect("statvfs");
        assert!(root.available <= root.free && root.free <= root.blocks);
        assert_eq!(super::user(0), "root");
    }
}
