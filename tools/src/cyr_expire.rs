//! cyr_expire: expire messages, deliveries and deleted mailboxes.
