//! What the compiler needs to know of imapd.conf, the capabilities of the language, and their announcement.
//!
//! A capability is what a script asks for with `require`. It is *active* when this build has it and
//! `sieve_extensions` names it; `extlists` also needs the `carddav` module of `httpmodules`, for its only kind of
//! list is an address book.

use cyrus_base::config::{Config, Opt};
use std::fmt;

macro_rules! capabilities {
    ($($(#[$meta:meta])* $variant:ident = $config:expr),+ $(,)?) => {
        /// One capability. Several names may stand for one, see `Capability::by_name`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Capability { $($(#[$meta])* $variant),+ }

        impl Capability {
            const ALL: &'static [(Capability, Option<&'static str>)] = &[$((Capability::$variant, $config)),+];
        }
    };
}

// Each with the word of sieve_extensions that enables it; None: always enabled.
capabilities! {
    /// RFC 5228 itself and its comparators.
    Base = None,
    /// `comparator-i;ascii-numeric`
    CompNumeric = None,
    /// `encoded-character`
    EncodedCharacter = None,
    /// `envelope`
    Envelope = Some("envelope"),
    /// `fileinto`
    Fileinto = Some("fileinto"),
    /// `regex`
    Regex = Some("regex"),
    /// `copy`
    Copy = Some("copy"),
    /// `body`
    Body = Some("body"),
    /// `environment`
    Environment = Some("environment"),
    /// `variables`
    Variables = Some("variables"),
    /// `vacation`
    Vacation = Some("vacation"),
    /// `relational`
    Relational = Some("relational"),
    /// `imap4flags`, `imapflags`
    Imap4flags = Some("imap4flags"),
    /// `subaddress`
    Subaddress = Some("subaddress"),
    /// `date`
    Date = Some("date"),
    /// `index`
    Index = Some("index"),
    /// `editheader`
    Editheader = Some("editheader"),
    /// `ereject`
    Ereject = Some("reject"),
    /// `reject`
    Reject = Some("reject"),
    /// `enotify`
    Enotify = Some("notify"),
    /// `notify` of the old draft.
    Notify = Some("notify"),
    /// `ihave`
    Ihave = Some("ihave"),
    /// `mailbox`
    Mailbox = Some("mailbox"),
    /// `mboxmetadata`
    Mboxmetadata = Some("mboxmetadata"),
    /// `servermetadata`
    Servermetadata = Some("servermetadata"),
    /// `redirect-deliverby`
    RedirectDeliverby = Some("redirect-deliverby"),
    /// `redirect-dsn`
    RedirectDsn = Some("redirect-dsn"),
    /// `vacation-seconds`
    VacationSeconds = Some("vacation-seconds"),
    /// `extlists`
    Extlists = Some("extlists"),
    /// `include`
    Include = Some("include"),
    /// `duplicate`
    Duplicate = Some("duplicate"),
    /// `special-use`
    SpecialUse = Some("special-use"),
    /// `fcc`
    Fcc = Some("fcc"),
    /// `mailboxid`
    Mailboxid = Some("mailboxid"),
    /// `vnd.cyrus.log`
    Log = Some("vnd.cyrus.log"),
    /// `vnd.cyrus.jmapquery`
    Jmapquery = Some("vnd.cyrus.jmapquery"),
    /// `snooze`, `vnd.cyrus.snooze`
    Snooze = Some("snooze"),
    /// `vnd.cyrus.imip`
    Imip = Some("vnd.cyrus.imip"),
}

impl Capability {
    /// Every capability, in the order C has given them numbers.
    pub fn all() -> impl Iterator<Item = Capability> {
        Capability::ALL.iter().map(|(capability, _)| *capability)
    }

