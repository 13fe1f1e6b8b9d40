//! Who, and may they: userid, groups, the one authorisation gate.
#![forbid(unsafe_code)]
