//! The notifyd program; see the library.
fn main() {
    std::process::exit(cyrus_notifyd::main());
}
