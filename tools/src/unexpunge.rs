//! unexpunge: list and restore expunged messages.
