//! Crossing versions of cyrus.index (reference/mailbox-files.md 4.1).
