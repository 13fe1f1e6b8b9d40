//! COMPRESS (RFC 4978).

use crate::parser::lexer::Stop;
use crate::reply::Answer;
use crate::session::{Flow, Session, to_io};
use libcyrus::base::log;
use libcyrus::net::deflate::Deflate;

/// COMPRESS: what follows the OK is compressed in both directions.
///
/// # Errors
/// When the connection fails.
pub fn compress(session: &mut Session<'_>, tag: &[u8], algorithm: &[u8]) -> Result<Flow, Stop> {
    let shown = log::printable(algorithm, 64);
    if session.is_compressed {
        return Ok(Answer::bad("DEFLATE active via COMPRESS").with_code("COMPRESSIONACTIVE").into());
    }
    if !algorithm.eq_ignore_ascii_case(b"DEFLATE") {
        return Ok(Answer::no(format!("Unknown COMPRESS algorithm: {shown}")).into());
    }
    session.stream.write(&Answer::ok(format!("{shown} active")).line(tag));
    session.stream.push_layer(Box::new(Deflate::default())).map_err(|error| Stop::Io(to_io(error)))?;
    session.is_compressed = true;
    Ok(Flow::Answered)
}
