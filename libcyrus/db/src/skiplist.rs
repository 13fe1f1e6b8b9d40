//! skiplist: placeholder until the format lands.
use crate::engine::Engine;
use crate::{Error, OpenFlags, Result};
use std::path::Path;

pub(crate) struct Skiplist;
impl Skiplist {
    pub(crate) fn open(_path: &Path, _flags: &OpenFlags) -> Result<Box<dyn Engine>> {
        Err(Error::NotImplemented("skiplist"))
    }
}
