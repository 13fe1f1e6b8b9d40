//! cyr_df: how full the partitions are.

use crate::{Call, io};
use libcyrus::base::args::{Args, Spec};
use libcyrus::base::exit::{EX_OK, EX_USAGE};
use libcyrus::base::start::{self, Need};
use libcyrus::sys::space;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

const USAGE: &str = "usage: cyr_df [-C <alt_config>] [-m]\n";

/// Runs the tool: `cyr_df [-C config] [-m]`.
pub fn run(call: &Call) -> i32 {
    let spec = Spec { short: "C:m", long: &[] };
    let args = match Args::parse(&call.prog, &call.args, &spec) {
        Ok(args) => args,
        Err(complaint) => return io::usage(&complaint, USAGE, EX_USAGE),
    };
    let config = match start::init(args.value('C').map(Path::new), "cyr_df", Need::Nothing) {
        Ok(config) => config,
        Err(fatal) => return fatal.report(),
    };
    let prefix = if args.has('m') { "metapartition-" } else { "partition-" };
    let mut out = format!(
        "{:<12} {:>12} {:>12} {:>12} {:>3} Location\n",
        "Partition", "1k-blocks", "Used", "Available", "Use%"
    )
    .into_bytes();
    for (key, path) in config.overflows_in_table_order() {
        let Some(name) = key.strip_prefix(prefix) else { continue };
        // As in C a partition that is not there is left out.
        let Ok(found) = space::of(Path::new(OsStr::from_bytes(path))) else { continue };
        out.extend(line(name, &found).as_bytes());
        out.extend([path, b"\n"].concat());
    }
    io::print(&out);
    EX_OK
}

fn line(name: &str, found: &space::Space) -> String {
    let used = found.blocks.saturating_sub(found.free);
    let usable = u128::from(used) + u128::from(found.available);
    // Rounded to the nearest.
    let percent = (u128::from(used) * 200 + usable).checked_div(usable * 2).unwrap_or(0);
    format!(
        "{name:<12} {:>12} {:>12} {:>12} {percent:>3}% ",
        found.total_kib(),
        found.kib(used),
        found.available_kib()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_kibibytes_and_percents_rounded() {
        let found = space::Space { id: 0, block_octets: 4096, blocks: 100, free: 50, available: 40 };
        assert_eq!(line("default", &found), "default               400          200          160  56% ");
    }
}
