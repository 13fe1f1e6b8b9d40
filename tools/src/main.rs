//! The executable; see the library for the table of tools.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(cyrus_tools::main(std::env::args_os().collect()) as u8)
}
