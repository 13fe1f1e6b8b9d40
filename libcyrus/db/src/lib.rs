//! Cyrusdb: twoskip, skiplist, flat, quotalegacy.
#![forbid(unsafe_code)]
