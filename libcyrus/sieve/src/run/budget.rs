//! What a run may take. One unit of work is about a nanosecond.

use super::RunError;

/// Some seconds.
const WORK: u64 = 2_000_000_000;

/// What expanded strings may hold together.
const OCTETS: usize = 64 * 1024 * 1024;

/// The longest expanded string.
pub const STRING_OCTETS: usize = 1024 * 1024;

/// Actions, notifications and tracked ids together.
const DEEDS: usize = 1000;

/// A command or a test.
pub const STEP: u64 = 200;

/// A regular expression: compiling it, and matching to its own limit.
pub const REGEX: u64 = 2_000_000;

/// What is left.
#[derive(Debug)]
pub struct Budget {
    work: u64,
    octets: usize,
    deeds: usize,
}

impl Budget {
    pub fn new() -> Self {
        Self { work: WORK, octets: OCTETS, deeds: DEEDS }
    }

    /// Pays for work.
    pub fn work(&mut self, units: u64) -> Result<(), RunError> {
        self.work = self.work.checked_sub(units).ok_or(RunError::BUDGET)?;
        Ok(())
    }

    /// Pays for octets that are kept until the end.
    pub fn keep(&mut self, octets: usize) -> Result<(), RunError> {
        self.octets = self.octets.checked_sub(octets).ok_or(RunError::BUDGET)?;
        Ok(())
    }

    /// Pays for something to be done.
    pub fn deed(&mut self) -> Result<(), RunError> {
        self.deeds = self.deeds.checked_sub(1).ok_or(RunError::BUDGET)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_spent_is_gone() {
        let mut budget = Budget::new();
        assert_eq!(budget.work(WORK), Ok(()));
        assert_eq!(budget.work(1), Err(RunError::BUDGET));
        assert_eq!(budget.keep(OCTETS + 1), Err(RunError::BUDGET));
        assert!((0..DEEDS).all(|_| budget.deed().is_ok()) && budget.deed().is_err());
    }
}
