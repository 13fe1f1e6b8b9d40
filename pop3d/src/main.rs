//! The pop3d program; see the library.
#![forbid(unsafe_code)]

fn main() {
    std::process::exit(cyrus_pop3d::main());
}
