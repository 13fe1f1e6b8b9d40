//! Moving messages to the archive partition.
