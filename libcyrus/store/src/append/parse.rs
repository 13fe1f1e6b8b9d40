//! What the index and the cache need to know of a message, from its bytes.

use crate::context::Settings;
use cyrus_mime::cache::{CACHE_VERSION, CacheOptions};
use cyrus_mime::facts::index_facts;
use cyrus_mime::{Message, cache_record};
use cyrus_sys::localtime::{self, LocalTime};
use cyrus_util::datetime::CivilDate;
use cyrus_util::guid::Guid;
use cyrus_util::ids::UnixTime;

/// A message looked at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParsedMessage {
    /// Octets.
    pub size: u32,
    /// Octets of the header with the blank line.
    pub header_size: u32,
    /// Day of Date:, local midnight; 0 when it cannot be told.
    pub sentdate: UnixTime,
    /// Date: in UTC; 0 when it cannot be told.
    pub gmtime: UnixTime,
    /// SHA-1 of the message.
    pub guid: Guid,
    /// The cache record.
    pub cache: Vec<u8>,
    /// Version of the cache record.
    pub cache_version: u16,
}

impl ParsedMessage {
    /// Parses a whole message. C: `message_parse_file()`
    #[must_use]
    pub fn parse(bytes: &[u8], settings: &Settings) -> Self {
        Self::of(&Message::parse(bytes, &settings.limits), settings)
    }

    /// Parses a message whose SHA-1 is known.
    #[must_use]
    pub fn parse_known(bytes: &[u8], settings: &Settings, guid: Guid) -> Self {
        Self::of(&Message::parse_known(bytes, &settings.limits, guid), settings)
    }

    fn of(message: &Message, settings: &Settings) -> Self {
        let facts = index_facts(message, local_midnight);
        let cache = cache_record(message, &CacheOptions { rfc2047_utf8: settings.rfc2047_utf8 });
        Self {
            size: facts.size,
            header_size: facts.header_size,
            sentdate: UnixTime(facts.sentdate.unwrap_or(0)),
            gmtime: UnixTime(facts.gmtime.unwrap_or(0)),
            guid: facts.guid,
            cache: cache.bytes,
            cache_version: CACHE_VERSION,
        }
    }
}

/// Midnight of the day of `time` in the server's zone.
pub(crate) fn local_midnight_of(time: UnixTime) -> UnixTime {
    let midnight = localtime::at(time.0).and_then(|mut local| {
        local.hour = 0;
        local.minute = 0;
        local.second = 0;
        localtime::epoch(&local)
    });
    midnight.map_or(time, UnixTime)
}

fn local_midnight(day: CivilDate) -> Option<i64> {
    localtime::epoch(&LocalTime {
        year: day.year,
        month: i32::try_from(day.month).ok()?,
        day: i32::try_from(day.day).ok()?,
        hour: 0,
        minute: 0,
        second: 0,
        utc_offset_s: 0,
    })
}
