//! The smallest service: greets with its process id, echoes lines until `quit`. `panic` panics.

use cyrus_base::Config;
use cyrus_base::exit::Fatal;
use cyrus_base::start::Need;
use cyrus_service::{Connection, End, Program};
use std::ffi::OsString;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::sync::Arc;

struct Echo;

impl Program for Echo {
    const NEED: Need = Need::Nothing;

    fn start(_config: Arc<Config>, _args: &[OsString]) -> Result<Self, Fatal> {
        Ok(Self)
    }

    fn serve(&mut self, connection: Connection) -> End {
        let mut file = File::from(connection.fd);
        let uid = nix::unistd::getuid();
        let _ = writeln!(file, "{} {uid} {}", std::process::id(), connection.clienthost);
        let Ok(reader) = file.try_clone() else { return End::Exit(71) };
        for line in BufReader::new(reader).lines().map_while(Result::ok) {
            match line.as_str() {
                "quit" => break,
                "panic" => panic!("asked to"),
                _ => {
                    let _ = writeln!(file, "{line}");
                }
            }
        }
        End::Reuse
    }

    fn say_fatal(text: &str) {
        println!("* BYE Fatal error: {text}");
    }
}

fn main() {
    std::process::exit(cyrus_service::run::<Echo>());
}
