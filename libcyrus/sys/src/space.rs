//! How full a file system is, and the names of owners.

use std::io;
use std::path::Path;

/// A file system in its own blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// Octets of a block.
    pub block_octets: u64,
    /// Blocks there are.
    pub blocks: u64,
    /// Blocks nobody uses.
    pub free: u64,
    /// Of these the ones that anybody may use.
    pub available: u64,
}

/// Asks about the file system that `path` is on.
///
/// # Errors
/// What statvfs(3) says.
pub fn of(path: &Path) -> io::Result<Space> {
    let found = nix::sys::statvfs::statvfs(path)?;
    Ok(Space {
        block_octets: found.fragment_size(),
        blocks: found.blocks(),
        free: found.blocks_free(),
        available: found.blocks_available(),
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