    /// The name, the first of several. C: lookup_capability_string()
    pub fn name(self) -> &'static str {
        match self {
            Capability::Base => "comparator-i;octet",
            Capability::CompNumeric => "comparator-i;ascii-numeric",
            Capability::EncodedCharacter => "encoded-character",
            Capability::Ereject => "ereject",
            Capability::Enotify => "enotify",
            other => {
                let row = Capability::ALL.iter().find(|(capability, _)| *capability == other);
                row.and_then(|(_, word)| *word).unwrap_or("")
            }
        }
    }

    /// The capability of a name in `require` or `ihave` (names are case-sensitive). C: lookup_capability()
    pub fn by_name(name: &[u8]) -> Option<Capability> {
        use Capability as C;
        Some(match name {
            b"comparator-i;octet" | b"comparator-i;ascii-casemap" => C::Base,
            b"comparator-i;ascii-numeric" => C::CompNumeric,
            b"encoded-character" => C::EncodedCharacter,
            b"imap4flags" | b"imapflags" => C::Imap4flags,
            b"ereject" => C::Ereject,
            b"enotify" => C::Enotify,
            b"vnd.cyrus.log" | b"x-cyrus-log" => C::Log,
            b"vnd.cyrus.jmapquery" | b"x-cyrus-jmapquery" => C::Jmapquery,
            b"snooze" | b"vnd.cyrus.snooze" | b"x-cyrus-snooze" => C::Snooze,
            other => {
                let same = |(_, word): &&(C, Option<&str>)| word.is_some_and(|word| word.as_bytes() == other);
                // The words of sieve_extensions are the names; ereject and enotify come before reject and notify.
                return C::ALL.iter().rfind(same).map(|(capability, _)| *capability);
            }
        })
    }
}

/// A set of capabilities.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Capabilities(u64);

impl Capabilities {
    /// Everything this build knows.
    pub fn all() -> Capabilities {
        let mut set = Capabilities::default();
        Capability::ALL.iter().for_each(|(capability, _)| set.insert(*capability));
        set
    }
    /// Is it in the set?
    pub fn has(self, capability: Capability) -> bool {
        self.0 >> capability as u64 & 1 == 1
    }
    /// Adds one.
    pub fn insert(&mut self, capability: Capability) {
        self.0 |= 1 << capability as u64;
    }
    /// Takes one out.
    pub fn remove(&mut self, capability: Capability) {
        self.0 &= !(1 << capability as u64);
    }
    /// Adds another set.
    pub fn extend(&mut self, other: Capabilities) {
        self.0 |= other.0;
    }
}

/// Settings with which no script can be compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SettingsError {
    /// `sieve_vacation_max_response` is under seven days or the minimum is negative. C: sieve_register_vacation()
    VacationLimits,
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SettingsError::VacationLimits => f.write_str("sieve_register_vacation() returns -1237848064"),
        }
    }
}

impl std::error::Error for SettingsError {}

/// Capabilities whose bytecode is read and written but which need what is not built yet, JMAP and
/// calendars. A script that asks for one is refused when it is compiled, rather than filing mail
/// otherwise than it says; `ihave` finds none of them.
pub const UNBUILT: [Capability; 3] = [Capability::Jmapquery, Capability::Snooze, Capability::Imip];

/// What decides how a script compiles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompileSettings {
    /// Capabilities that `require` grants.
    pub active: Capabilities,
    /// Words of `sieve_extensions` as capabilities, whether usable or not (only for the announcement).
    pub configured: Capabilities,
    /// `rfc3028_strict`: only address headers in `address`, only from, to and auth in `envelope`.
    pub rfc3028_strict: bool,
    /// `sieve_vacation_min_response`; smaller intervals are raised to it.
    pub vacation_min_s: i32,
    /// `sieve_vacation_max_response`; larger intervals are lowered to it.
    pub vacation_max_s: i32,
}

impl CompileSettings {
    /// The settings of a configuration.
    ///
    /// # Errors
    /// The limits of vacation contradict the language.
    pub fn from_config(config: &Config) -> Result<CompileSettings, SettingsError> {
        let mut configured = Capabilities::default();
        for (capability, word) in Capability::ALL {
            if word.is_none_or(|word| config.has_bit(Opt::SieveExtensions, word)) {
                configured.insert(*capability);
            }
        }
        UNBUILT.into_iter().for_each(|capability| configured.remove(capability));
        let mut active = configured;
        if !config.has_bit(Opt::Httpmodules, "carddav") {
            active.remove(Capability::Extlists);
        }
        let limit = |opt| i32::try_from(config.duration_s(opt)).unwrap_or(i32::MAX);
        let settings = CompileSettings {
            active,
            configured,
            rfc3028_strict: config.switch(Opt::Rfc3028Strict),
            vacation_min_s: limit(Opt::SieveVacationMinResponse),
            vacation_max_s: limit(Opt::SieveVacationMaxResponse),
        };
        if settings.vacation_min_s < 0 || settings.vacation_max_s < 7 * 86400 {
            return Err(SettingsError::VacationLimits);
        }
        Ok(settings)
    }

