//! Three lines; the program is the library beside it.
#![forbid(unsafe_code)]

fn main() {
    std::process::exit(cyrus_idled::run());
}
