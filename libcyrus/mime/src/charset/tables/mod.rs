//! Tables made by `generate.py`.

pub(super) mod entities;
pub(super) mod names;
pub(super) mod searchform;
pub(super) mod single;