    /// The default configuration with every capability active, those not built yet included.
    pub fn everything() -> CompileSettings {
        CompileSettings {
            active: Capabilities::all(),
            configured: Capabilities::all(),
            rfc3028_strict: true,
            vacation_min_s: 3 * 86400,
            vacation_max_s: 90 * 86400,
        }
    }
}

/// One line of the capability announcement of ManageSieve: a name and its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announced {
    /// `SIEVE`, `NOTIFY`, `EXTLISTS`
    pub name: &'static str,
    /// Space-separated words.
    pub value: String,
}

/// The capabilities announced, in the order C lists them: `SIEVE` first, then `NOTIFY` and `EXTLISTS` where enabled.
/// The log action is known but never announced; `extlists` is announced even where it is not active.
/// C: sieve_listextensions()
pub fn extensions(settings: &CompileSettings) -> Vec<Announced> {
    use Capability as C;
    let has = |capability| settings.configured.has(capability);
    let mut words = vec!["encoded-character", "comparator-i;ascii-numeric"];
    let mut others = Vec::new();
    let mut add = |condition: bool, names: &[&'static str]| {
        if condition {
            words.extend_from_slice(names);
        }
    };
    add(has(C::Fileinto), &["fileinto"]);
    add(has(C::Reject), &["reject", "ereject"]);
    add(has(C::Vacation) || has(C::VacationSeconds), &["vacation"]);
    add(has(C::VacationSeconds), &["vacation-seconds"]);
    add(has(C::Notify), &["notify", "enotify"]);
    if has(C::Notify) {
        others.push(Announced { name: "NOTIFY", value: "mailto".into() });
    }
    add(has(C::Include), &["include"]);
    add(has(C::Editheader), &["editheader"]);
    add(has(C::Snooze), &["vnd.cyrus.snooze"]);
    add(has(C::Imip), &["vnd.cyrus.imip"]);
    add(has(C::Envelope), &["envelope"]);
    add(has(C::Environment), &["environment"]);
    add(has(C::Body), &["body"]);
    add(has(C::Imap4flags), &["imap4flags"]);
    add(has(C::Date), &["date"]);
    add(has(C::Ihave), &["ihave"]);
    add(has(C::Mailbox), &["mailbox"]);
    add(has(C::Mboxmetadata), &["mboxmetadata"]);
    add(has(C::Servermetadata), &["servermetadata"]);
    add(has(C::Duplicate), &["duplicate"]);
    add(has(C::Jmapquery), &["vnd.cyrus.jmapquery"]);
    add(has(C::Relational), &["relational"]);
    add(has(C::Regex), &["regex"]);
    add(has(C::Extlists), &["extlists"]);
    if has(C::Extlists) {
        others.push(Announced { name: "EXTLISTS", value: "urn:ietf:params:sieve:addrbook".into() });
    }
    add(has(C::Subaddress), &["subaddress"]);
    add(has(C::Copy), &["copy"]);
    add(has(C::Index), &["index"]);
    add(has(C::Variables), &["variables"]);
    add(has(C::RedirectDeliverby), &["redirect-deliverby"]);
    add(has(C::RedirectDsn), &["redirect-dsn"]);
    add(has(C::SpecialUse), &["special-use"]);
    add(has(C::Fcc), &["fcc"]);
    add(has(C::Mailboxid), &["mailboxid"]);
    let mut lines = vec![Announced { name: "SIEVE", value: words.join(" ") }];
    lines.append(&mut others);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_built_is_neither_granted_nor_announced() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("imapd.conf");
        std::fs::write(&file, "configdirectory: /c\ndefaultpartition: d\npartition-d: /p\n").unwrap();
        let config = Config::load(Some(&file), "sieve").unwrap();
        let settings = CompileSettings::from_config(&config).unwrap();
        for capability in UNBUILT {
            assert!(!settings.active.has(capability) && !settings.configured.has(capability));
        }
        let announced = extensions(&settings);
        assert!(announced.iter().all(|line| !line.value.contains("vnd.cyrus")), "{announced:?}");
        assert!(settings.active.has(Capability::Fileinto));
    }
}
