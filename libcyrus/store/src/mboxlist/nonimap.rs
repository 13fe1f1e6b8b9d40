//! Folders that are no mailboxes to an IMAP client, known by their names.

use cyrus_base::config::{Config, Opt};
use cyrus_util::mboxname::{MboxName, NameRules, Parts};

/// What the configuration calls them.
#[derive(Clone, Debug)]
pub struct NonImapFolders {
    tops: Vec<Vec<u8>>,
    notes: Option<Vec<u8>>,
}

impl NonImapFolders {
    /// Reads the configuration.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let options = [
            Opt::Calendarprefix,
            Opt::Addressbookprefix,
            Opt::Davdriveprefix,
            Opt::Davnotificationsprefix,
            Opt::Jmapsubmissionfolder,
            Opt::Jmappushsubscriptionfolder,
            Opt::Jmapuploadfolder,
            Opt::SieveFolder,
        ];
        Self {
            tops: options.iter().filter_map(|opt| config.bytes(*opt)).map(<[u8]>::to_vec).collect(),
            notes: config.bytes(Opt::Notesmailbox).map(<[u8]>::to_vec),
        }
    }

    /// Whether a name is in one of them. C: mboxname_isnonimapmailbox()
    #[must_use]
    pub fn hold(&self, name: &Parts) -> bool {
        name.boxes.first().is_some_and(|top| self.tops.contains(top))
    }

    /// Whether no mail may be delivered there: in one of them, among the notes, or deleted.
    /// C: mboxname_isnondeliverymailbox()
    #[must_use]
    pub fn refuse_mail(&self, name: &MboxName, rules: &NameRules) -> bool {
        let parts = name.parts(rules);
        let is_notes = self.notes.is_some() && parts.boxes.first() == self.notes.as_ref();
        self.hold(&parts) || is_notes || parts.deleted != 0
    }
}
