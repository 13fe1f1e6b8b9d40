//! Protocol telemetry: `<configdirectory>/log/<userid>/` receives a copy of both directions when
//! that directory exists.

use cyrus_base::Config;

/// An open telemetry file.
#[derive(Debug)]
pub struct Telemetry {
    _todo: (),
}

impl Telemetry {
    /// Opens the file of this session if the user's directory exists; `None` otherwise.
    /// C: telemetry_log()
    #[must_use]
    pub fn open(config: &Config, userid: &str, sessionid: &str) -> Option<Self> {
        let _ = (config, userid, sessionid);
        todo!()
    }
}
