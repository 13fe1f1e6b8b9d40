//! ManageSieve: scripts managed by their users.
#![forbid(unsafe_code)]
