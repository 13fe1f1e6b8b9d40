//! sievec: compiles a Sieve script.

use crate::{Call, io};
use libcyrus::base::args::{Args, Spec};
use libcyrus::base::config::Config;
use libcyrus::base::exit::EX_OK;
use libcyrus::sieve::{CompileSettings, compile};
use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Every failure ends with this code.
const FAILED: i32 = 1;
/// What C's scanner ends with when the script cannot be read.
const UNREADABLE: i32 = 2;

/// Runs the tool: `sievec [-C config] SCRIPT BYTECODE`; a script of `-` is standard input.
pub fn run(call: &Call) -> i32 {
    match work(call) {
        Ok(()) => EX_OK,
        Err((text, code)) => {
            io::complain(&text);
            code
        }
    }
}

fn work(call: &Call) -> Result<(), (Vec<u8>, i32)> {
    let spec = Spec { short: "C:", long: &[] };
    let (args, complaints) = Args::parse_lenient(&call.prog, &call.args, &spec);
    for complaint in &complaints {
        io::usage(complaint, "", 0);
    }
    let failed = |text: &[u8]| (text.to_vec(), FAILED);
    let [source, target, ..] = args.words.as_slice() else { return Err((syntax(call), FAILED)) };
    if !complaints.is_empty() {
        return Err((syntax(call), FAILED));
    }
    let script = read(source)?;
    let config = Config::load(args.value('C').map(Path::new), "")
        .map_err(|error| failed(format!("Fatal error: {error} ({})\r\n", error.code).as_bytes()))?;
    let script = script.map_err(|()| (b"input in flex scanner failed\n".to_vec(), UNREADABLE))?;
    let settings = CompileSettings::from_config(&config).map_err(|_| failed(b"Unable to parse script.\n"))?;
    let bytecode = compile(&script, &settings).map_err(|errors| {
        let mut text = b"Unable to parse script: script errors:\r\n".to_vec();
        text.extend(libcyrus::sieve::compile::error_text(&errors));
        text.push(b'\n');
        (text, FAILED)
    })?;
    let file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o644).open(target);
    let mut file = file.map_err(|_| failed(b"couldn't open bytecode output file\n"))?;
    file.write_all(&bytecode.0).map_err(|_| failed(b"bytecode emit failed\n"))
}

fn syntax(call: &Call) -> Vec<u8> {
    [b"Syntax: ", call.prog.as_bytes(), b" [-C <altconfig>] <filename> <outputfile>\n"].concat()
}

/// The script; the inner error is one of reading, which C meets only after the configuration.
#[allow(clippy::type_complexity, reason = "two failures at two times")]
fn read(source: &OsStr) -> Result<Result<Vec<u8>, ()>, (Vec<u8>, i32)> {
    if source == "-" {
        let mut script = Vec::new();
        let read = std::io::stdin().lock().read_to_end(&mut script);
        return Ok(read.map(|_| script).map_err(|_| ()));
    }
    if File::open(source).is_err() {
        return Err(([b"Unable to open ", source.as_bytes(), b" for reading\n"].concat(), FAILED));
    }
    Ok(fs::read(source).map_err(|_| ()))
}
