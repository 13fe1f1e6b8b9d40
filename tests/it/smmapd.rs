//! smmapd: see below.
