//! What children say over the status pipe, and what it does to them. No descriptor in sight.
//!
//! A message is two ints in host byte order: what, and the pid of the sender. Foreign words are
//! gossip: nothing a child writes can make the count of ready workers negative or stop the master.

use std::fmt;

/// Where a child stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It waits for a connection, or has just been started and has not said anything yet.
    Ready,
    /// It serves a connection.
    Busy,
    /// It has been reaped.
    Dead,
}

impl State {
    /// The number C logs.
    pub fn number(self) -> u32 {
        match self {
            State::Ready => 2,
            State::Busy => 3,
            State::Dead => 4,
        }
    }
}

/// A word from a child.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Message {
    /// 1: ready for a connection again.
    Available,
    /// 2: not ready, going to serve or to exit.
    Unavailable,
    /// 3: has accepted a connection.
    Connection,
    /// 4: a threaded program has accepted one more connection and stays ready.
    ConnectionMulti,
    /// Anything else.
    Unknown(i32),
}

/// Size of a message on the pipe.
pub const MESSAGE_SIZE: usize = 8;

/// Takes a message apart: the word and the sender's pid.
pub fn decode(bytes: [u8; MESSAGE_SIZE]) -> (Message, i32) {
    let [a, b, c, d, e, f, g, h] = bytes;
    let message = match i32::from_ne_bytes([a, b, c, d]) {
        1 => Message::Available,
        2 => Message::Unavailable,
        3 => Message::Connection,
        4 => Message::ConnectionMulti,
        other => Message::Unknown(other),
    };
    (message, i32::from_ne_bytes([e, f, g, h]))
}

/// How a message changes a child and its service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// The child's state afterwards.
    pub state: State,
    /// What is added to the service's ready workers: -1, 0 or 1.
    pub ready: i32,
    /// A connection to be counted.
    pub connection: bool,
    /// What is to be logged.
    pub remark: Option<Remark>,
}

/// A line about a message; [`fmt::Display`] gives C's words behind `service NAME/FAMILY pid N `.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remark {
    /// LOG_DEBUG with `-v`: the child is ready again.
    NowAvailable,
    /// LOG_DEBUG with `-v`.
    NowUnavailable,
    /// LOG_DEBUG with `-v`.
    Serving,
    /// LOG_DEBUG with `-v`.
    ServingMore,
    /// LOG_WARNING: said twice.
    AlreadyReady,
    /// LOG_WARNING: said twice.
    AlreadyBusy,
    /// LOG_ERR: did not announce itself busy.
    ForcedBusy,
    /// LOG_ERR: did not announce itself ready.
    ForcedReady,
    /// LOG_CRIT.
    Unrecognized(i32),
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Remark::NowAvailable => "in BUSY state: now available and in READY state",
            Remark::NowUnavailable => "in READY state: now unavailable and in BUSY state",
            Remark::Serving => "in BUSY state: now serving connection",
            Remark::ServingMore => "in READY state: serving one more multi-threaded connection",
            Remark::AlreadyReady => "in READY state: sent available message but it is already ready",
            Remark::AlreadyBusy => "in BUSY state: sent unavailable message but it is already busy",
            Remark::ForcedBusy => "in READY state: reported new connection, forced to BUSY state",
            Remark::ForcedReady => {
                "in BUSY state: serving one more multi-threaded connection, forced to READY state"
            }
            Remark::Unrecognized(number) => {
                return write!(f, "Software bug: unrecognized message {number:#x}");
            }
        })
    }
}

/// The state machine. C: process_msg()
pub fn apply(state: State, message: Message) -> Change {
    let change = |state, ready, connection, remark| Change { state, ready, connection, remark };
    match (state, message) {
        (State::Ready, Message::Available) => change(State::Ready, 0, false, Some(Remark::AlreadyReady)),
        (State::Busy, Message::Available) => change(State::Ready, 1, false, Some(Remark::NowAvailable)),
        (State::Ready, Message::Unavailable) => change(State::Busy, -1, false, Some(Remark::NowUnavailable)),
        (State::Busy, Message::Unavailable) => change(State::Busy, 0, false, Some(Remark::AlreadyBusy)),
        (State::Ready, Message::Connection) => change(State::Busy, -1, true, Some(Remark::ForcedBusy)),
        (State::Busy, Message::Connection) => change(State::Busy, 0, true, Some(Remark::Serving)),
        (State::Ready, Message::ConnectionMulti) => change(State::Ready, 0, true, Some(Remark::ServingMore)),
        (State::Busy, Message::ConnectionMulti) => change(State::Ready, 1, true, Some(Remark::ForcedReady)),
        // echoes from the past: only the accounting is done
        (State::Dead, Message::Available | Message::Unavailable) => change(State::Dead, 0, false, None),
        (State::Dead, Message::Connection | Message::ConnectionMulti) => change(State::Dead, 0, true, None),
        (state, Message::Unknown(number)) => change(state, 0, false, Some(Remark::Unrecognized(number))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_host_order() {
        let mut bytes = [0; 8];
        bytes[..4].copy_from_slice(&3i32.to_ne_bytes());
        bytes[4..].copy_from_slice(&4711i32.to_ne_bytes());
        assert_eq!(decode(bytes), (Message::Connection, 4711));
        assert_eq!(decode([0xff; 8]), (Message::Unknown(-1), -1));
    }

    /// The table of the documentation, cell by cell.
    #[test]
    fn every_message_in_every_state() {
        use Message::*;
        use State::*;
        let table = [
            (Ready, Available, Ready, 0, false),
            (Ready, Unavailable, Busy, -1, false),
            (Ready, Connection, Busy, -1, true),
            (Ready, ConnectionMulti, Ready, 0, true),
            (Ready, Unknown(9), Ready, 0, false),
            (Busy, Available, Ready, 1, false),
            (Busy, Unavailable, Busy, 0, false),
            (Busy, Connection, Busy, 0, true),
            (Busy, ConnectionMulti, Ready, 1, true),
            (Busy, Unknown(9), Busy, 0, false),
            (Dead, Available, Dead, 0, false),
            (Dead, Unavailable, Dead, 0, false),
            (Dead, Connection, Dead, 0, true),
            (Dead, ConnectionMulti, Dead, 0, true),
            (Dead, Unknown(9), Dead, 0, false),
        ];
        for (before, message, state, ready, connection) in table {
            let change = apply(before, message);
            assert_eq!(
                (change.state, change.ready, change.connection),
                (state, ready, connection),
                "{before:?} {message:?}"
            );
        }
    }

    #[test]
    fn unknown_words_are_shown_in_hex() {
        assert_eq!(Remark::Unrecognized(0x2a).to_string(), "Software bug: unrecognized message 0x2a");
    }
}
