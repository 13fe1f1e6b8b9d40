//! ctl_mboxlist: dump, load and verify the list of mailboxes.
