//! The security layer of a finished exchange, as a layer of the stream.

use crate::error::{Error, Result};
use crate::prot::Layer;
use cyrus_sys::sasl::{Code, Connection};
use std::cell::RefCell;
use std::ops::DerefMut;
use std::rc::Rc;

/// Encodes and decodes through the connection that negotiated it, of either side.
pub(super) struct SaslLayer<C>(pub(super) Rc<RefCell<C>>);

impl<C: DerefMut<Target = Connection>> Layer for SaslLayer<C> {
    fn decode(&mut self, received: &[u8], out: &mut Vec<u8>) -> Result<()> {
        let mut connection = self.0.borrow_mut();
        let done = connection.decode(received, out);
        done.map_err(|code| failed(code, &connection))
    }

    fn encode(&mut self, clear: &[u8], out: &mut Vec<u8>) -> Result<()> {
        let mut connection = self.0.borrow_mut();
        let done = connection.encode(clear, out);
        done.map_err(|code| failed(code, &connection))
    }
}

fn failed(code: Code, connection: &Connection) -> Error {
    Error::Sasl(code.0, connection.error_detail())
}
