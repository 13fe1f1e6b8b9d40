//! What is advertised: one row a token, with its RFC and when it is shown.

use crate::session::Session;
use libcyrus::base::config::Opt;

/// When a token is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum When {
    /// Before and after login.
    Always,
    /// As the next, with option `annotation_enable_legacy_commands`.
    Legacy,
    /// After login only.
    LoggedIn,
}

/// How much is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// What the greeting tells.
    Greeting,
    /// Everything.
    Full,
}

/// Tokens in C's order. Only what works is here.
const TOKENS: &[(&str, When)] = &[
    ("IMAP4rev1", When::Always),               // RFC 3501
    ("LITERAL+", When::Always),                // RFC 7888
    ("ID", When::Always),                      // RFC 2971
    ("ENABLE", When::Always),                  // RFC 5161
    ("ACL", When::LoggedIn),                   // RFC 4314
    ("ANNOTATE-EXPERIMENT-1", When::LoggedIn), // RFC 5257
    ("BINARY", When::LoggedIn),                // RFC 3516
    ("CATENATE", When::LoggedIn),              // RFC 4469
    ("CHILDREN", When::LoggedIn),              // RFC 3348
    ("CONDSTORE", When::LoggedIn),             // RFC 7162
    ("CREATE-SPECIAL-USE", When::LoggedIn),    // RFC 6154
    ("ESEARCH", When::LoggedIn),               // RFC 4731
    ("ESORT", When::LoggedIn),                 // RFC 5267
    ("LIST-EXTENDED", When::LoggedIn),         // RFC 5258
    ("LIST-MYRIGHTS", When::LoggedIn),         // RFC 8440
    ("LIST-STATUS", When::LoggedIn),           // RFC 5819
    ("METADATA", When::LoggedIn),              // RFC 5464
    ("MOVE", When::LoggedIn),                  // RFC 6851
    ("MULTIAPPEND", When::LoggedIn),           // RFC 3502
    ("NAMESPACE", When::LoggedIn),             // RFC 2342
    ("OBJECTID", When::LoggedIn),              // RFC 8474
    ("PREVIEW", When::LoggedIn),               // RFC 8970
    ("QRESYNC", When::LoggedIn),               // RFC 7162
    ("QUOTA", When::LoggedIn),                 // RFC 2087
    ("RIGHTS=kxten", When::LoggedIn),          // RFC 4314
    ("SAVEDATE", When::LoggedIn),              // RFC 8514
    ("SEARCH=FUZZY", When::LoggedIn),          // RFC 6203
    ("SORT", When::LoggedIn),                  // RFC 5256
    ("SORT=DISPLAY", When::LoggedIn),          // RFC 5957
    ("SPECIAL-USE", When::LoggedIn),           // RFC 6154
    ("STATUS=SIZE", When::LoggedIn),           // RFC 8438
    ("THREAD=ORDEREDSUBJECT", When::LoggedIn), // RFC 5256
    ("THREAD=REFERENCES", When::LoggedIn),     // RFC 5256
    ("UIDPLUS", When::LoggedIn),               // RFC 4315
    ("UNSELECT", When::LoggedIn),              // RFC 3691
    ("URLAUTH", When::LoggedIn),               // RFC 4467
    ("URLAUTH=BINARY", When::LoggedIn),        // RFC 5524
    ("WITHIN", When::LoggedIn),                // RFC 5032
    ("ANNOTATEMORE", When::Legacy),            // the drafts before RFC 5464
    ("DIGEST=SHA1", When::LoggedIn),           // C's own: FETCH DIGEST.SHA1
    ("LIST-METADATA", When::LoggedIn),         // RFC 9590, before it was one
    ("NO_ATOMIC_RENAME", When::LoggedIn),      // C's own: RENAME of a tree may stop half-way
    ("SORT=MODSEQ", When::LoggedIn),           // C's own
    ("SORT=UID", When::LoggedIn),              // C's own
    ("THREAD=REFS", When::LoggedIn),           // draft-ietf-morg-inthread
    ("X-CREATEDMODSEQ", When::LoggedIn),       // C's own: STATUS and FETCH CREATEDMODSEQ
    ("XLIST", When::LoggedIn),                 // LIST with special uses before RFC 6154
    ("XMOVE", When::LoggedIn),                 // C's own: MOVE before RFC 6851
];

/// The capability list of this moment, without brackets or `* CAPABILITY`.
/// CAPABILITY before login shows all that login will bring, too, as in C; the greeting does not.
pub fn list(session: &mut Session<'_>, depth: Depth) -> Vec<u8> {
    let config = std::sync::Arc::clone(&session.imapd.config);
    let suppressed: Vec<&str> = config.words(Opt::SuppressCapabilities).collect();
    let has_legacy = config.switch(Opt::AnnotationEnableLegacyCommands);
    let is_shown = |token: &str| !suppressed.iter().any(|word| word.eq_ignore_ascii_case(token));
    let mut tokens: Vec<String> = TOKENS
        .iter()
        .filter(|(token, when)| {
            (depth == Depth::Full || *when == When::Always)
                && (has_legacy || *when != When::Legacy)
                && is_shown(token)
        })
        .map(|(token, _)| (*token).to_owned())
        .collect();
    crate::cmd::starttls::add_capabilities(session, &mut tokens);
    if depth == Depth::Full {
        crate::cmd::starttls::add_limits(session, &mut tokens);
    }
    tokens.join(" ").into_bytes()
}

/// The greeting line (C: options `serverinfo`, `servername`).
pub fn greeting(session: &mut Session<'_>) -> Vec<u8> {
    let capabilities = list(session, Depth::Greeting);
    let config = &session.imapd.config;
    let info = match config.choice(Opt::Serverinfo) {
        "off" => String::new(),
        "min" => format!(" {}", config.servername()),
        _ => format!(" {} Cyrus IMAP {}", config.servername(), libcyrus::base::VERSION),
    };
    [b"* OK [CAPABILITY ", capabilities.as_slice(), b"]", info.as_bytes(), b" server ready\r\n"].concat()
}
