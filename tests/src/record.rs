//! Recorded answers of the oracle, kept in `tests/golden`.

use crate::instance::Server;
use crate::place;
use crate::transcript::difference;

/// Compares `actual` with what the oracle once answered (`tests/golden/<name>.txt`); with `RECORD=1` in the
/// environment the oracle's own run writes that record instead.
///
/// # Panics
/// When they differ.
pub fn check(name: &str, server: Server, actual: &str) {
    let path = place::root().join(format!("tests/golden/{name}.txt"));
    if server == Server::Oracle && std::env::var_os("RECORD").is_some() {
        std::fs::write(&path, actual).expect("write the record");
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    if let Some(dir) = std::env::var_os("CYRUS_TRANSCRIPTS") {
        let file = std::path::Path::new(&dir).join(format!("{}.{server:?}.actual", name.replace('/', "-")));
        std::fs::write(file, actual).expect("CYRUS_TRANSCRIPTS");
    }
    if let Some(report) = difference(&expected, actual) {
        panic!("{name} on {server:?}: {report}");
    }
}
