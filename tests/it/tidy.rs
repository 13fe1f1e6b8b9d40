//! The tree checks itself.
