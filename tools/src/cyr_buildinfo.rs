//! Under construction.

use crate::Call;

/// Runs the tool.
pub fn run(call: &Call) -> i32 {
    let _ = call;
    todo!()
}
