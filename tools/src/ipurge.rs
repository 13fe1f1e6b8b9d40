//! ipurge: remove messages by age or size.
