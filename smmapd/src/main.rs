//! The smmapd program; see the library.
fn main() {
    std::process::exit(cyrus_smmapd::main());
}
