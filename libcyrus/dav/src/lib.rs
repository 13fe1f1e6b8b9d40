//! What a user's .dav database keeps, and the mailboxes behind it.
#![forbid(unsafe_code)]
