//! ctl_deliver: dump the duplicate delivery database.
