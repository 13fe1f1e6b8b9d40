//! Checking a mailbox against its files and mending it; the logic behind the reconstruct tool.
