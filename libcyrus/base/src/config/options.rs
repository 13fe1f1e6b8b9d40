//! The table of imapd.conf options, one row each, and the types that describe a row.
//!
//! A row reads: whether any program here acts on the option, its variant, its name, its type with default and allowed
//! values, the release that brought or last changed it (255.255.255 where that is unknown), the release that deprecated
//! it (with the option to use instead), and one line of meaning. The sample file, imapd.conf.5 and `cyr_info` are
//! written from these rows; a test holds names, types and defaults against the list of the C Cyrus.
//!
//! When a program starts to act on an option, change the row's first word from `NotYet` to `Yes`.

/// The type of an option with its default and allowed values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Free text, taken as written.
    Str(Option<&'static str>),
    /// One word of the list; the value is the word.
    List(Option<&'static str>, &'static [&'static str]),
    /// A number.
    Int(i64),
    /// Yes or no.
    Switch(bool),
    /// One word of the list; `1 yes t true` stand for `on`, `0 no f false` for `off`.
    Enum(&'static str, &'static [&'static str]),
    /// Any words of the list; `word=alias` also takes the old name `alias`.
    Bits(&'static str, &'static [&'static str]),
    /// A time span such as `1d12h`, with the unit (`d h m s`) of a number that has none.
    Duration(Option<&'static str>, u8),
}

/// Whether a program of this package acts on an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Honour {
    /// It does.
    Yes,
    /// Not so far: setting the option is logged at start.
    NotYet,
    /// It changes nothing: no program of 3.6.1 acts on it, or ours do always what it asks for.
    Unused,
}

/// One row of the table.
#[derive(Debug)]
pub struct OptionRow {
    /// The option's variant.
    pub opt: Opt,
    /// The name in imapd.conf.
    pub name: &'static str,
    /// Type, default and allowed values.
    pub kind: Kind,
    /// Whether a program acts on it.
    pub honour: Honour,
    /// Release that brought the option or last changed its definition.
    pub since: &'static str,
    /// Release that deprecated the option.
    pub deprecated_since: Option<&'static str>,
    /// Option to use instead of a deprecated one.
    pub preferred: Option<Opt>,
    /// One line of meaning.
    pub meaning: &'static str,
}

macro_rules! some {
    () => {
        None
    };
    ($e:expr) => {
        Some($e)
    };
}

macro_rules! options {
    ($($honour:ident $opt:ident $name:literal $kind:ident($($arg:expr),*) $since:literal
       [$($dep:literal $($pref:ident)?)?] $meaning:literal;)*) => {
        /// Every option of imapd.conf.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u16)]
        #[allow(rustdoc::broken_intra_doc_links, reason = "the meanings are also plain text for other uses")]
        pub enum Opt {
            $(#[doc = concat!("`", $name, "`: ", $meaning)] $opt,)*
        }

        /// The table, in the order of the variants of [`Opt`]: the order in which `cyr_info` lists them.
        pub static OPTIONS: &[OptionRow] = &[
            $(OptionRow {
                opt: Opt::$opt,
                name: $name,
                kind: Kind::$kind($($arg),*),
                honour: Honour::$honour,
                since: $since,
                deprecated_since: some!($($dep)?),
                preferred: some!($($(Opt::$pref)?)?),
                meaning: $meaning,
            },)*
        ];
    };
}

impl Opt {
    /// The row of this option.
    pub fn row(self) -> &'static OptionRow {
        &OPTIONS[self as usize]
    }

    /// The name in imapd.conf.
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// Finds an option by its lower-case name.
    pub fn by_name(name: &[u8]) -> Option<Opt> {
        let mut slot = hash(name) % SLOTS;
        while let Some(row) = INDEX.get(slot).and_then(|&at| OPTIONS.get(at as usize)) {
            if row.name.as_bytes() == name {
                return Some(row.opt);
            }
            slot = (slot + 1) % SLOTS;
        }
        None
    }
}

/// Slots of the name index, a power of two well above the number of rows so that probes are short and always end.
const SLOTS: usize = 2048;

/// Row numbers by hash of the name, with open addressing; free slots hold a number past the table.
static INDEX: [u16; SLOTS] = {
    let mut index = [u16::MAX; SLOTS];
    let mut row = 0;
    while row < OPTIONS.len() {
        let mut slot = hash(OPTIONS[row].name.as_bytes()) % SLOTS;
        while index[slot] != u16::MAX {
            slot = (slot + 1) % SLOTS;
        }
        index[slot] = row as u16;
        row += 1;
    }
    index
};

/// FNV-1a.
const fn hash(bytes: &[u8]) -> usize {
    let mut hash: u32 = 0x811c_9dc5;
    let mut at = 0;
    while at < bytes.len() {
        hash = (hash ^ bytes[at] as u32).wrapping_mul(0x0100_0193);
        at += 1;
    }
    hash as usize
}

#[rustfmt::skip]
options! {
    Yes AclAdminImpliesWrite "acl_admin_implies_write" Switch(false) "3.6.0" [] "right `a` on a mailbox also grants write access to it";
    Yes Addressbookprefix "addressbookprefix" Str(Some("#addressbooks")) "2.5.0" [] "name of the top folder that holds a user's address books";
    Yes Admins "admins" Str(Some("")) "2.3.17" [] "space separated userids with administrator rights";
    NotYet AfsptsLocalrealms "afspts_localrealms" Str(None) "2.3.17" [] "Kerberos realms treated as local by the AFS pts module";
    NotYet AfsptsMycell "afspts_mycell" Str(None) "2.3.17" [] "AFS cell to use when it differs from the workstation's cell";
    Yes Allowallsubscribe "allowallsubscribe" Switch(false) "2.3.17" [] "allow subscribing to names that do not exist";
    Yes Allowanonymouslogin "allowanonymouslogin" Switch(false) "2.3.17" [] "accept ANONYMOUS logins";
    Yes Allowapop "allowapop" Switch(true) "2.3.17" [] "offer POP3 APOP when a secret store permits it";
    Yes Allowdeleted "allowdeleted" Switch(false) "3.1.8" [] "let clients open expunged messages through the DELETED namespace extension";
    NotYet Allownewnews "allownewnews" Switch(false) "2.3.17" [] "enable the NNTP NEWNEWS command";
    Yes Allowplaintext "allowplaintext" Switch(false) "3.0.0" [] "accept plain text passwords without TLS";
    Yes Allowsetacl "allowsetacl" Switch(true) "3.1.8" [] "offer ACL changing commands (SETACL/DELETEACL)";
    Yes Allowusermoves "allowusermoves" Switch(false) "2.3.17" [] "let admins move users by renaming between backends or partitions";
    Yes Altnamespace "altnamespace" Switch(true) "3.0.0" [] "personal folders beside INBOX instead of below it";
    Yes Altprefix "altprefix" Str(Some("Alt Folders")) "3.0.0" [] "name of the folder used to reach personal names that clash in altnamespace";
    Yes AnnotationDb "annotation_db" List(Some("twoskip"), &["skiplist", "twoskip", "zeroskip"]) "3.1.6" [] "database type of annotation files";
    Yes AnnotationDbPath "annotation_db_path" Str(None) "2.5.0" [] "absolute path of the global annotations database";
    Yes Anyoneuseracl "anyoneuseracl" Switch(true) "2.3.17" [] "let users grant rights to `anyone` on their mailboxes";
    Yes AnnotationAllowUndefined "annotation_allow_undefined" Switch(false) "2.5.0" [] "accept annotation entries with no definition";
    Yes AnnotationDefinitions "annotation_definitions" Str(None) "2.5.0" [] "file defining additional annotation entries";
    NotYet AnnotationCallout "annotation_callout" Str(None) "2.5.0" [] "program or socket consulted for annotations and flags of appended mail";
    NotYet AnnotationCalloutDisableAppend "annotation_callout_disable_append" Switch(false) "3.1.2" [] "do not run the callout for IMAP APPEND";
    Yes AnnotationEnableLegacyCommands "annotation_enable_legacy_commands" Switch(false) "3.1.6" [] "offer the old GETANNOTATION/SETANNOTATION commands";
    NotYet ApsTopic "aps_topic" Str(None) "3.0.0" [] "Apple push topic for mail";
    NotYet ApsTopicCaldav "aps_topic_caldav" Str(None) "3.0.0" [] "Apple push topic for CalDAV";
    NotYet ApsTopicCarddav "aps_topic_carddav" Str(None) "3.0.0" [] "Apple push topic for CardDAV";
    NotYet ArchiveEnabled "archive_enabled" Switch(false) "3.0.0" [] "use archive partitions for old and large messages";
    NotYet ArchiveDays "archive_days" Duration(None, b's') "3.1.8" ["3.1.8" ArchiveAfter] "old name of archive_after";
    Yes ArchiveAfter "archive_after" Duration(Some("7d"), b'd') "3.1.8" [] "age at which cyr_expire moves messages to the archive";
    Yes ArchiveMaxsize "archive_maxsize" Int(1024) "3.0.0" [] "KiB from which messages go to the archive immediately";
    Yes ArchiveKeepflagged "archive_keepflagged" Switch(false) "3.0.0" [] "never archive \\Flagged messages because of age";
    Yes Auditlog "auditlog" Switch(false) "2.4.0" [] "log every important change to syslog";
    NotYet AuthMech "auth_mech" List(Some("unix"), &["unix", "pts", "krb", "krb5"]) "2.3.17" [] "method for group membership and identifier checks";
    NotYet Autocreateinboxfolders "autocreateinboxfolders" Str(None) "2.5.0" ["2.5.0" AutocreateInboxFolders] "old name of autocreate_inbox_folders";
    NotYet Autocreatequota "autocreatequota" Int(0) "2.5.0" ["2.5.0" AutocreateQuota] "old name of autocreate_quota";
    NotYet Autocreatequotamsg "autocreatequotamsg" Int(-1) "2.5.0" ["2.5.0" AutocreateQuotaMessages] "old name of autocreate_quota_messages";
    NotYet Autosievefolders "autosievefolders" Str(None) "2.5.0" ["2.5.0" AutocreateSieveFolders] "old name of autocreate_sieve_folders";
    NotYet GenerateCompiledSieveScript "generate_compiled_sieve_script" Switch(false) "2.5.0" ["2.5.0" AutocreateSieveScriptCompile] "old name of autocreate_sieve_script_compile";
    NotYet AutocreateSieveCompiledScript "autocreate_sieve_compiled_script" Str(None) "2.5.0" ["2.5.0" AutocreateSieveScriptCompiled] "old name of autocreate_sieve_script_compiled";
    NotYet Autosubscribeinboxfolders "autosubscribeinboxfolders" Str(None) "2.5.0" ["2.5.0" AutocreateSubscribeFolders] "old name of autocreate_subscribe_folders";
    NotYet Autosubscribesharedfolders "autosubscribesharedfolders" Str(None) "2.5.0" ["2.5.0" AutocreateSubscribeSharedfolders] "old name of autocreate_subscribe_sharedfolders";
    NotYet AutosubscribeAllSharedfolders "autosubscribe_all_sharedfolders" Switch(false) "2.5.0" ["2.5.0" AutocreateSubscribeSharedfoldersAll] "old name of autocreate_subscribe_sharedfolders_all";
    Yes AutocreateInboxFolders "autocreate_inbox_folders" Str(None) "2.5.0" [] "folders (`|` separated, special-use attributes allowed) made with a new INBOX";
    Yes AutocreatePost "autocreate_post" Switch(false) "2.5.0" [] "create INBOX on first delivery too";
    Yes AutocreateQuota "autocreate_quota" Int(-1) "2.5.0" [] "storage quota KiB for new INBOXes; >=0 turns automatic creation on";
    Yes AutocreateQuotaMessages "autocreate_quota_messages" Int(-1) "3.0.0" [] "message count quota for new INBOXes";
    Yes AutocreateSieveFolders "autocreate_sieve_folders" Str(None) "2.5.0" [] "folders fileinto may create";
    Yes AutocreateSieveScript "autocreate_sieve_script" Str(None) "2.5.0" [] "script file installed for new users";
    Yes AutocreateSieveScriptCompile "autocreate_sieve_script_compile" Switch(false) "2.5.0" [] "compile the default script when its bytecode is missing or old";
    Yes AutocreateSieveScriptCompiled "autocreate_sieve_script_compiled" Str(None) "2.5.0" [] "bytecode file of the default script";
    Yes AutocreateSubscribeFolders "autocreate_subscribe_folders" Str(None) "2.5.0" [] "new folders to subscribe";
    Yes AutocreateSubscribeSharedfolders "autocreate_subscribe_sharedfolders" Str(None) "2.5.0" [] "shared folders to subscribe for new users";
    Yes AutocreateSubscribeSharedfoldersAll "autocreate_subscribe_sharedfolders_all" Switch(false) "2.5.0" [] "subscribe new users to all readable shared folders";
    Yes AutocreateUsers "autocreate_users" Str(Some("anyone")) "2.5.0" [] "users or groups for whom INBOXes are made automatically";
    Yes Autoexpunge "autoexpunge" Switch(false) "3.1.7" [] "when a mailbox is closed, expunge deleted messages automatically";
    NotYet BackupCompactMinsize "backup_compact_minsize" Int(0) "3.0.0" [] "KiB below which backup chunks are joined";
    NotYet BackupCompactMaxsize "backup_compact_maxsize" Int(0) "3.0.0" [] "KiB above which backup chunks are split";
    NotYet BackupCompactWorkThreshold "backup_compact_work_threshold" Int(1) "3.0.0" [] "number of chunks needing work before compaction starts";
    NotYet BackupStagingPath "backup_staging_path" Str(None) "3.0.0" [] "directory for staged incoming backup messages";
    NotYet BackupRetentionDays "backup_retention_days" Duration(None, b's') "3.1.8" ["3.1.8" BackupRetention] "old name of backup_retention";
    NotYet BackupRetention "backup_retention" Duration(Some("7d"), b'd') "3.1.0" [] "how long deleted content stays in backups";
    Yes BackupDb "backup_db" List(Some("twoskip"), &["skiplist", "sql", "twoskip", "zeroskip"]) "3.1.6" [] "database type of backups.db";
    Yes BackupDbPath "backup_db_path" Str(None) "3.0.0" [] "absolute path of backups.db";
    NotYet BackupKeepPrevious "backup_keep_previous" Switch(false) "3.0.0" [] "keep the previous file after compact/reindex";
    Yes BoundaryLimit "boundary_limit" Int(1000) "2.5.0" [] "maximum MIME nesting depth parsed, 0 unlimited";
    NotYet CaldavAcceptInvalidRrules "caldav_accept_invalid_rrules" Switch(false) "3.6.0" [] "store events whose RRULE is invalid";
    NotYet CaldavAllowattach "caldav_allowattach" Switch(true) "3.0.0" [] "allow managed attachments";
    NotYet CaldavAllowcalendaradmin "caldav_allowcalendaradmin" Switch(false) "3.1.2" [] "let users administer calendars with the web page";
    NotYet CaldavAllowscheduling "caldav_allowscheduling" Enum("on", &["off", "on", "apple"]) "2.5.0" [] "calendar scheduling extensions on, off or Apple style";
    NotYet CaldavCreateAttach "caldav_create_attach" Switch(true) "3.0.0" [] "make the attachments collection for new users";
    NotYet CaldavCreateDefault "caldav_create_default" Switch(true) "3.0.0" [] "make the Default calendar for new users";
    NotYet CaldavCreateSched "caldav_create_sched" Switch(true) "3.0.0" [] "make scheduling Inbox/Outbox for new users";
    NotYet CaldavHistoricalAge "caldav_historical_age" Duration(Some("7d"), b'd') "3.1.8" [] "how old a past event is before changes need privileges of history";
    NotYet CaldavMaxdatetime "caldav_maxdatetime" Str(Some("20380119T031407Z")) "2.5.0" [] "latest time considered in calendars";
    NotYet CaldavMindatetime "caldav_mindatetime" Str(Some("19011213T204552Z")) "2.5.0" [] "earliest time considered in calendars";
    NotYet CaldavRealm "caldav_realm" Str(None) "2.5.0" [] "HTTP auth realm for CalDAV";
    Yes Calendarprefix "calendarprefix" Str(Some("#calendars")) "2.5.0" [] "name of the top folder that holds calendars";
    NotYet CalendarDefaultDisplayname "calendar_default_displayname" Str(Some("personal")) "3.3.0" [] "display name of the automatic calendar";
    NotYet CalendarUserAddressSet "calendar_user_address_set" Str(None) "2.5.0" [] "domains considered local calendar user addresses";
    NotYet CalendarComponentSet "calendar_component_set" Bits("VEVENT VTODO VJOURNAL VFREEBUSY VAVAILABILITY VPOLL", &["VEVENT", "VTODO", "VJOURNAL", "VFREEBUSY", "VAVAILABILITY", "VPOLL"]) "3.1.7" [] "component types calendars may contain";
    NotYet CarddavAllowaddmember "carddav_allowaddmember" Switch(false) "3.1.3" [] "offer POST add-member for CardDAV";
    NotYet CarddavAllowaddressbookadmin "carddav_allowaddressbookadmin" Switch(false) "3.1.2" [] "let users administer address books with the web page";
    NotYet CarddavRealm "carddav_realm" Str(None) "2.5.0" [] "HTTP auth realm for CardDAV";
    Unused CarddavRepairVcard "carddav_repair_vcard" Switch(false) "3.0.0" ["3.3.1"] "repair broken vCards on upload";
    Yes Chatty "chatty" Switch(false) "2.5.0" [] "log all IMAP client commands";
    NotYet ClientBind "client_bind" Switch(false) "3.0.0" [] "bind outgoing connections to an own address";
    NotYet ClientBindName "client_bind_name" Str(None) "3.0.0" [] "address or name to bind outgoing connections to";
    Yes ClientTimeout "client_timeout" Duration(Some("10s"), b's') "3.1.8" [] "connect timeout for outgoing connections";
    Yes Commandmintimer "commandmintimer" Str(None) "2.4.0" [] "log commands slower than this many seconds";
    Yes Configdirectory "configdirectory" Str(None) "2.3.17" [] "top directory of databases and state; required";
    NotYet Createonpost "createonpost" Switch(false) "2.5.0" ["2.5.0" AutocreatePost] "old name of autocreate_post";
    Yes Conversations "conversations" Switch(false) "3.0.0" [] "keep conversation databases and per-user counters";
    Yes ConversationsCountedFlags "conversations_counted_flags" Str(None) "3.0.0" [] "flags counted per conversation";
    Yes ConversationsDb "conversations_db" List(Some("skiplist"), &["skiplist", "sql", "twoskip", "zeroskip"]) "3.1.6" [] "database type of conversation files";
    NotYet ConversationsExpireDays "conversations_expire_days" Duration(None, b's') "3.1.8" ["3.1.8" ConversationsExpireAfter] "old name of conversations_expire_after";
    Yes ConversationsExpireAfter "conversations_expire_after" Duration(Some("90d"), b'd') "3.1.8" [] "age after which message-id links are dropped";
    Yes ConversationsKeepExisting "conversations_keep_existing" Switch(true) "3.3.0" [] "do not expire links of conversations that still exist";
    Yes ConversationsMaxThread "conversations_max_thread" Int(100) "3.1.1" [] "messages in one conversation before it is split";
    Yes ConversationsMaxGuidrecords "conversations_max_guidrecords" Int(5000) "3.3.0" [] "limit of records per message guid";
    Yes ConversationsMaxGuidexists "conversations_max_guidexists" Int(100) "3.3.0" [] "limit of live copies per message guid";
    Yes ConversationsMaxGuidinfolder "conversations_max_guidinfolder" Int(10) "3.3.0" [] "limit of live copies per guid in one folder";
    Yes Crossdomains "crossdomains" Switch(false) "3.0.0" [] "allow sharing and visibility across virtual domains";
    Yes CrossdomainsOnlyother "crossdomains_onlyother" Switch(false) "3.0.0" [] "with crossdomains hide the domain for users of the same domain";
    Yes CyrusGroup "cyrus_group" Str(None) "3.1.7" [] "unix group to run as";
    Yes CyrusUser "cyrus_user" Str(None) "3.0.0" [] "unix user to run as";
    Yes Davdriveprefix "davdriveprefix" Str(Some("#drive")) "3.0.0" [] "name of the top folder for WebDAV files";
    Yes Davnotificationsprefix "davnotificationsprefix" Str(Some("#notifications")) "3.0.0" [] "name of the DAV notifications folder";
    NotYet DavRealm "dav_realm" Str(None) "2.5.0" [] "HTTP auth realm for all DAV";
    Yes DavLockTimeout "dav_lock_timeout" Duration(Some("20s"), b's') "3.1.8" [] "how long to wait for a locked DAV database";
    Yes Debug "debug" Switch(false) "2.5.0" [] "also log LOG_DEBUG messages";
    Yes DebugCommand "debug_command" Str(None) "2.3.17" [] "command started by service option -D";
    NotYet DebugWritefailGuid "debug_writefail_guid" Str(None) "3.6.0" [] "testing: pretend the disk is full for this guid";
    Yes Defaultacl "defaultacl" Str(Some("anyone lrs")) "2.3.17" [] "ACL of new top-level mailboxes";
    Yes Defaultdomain "defaultdomain" Str(Some("internal")) "3.0.0" [] "domain of unqualified users and of the default realm";
    Yes Defaultpartition "defaultpartition" Str(None) "2.3.17" [] "partition of new mailboxes";
    NotYet Defaultsearchtier "defaultsearchtier" Str(Some("")) "3.0.0" [] "search tier for new indexes";
    Unused Defaultserver "defaultserver" Str(None) "2.3.17" [] "backend for new mailboxes in a unified murder";
    Yes Deletedprefix "deletedprefix" Str(Some("DELETED")) "2.3.17" [] "first name component of delayed-delete mailboxes";
    Yes DeleteMode "delete_mode" Enum("delayed", &["immediate", "delayed"]) "2.5.0" [] "delete mailboxes at once or after moving to deletedprefix";
    Yes DeleteUnsubscribe "delete_unsubscribe" Switch(false) "3.0.0" [] "also unsubscribe the deleting user";
    Yes Deleteright "deleteright" Str(Some("c")) "2.3.17" [] "old right letter that gives delete permission";
    Yes DisableUserNamespace "disable_user_namespace" Switch(false) "2.5.0" [] "hide other users' mailboxes from LIST";
    Yes DisableSharedNamespace "disable_shared_namespace" Switch(false) "2.5.0" [] "hide shared mailboxes from LIST";
    Yes DisconnectOnVanishedMailbox "disconnect_on_vanished_mailbox" Switch(false) "2.3.17" [] "drop the connection when the selected mailbox disappears";
    NotYet IscheduleDkimDomain "ischedule_dkim_domain" Str(None) "2.5.0" [] "domain for iSchedule DKIM signatures";
    NotYet IscheduleDkimKeyFile "ischedule_dkim_key_file" Str(None) "2.5.0" [] "key file for iSchedule DKIM signatures";
    NotYet IscheduleDkimRequired "ischedule_dkim_required" Switch(true) "3.1.4" [] "demand valid DKIM on iSchedule requests";
    NotYet IscheduleDkimSelector "ischedule_dkim_selector" Str(None) "2.5.0" [] "DKIM selector for iSchedule";
    Yes DuplicateDb "duplicate_db" List(Some("twoskip"), &["skiplist", "sql", "twoskip", "zeroskip"]) "3.1.6" [] "database type of deliver.db";
    Yes DuplicateDbPath "duplicate_db_path" Str(None) "2.5.0" [] "absolute path of deliver.db";
    Yes Duplicatesuppression "duplicatesuppression" Switch(true) "2.3.17" [] "drop repeated deliveries of the same message";
    Yes EventContentInclusionMode "event_content_inclusion_mode" Enum("standard", &["standard", "message", "header", "body", "headerbody"]) "2.5.0" [] "which part of a message goes into event notifications";
    Yes EventContentSize "event_content_size" Int(0) "2.5.0" [] "bytes of content in event notifications, 0 all";
    Yes EventExcludeFlags "event_exclude_flags" Str(None) "2.5.0" [] "flags that give no event";
    Yes EventExcludeSpecialuse "event_exclude_specialuse" Str(Some("\\Junk")) "2.5.0" [] "special-use folders that give no events";
    Yes EventExtraParams "event_extra_params" Bits("timestamp", &["bodyStructure", "clientAddress", "diskUsed", "flagNames", "messageContent", "messageSize", "messages", "modseq", "service", "timestamp", "uidnext", "vnd.cmu.midset", "vnd.cmu.unseenMessages", "vnd.cmu.envelope", "vnd.cmu.sessionId", "vnd.cmu.mailboxACL", "vnd.cmu.mbtype", "vnd.cmu.davFilename", "vnd.cmu.davUid", "vnd.fastmail.clientId", "vnd.fastmail.sessionId", "vnd.fastmail.convExists", "vnd.fastmail.convUnseen", "vnd.fastmail.cid", "vnd.fastmail.counters", "vnd.fastmail.jmapEmail", "vnd.fastmail.jmapStates", "vnd.cmu.emailid", "vnd.cmu.threadid"]) "3.6.0" [] "optional fields in event notifications";
    Yes EventGroups "event_groups" Bits("message mailbox", &["message", "quota", "flags", "access", "mailbox", "subscription", "calendar", "applepushservice"]) "3.0.0" [] "classes of events to send";
    Yes EventNotifier "event_notifier" Str(None) "2.5.0" [] "notifyd method for events; unset = none";
    Yes ExpungeMode "expunge_mode" Enum("delayed", &["immediate", "semidelayed", "delayed"]) "3.1.1" [] "when expunged records and files really go";
    Yes Failedloginpause "failedloginpause" Duration(Some("3s"), b's') "3.1.8" [] "delay after a failed login";
    Unused Flushseenstate "flushseenstate" Switch(true) "2.5.0" ["2.5.0"] "obsolete, no effect";
    Yes Foolstupidclients "foolstupidclients" Switch(false) "2.3.17" [] "answer LIST \"*\" as if it were INBOX*";
    Yes ForceSaslClientMech "force_sasl_client_mech" Str(None) "2.3.17" [] "only mechanism used when connecting to other servers";
    Yes Fulldirhash "fulldirhash" Switch(false) "2.3.17" [] "hash directories over the whole name (A-W) instead of the first letter";
    Yes Hashimapspool "hashimapspool" Switch(false) "2.3.17" [] "add a hash level to spool and lock directories";
    NotYet Httpallowcompress "httpallowcompress" Switch(true) "2.5.0" [] "allow compressed HTTP responses";
    NotYet Httpallowcors "httpallowcors" Str(None) "2.5.0" [] "allowed CORS origins (wildmat)";
    NotYet Httpallowtrace "httpallowtrace" Switch(false) "2.5.0" [] "offer the TRACE method";
    NotYet Httpallowedurls "httpallowedurls" Str(None) "2.5.0" [] "paths that may be served";
    NotYet Httpcontentmd5 "httpcontentmd5" Switch(false) "2.5.0" [] "send Content-MD5";
    NotYet Httpdocroot "httpdocroot" Str(None) "2.5.0" [] "document root for static files";
    NotYet Httpkeepalive "httpkeepalive" Duration(Some("20s"), b's') "3.1.8" [] "idle time of persistent HTTP connections";
    NotYet Httplogheaders "httplogheaders" Str(None) "3.3.1" [] "extra request headers to log";
    Yes Httpmodules "httpmodules" Bits("", &["admin", "caldav", "carddav", "cgi", "domainkey", "freebusy", "ischedule", "jmap", "prometheus", "rss", "tzdist", "webdav"]) "3.1.7" [] "HTTP modules to enable";
    NotYet Httpprettytelemetry "httpprettytelemetry" Switch(false) "2.5.0" [] "indent XML/JSON in telemetry and output";
    NotYet Httptimeout "httptimeout" Duration(Some("5m"), b'm') "3.1.8" [] "idle timeout of HTTP clients";
    NotYet HttpH2Altsvc "http_h2_altsvc" Str(None) "3.6.0" [] "Alt-Svc value for HTTP/2 upgrade";
    NotYet HttpJwtKeyDir "http_jwt_key_dir" Str(None) "3.6.0" [] "directory of keys to verify bearer JSON web tokens";
    NotYet HttpJwtMaxAge "http_jwt_max_age" Duration(Some("0s"), b's') "3.6.0" [] "maximum token age, 0 no limit";
    NotYet IcalendarMaxSize "icalendar_max_size" Int(0) "3.6.0" [] "largest accepted iCalendar object, 0 unlimited";
    Yes Idlesocket "idlesocket" Str(Some("{configdirectory}/socket/idle")) "2.3.17" [] "datagram socket of idled";
    Yes Ignorereference "ignorereference" Switch(false) "2.3.17" [] "ignore the LIST reference argument";
    Yes Imapidlepoll "imapidlepoll" Duration(Some("60s"), b's') "3.1.8" [] "poll interval while in IDLE, 0 disables IDLE";
    Yes Imapidresponse "imapidresponse" Switch(true) "2.3.17" [] "answer the ID command";
    Yes Imapmagicplus "imapmagicplus" Switch(false) "2.3.17" [] "login as `user+` lists only subscribed-like folders of that variant (restricted LIST)";
    NotYet Imipnotifier "imipnotifier" Str(None) "3.0.0" [] "notifyd method for iMIP messages";
    Yes ImplicitOwnerRights "implicit_owner_rights" Str(Some("lkxan")) "3.1.2" [] "rights an owner always has";
    Unused ImprovedMboxlistSort "improved_mboxlist_sort" Switch(false) "2.3.17" [] "historic sort order switch, unused in 3.6.1";
    Unused JmapEmailsearchDbPath "jmap_emailsearch_db_path" Str(None) "3.1.6" ["3.6.0"] "obsolete query cache file";
    NotYet JmapQuerycacheMaxAge "jmap_querycache_max_age" Duration(Some("0m"), b'm') "3.6.0" [] "life of cached JMAP queries, 0 off";
    Yes JmapPreviewAnnot "jmap_preview_annot" Str(None) "3.1.1" [] "annotation holding the JMAP preview";
    Unused JmapImagesizeAnnot "jmap_imagesize_annot" Str(None) "3.1.1" [] "annotation holding image sizes";
    Unused JmapInlinedcidsAnnot "jmap_inlinedcids_annot" Str(None) "3.1.1" [] "annotation holding inlined content ids";
    NotYet JmapPreviewLength "jmap_preview_length" Int(64) "3.1.1" [] "characters of generated previews";
    NotYet JmapMaxCatenateItems "jmap_max_catenate_items" Int(100) "3.6.0" [] "maximum parts in one Blob catenation";
    NotYet JmapMaxSizeUpload "jmap_max_size_upload" Int(1048576) "3.1.6" [] "largest JMAP upload, KiB";
    NotYet JmapMaxSizeBlobSet "jmap_max_size_blob_set" Int(4096) "3.3.0" [] "largest Blob/set size, KiB";
    NotYet JmapMaxConcurrentUpload "jmap_max_concurrent_upload" Int(5) "3.1.6" [] "concurrent uploads";
    NotYet JmapMaxSizeRequest "jmap_max_size_request" Int(10240) "3.1.6" [] "largest API request, KiB";
    NotYet JmapMaxConcurrentRequests "jmap_max_concurrent_requests" Int(5) "3.1.6" [] "concurrent API requests";
    NotYet JmapMaxCallsInRequest "jmap_max_calls_in_request" Int(50) "3.1.6" [] "method calls per request";
    NotYet JmapMaxDelayedSend "jmap_max_delayed_send" Duration(Some("512d"), b'd') "3.1.8" [] "longest delayed send";
    NotYet JmapMaxObjectsInGet "jmap_max_objects_in_get" Int(4096) "3.1.6" [] "objects per get";
    NotYet JmapMaxObjectsInSet "jmap_max_objects_in_set" Int(4096) "3.1.6" [] "objects per set";
    NotYet JmapMailMaxSizeAttachmentsPerEmail "jmap_mail_max_size_attachments_per_email" Int(10240) "3.1.6" [] "attachment KiB per mail";
    NotYet JmapNonstandardExtensions "jmap_nonstandard_extensions" Switch(false) "3.1.9" [] "offer Cyrus specific JMAP capabilities";
    NotYet JmapPushpoll "jmap_pushpoll" Duration(Some("60s"), b's') "3.6.0" [] "poll interval of JMAP push";
    NotYet JmapSetHasAttachment "jmap_set_has_attachment" Switch(true) "3.1.5" [] "set $HasAttachment when creating mail";
    NotYet JmapVacation "jmap_vacation" Switch(true) "3.1.8" [] "offer the vacation response capability";
    Yes Jmapuploadfolder "jmapuploadfolder" Str(Some("#jmap")) "3.1.1" [] "folder for JMAP uploads";
    NotYet JmapsubmissionDeleteonsend "jmapsubmission_deleteonsend" Switch(true) "3.1.8" [] "remove submission entries after sending";
    Yes Jmapsubmissionfolder "jmapsubmissionfolder" Str(Some("#jmapsubmission")) "3.1.8" [] "folder for JMAP submissions";
    Yes Jmappushsubscriptionfolder "jmappushsubscriptionfolder" Str(Some("#jmappushsubscription")) "3.1.8" [] "folder for JMAP push subscriptions";
    Yes Iolog "iolog" Switch(false) "2.5.0" [] "log I/O counters of commands";
    NotYet LdapAuthz "ldap_authz" Str(None) "2.3.17" [] "SASL authorization id for LDAP";
    NotYet LdapBase "ldap_base" Str(Some("")) "2.3.17" [] "search base for users";
    NotYet LdapBindDn "ldap_bind_dn" Str(None) "2.3.17" [] "DN for simple bind";
    NotYet LdapDeref "ldap_deref" List(Some("never"), &["search", "find", "always", "never"]) "2.3.17" [] "alias dereferencing";
    NotYet LdapDomainBaseDn "ldap_domain_base_dn" Str(Some("")) "2.5.0" [] "base of domain searches";
    NotYet LdapDomainFilter "ldap_domain_filter" Str(Some("(&(objectclass=domainrelatedobject)(associateddomain=%s))")) "2.5.0" [] "filter of domain searches";
    NotYet LdapDomainNameAttribute "ldap_domain_name_attribute" Str(Some("associateddomain")) "2.5.0" [] "attribute with the domain name";
    NotYet LdapDomainScope "ldap_domain_scope" List(Some("sub"), &["sub", "one", "base"]) "2.5.0" [] "scope of domain searches";
    NotYet LdapDomainResultAttribute "ldap_domain_result_attribute" Str(Some("inetdomainbasedn")) "2.5.0" [] "attribute giving the user base of a domain";
    NotYet LdapFilter "ldap_filter" Str(Some("(uid=%u)")) "2.3.17" [] "user filter with %u %U %d %R %D substitutions";
    NotYet LdapGroupBase "ldap_group_base" Str(Some("")) "2.3.17" [] "base of group searches";
    NotYet LdapGroupFilter "ldap_group_filter" Str(Some("(cn=%u)")) "2.3.17" [] "filter of group searches";
    NotYet LdapGroupScope "ldap_group_scope" List(Some("sub"), &["sub", "one", "base"]) "2.3.17" [] "scope of group searches";
    NotYet LdapId "ldap_id" Str(None) "2.3.17" [] "SASL authentication id for LDAP";
    NotYet LdapMech "ldap_mech" Str(None) "2.3.17" [] "SASL mechanism for LDAP";
    NotYet LdapUserAttribute "ldap_user_attribute" Str(None) "2.5.0" [] "attribute giving the canonical userid";
    NotYet LdapMemberAttribute "ldap_member_attribute" Str(None) "2.3.17" [] "attribute with group names";
    NotYet LdapMemberBase "ldap_member_base" Str(Some("")) "2.3.17" [] "base for the filter method";
    NotYet LdapMemberFilter "ldap_member_filter" Str(Some("(member=%D)")) "2.3.17" [] "filter for the filter method";
    NotYet LdapMemberMethod "ldap_member_method" List(Some("attribute"), &["attribute", "filter"]) "2.3.17" [] "how groups of a user are found";
    NotYet LdapMemberScope "ldap_member_scope" List(Some("sub"), &["sub", "one", "base"]) "2.3.17" [] "scope for the filter method";
    NotYet LdapPassword "ldap_password" Str(None) "2.3.17" [] "password for LDAP bind";
    NotYet LdapRealm "ldap_realm" Str(None) "2.3.17" [] "SASL realm for LDAP";
    NotYet LdapReferrals "ldap_referrals" Switch(false) "2.3.17" [] "follow referrals";
    NotYet LdapRestart "ldap_restart" Switch(true) "2.3.17" [] "retry interrupted select calls";
    NotYet LdapSasl "ldap_sasl" Switch(true) "2.3.17" [] "use SASL bind";
    NotYet LdapSaslAuthc "ldap_sasl_authc" Str(None) "2.5.0" ["2.5.0" LdapId] "old name of ldap_id";
    NotYet LdapSaslAuthz "ldap_sasl_authz" Str(None) "2.5.0" ["2.5.0" LdapAuthz] "old name of ldap_authz";
    NotYet LdapSaslMech "ldap_sasl_mech" Str(None) "2.5.0" ["2.5.0" LdapMech] "old name of ldap_mech";
    NotYet LdapSaslPassword "ldap_sasl_password" Str(None) "2.5.0" ["2.5.0" LdapPassword] "old name of ldap_password";
    NotYet LdapSaslRealm "ldap_sasl_realm" Str(None) "2.5.0" ["2.5.0" LdapRealm] "old name of ldap_realm";
    NotYet LdapScope "ldap_scope" List(Some("sub"), &["sub", "one", "base"]) "2.3.17" [] "scope of user searches";
    NotYet LdapServers "ldap_servers" Str(Some("ldap://localhost/")) "2.5.0" ["2.5.0" LdapUri] "old name of ldap_uri";
    NotYet LdapSizeLimit "ldap_size_limit" Int(1) "2.3.17" [] "maximum entries returned";
    NotYet LdapStartTls "ldap_start_tls" Switch(false) "2.3.17" [] "use StartTLS";
    NotYet LdapTimeLimit "ldap_time_limit" Duration(Some("5s"), b's') "3.1.8" [] "server side time limit";
    NotYet LdapTimeout "ldap_timeout" Duration(Some("5s"), b's') "3.1.8" [] "client side timeout";
    NotYet LdapCaDir "ldap_ca_dir" Str(None) "2.5.0" [] "CA directory for LDAP TLS";
    NotYet LdapCaFile "ldap_ca_file" Str(None) "2.5.0" [] "CA file for LDAP TLS";
    NotYet LdapCiphers "ldap_ciphers" Str(None) "2.5.0" [] "cipher list for LDAP TLS";
    NotYet LdapClientCert "ldap_client_cert" Str(None) "2.5.0" [] "client certificate for LDAP TLS";
    NotYet LdapClientKey "ldap_client_key" Str(None) "2.5.0" [] "client key for LDAP TLS";
    NotYet LdapVerifyPeer "ldap_verify_peer" Switch(false) "2.5.0" [] "verify the LDAP server certificate";
    NotYet LdapTlsCacertDir "ldap_tls_cacert_dir" Str(None) "2.5.0" ["2.5.0" LdapCaDir] "old name of ldap_ca_dir";
    NotYet LdapTlsCacertFile "ldap_tls_cacert_file" Str(None) "2.5.0" ["2.5.0" LdapCaFile] "old name of ldap_ca_file";
    NotYet LdapTlsCert "ldap_tls_cert" Str(None) "2.5.0" ["2.5.0" LdapClientCert] "old name of ldap_client_cert";
    NotYet LdapTlsKey "ldap_tls_key" Str(None) "2.5.0" ["2.5.0" LdapClientKey] "old name of ldap_client_key";
    NotYet LdapTlsCheckPeer "ldap_tls_check_peer" Switch(false) "2.5.0" ["2.5.0" LdapVerifyPeer] "old name of ldap_verify_peer";
    NotYet LdapTlsCiphers "ldap_tls_ciphers" Str(None) "2.5.0" ["2.5.0" LdapCiphers] "old name of ldap_ciphers";
    NotYet LdapUri "ldap_uri" Str(None) "2.3.17" [] "LDAP server URIs";
    NotYet LdapVersion "ldap_version" Int(3) "2.3.17" [] "LDAP protocol version";
    Yes Literalminus "literalminus" Switch(false) "3.0.0" [] "limit non-synchronizing literals to 4096 bytes (LITERAL-)";
    Yes LmtpDowncaseRcpt "lmtp_downcase_rcpt" Switch(true) "2.5.0" [] "lower-case the local part of LMTP recipients";
    Yes LmtpExcludeSpecialuse "lmtp_exclude_specialuse" Str(Some("\\Snoozed")) "3.1.8" [] "special-use folders LMTP must not deliver into";
    Yes LmtpFuzzyMailboxMatch "lmtp_fuzzy_mailbox_match" Switch(false) "2.3.17" [] "deliver to the nearest existing folder of user+folder";
    Yes LmtpOverQuotaPermFailure "lmtp_over_quota_perm_failure" Switch(false) "2.3.17" [] "permanent instead of temporary over-quota error";
    Unused LmtpPreparse "lmtp_preparse" Switch(false) "3.3.1" [] "parse messages before locking the user";
    Yes LmtpStrictQuota "lmtp_strict_quota" Switch(false) "2.3.17" [] "include the message size in the quota test";
    Yes LmtpStrictRfc2821 "lmtp_strict_rfc2821" Switch(true) "2.5.0" [] "refuse malformed addresses";
    Yes Lmtpsocket "lmtpsocket" Str(Some("{configdirectory}/socket/lmtp")) "2.3.17" [] "unix socket deliver connects to";
    NotYet LmtptxnTimeout "lmtptxn_timeout" Duration(Some("5m"), b'm') "3.1.8" [] "timeout of proxied LMTP transactions";
    Yes LockDebugtime "lock_debugtime" Str(None) "3.1.4" [] "log locks waited for longer than this many seconds";
    Yes Loginrealms "loginrealms" Str(Some("")) "2.3.17" [] "realms accepted for cross-realm authentication";
    Yes Loginuseacl "loginuseacl" Switch(false) "2.3.17" [] "use ACLs of INBOX to permit proxy login";
    Unused Logtimestamps "logtimestamps" Switch(false) "2.3.17" [] "put time stamps in telemetry files";
    Yes MailboxDefaultOptions "mailbox_default_options" Int(0) "2.3.17" [] "option bits of new mailboxes";
    Yes MailboxInitialFlags "mailbox_initial_flags" Str(None) "2.5.0" [] "keywords always allowed as first flags";
    Yes MailboxLegacyDirs "mailbox_legacy_dirs" Switch(false) "3.6.0" [] "create mailboxes in name based directories";
    Yes MailboxMaxmessagesAddressbook "mailbox_maxmessages_addressbook" Int(0) "3.3.0" [] "message limit for address books, 0 none";
    Yes MailboxMaxmessagesCalendar "mailbox_maxmessages_calendar" Int(0) "3.3.0" [] "message limit for calendars, 0 none";
    Yes MailboxMaxmessagesEmail "mailbox_maxmessages_email" Int(0) "3.3.0" [] "message limit for mail folders, 0 none";
    Yes Mailnotifier "mailnotifier" Str(None) "2.3.17" [] "notifyd method for new mail";
    Yes MasterBindErrorsFatal "master_bind_errors_fatal" Switch(false) "3.3.0" [] "master exits when a service cannot bind";
    Yes Maxheaderlines "maxheaderlines" Int(1000) "2.3.17" [] "header lines parsed per part";
    Yes MaxloginsPerHost "maxlogins_per_host" Int(0) "2.5.0" [] "concurrent logins from one host, 0 unlimited";
    Yes MaxloginsPerUser "maxlogins_per_user" Int(0) "2.5.0" [] "concurrent logins of one user, 0 unlimited";
    Yes Maxargssize "maxargssize" Int(0) "255.255.255" [] "largest total size of the arguments of one command, 0 unlimited (Debian security backport)";
    Yes Maxmessagesize "maxmessagesize" Int(0) "2.3.17" [] "largest message in bytes, 0 = 2^32-1";
    Yes Maxliteral "maxliteral" Int(131072) "255.255.255" [] "largest non-APPEND literal in bytes (Debian security backport; not upstream 3.6.1)";
    Yes Maxquoted "maxquoted" Int(131072) "2.3.17" [] "longest quoted string";
    Yes Maxword "maxword" Int(131072) "2.3.17" [] "longest atom";
    Yes MboxkeyDb "mboxkey_db" List(Some("twoskip"), &["skiplist", "twoskip", "zeroskip"]) "3.1.6" [] "database type of mailbox key files";
    Yes MboxlistDb "mboxlist_db" List(Some("twoskip"), &["flat", "skiplist", "sql", "twoskip", "zeroskip"]) "3.1.6" [] "database type of mailboxes.db";
    Yes MboxlistDbPath "mboxlist_db_path" Str(None) "2.5.0" [] "absolute path of mailboxes.db";
    Yes MboxnameLockpath "mboxname_lockpath" Str(None) "2.4.0" [] "directory of name lock files";
    Yes MetapartitionFiles "metapartition_files" Bits("", &["header", "index", "cache", "expunge", "squat", "annotations", "lock", "dav", "archivecache"]) "3.0.0" [] "which meta files live on metapartition-NAME";
    NotYet MupdateAuthname "mupdate_authname" Str(None) "2.3.17" [] "user for SASL authentication to mupdate";
    NotYet MupdateConfig "mupdate_config" Enum("standard", &["standard", "unified", "replicated"]) "2.3.17" [] "murder layout";
    Yes Munge8bit "munge8bit" Switch(true) "2.3.17" [] "replace 8-bit bytes in headers by X";
    NotYet MupdateConnectionsMax "mupdate_connections_max" Int(128) "2.3.17" [] "maximum mupdate connections";
    NotYet MupdatePassword "mupdate_password" Str(None) "2.3.17" [] "password for mupdate";
    Unused MupdatePort "mupdate_port" Int(3905) "2.3.17" [] "mupdate port";
    NotYet MupdateRealm "mupdate_realm" Str(None) "2.3.17" [] "realm for mupdate";
    NotYet MupdateRetryDelay "mupdate_retry_delay" Int(20) "2.3.17" [] "seconds between reconnects";
    NotYet MupdateServer "mupdate_server" Str(None) "2.3.17" [] "mupdate master host; makes this a murder member";
    NotYet MupdateUsername "mupdate_username" Str(Some("")) "2.3.17" [] "authorization id for mupdate";
    NotYet MupdateWorkersMax "mupdate_workers_max" Int(50) "2.3.17" [] "maximum worker threads";
    NotYet MupdateWorkersMaxspare "mupdate_workers_maxspare" Int(10) "2.3.17" [] "maximum idle workers";
    NotYet MupdateWorkersMinspare "mupdate_workers_minspare" Int(2) "2.3.17" [] "minimum idle workers";
    NotYet MupdateWorkersStart "mupdate_workers_start" Int(5) "2.3.17" [] "workers at start";
    Unused Netscapeurl "netscapeurl" Str(None) "2.3.17" [] "answer to the NETSCAPE command";
    NotYet Newsaddheaders "newsaddheaders" Bits("to", &["to", "replyto"]) "2.5.0" [] "headers added to posted news";
    NotYet Newsgroups "newsgroups" Str(Some("*")) "2.4.0" [] "groups fed to peers (wildmat)";
    NotYet Newsmaster "newsmaster" Str(Some("news")) "2.3.17" [] "user executing news control messages";
    NotYet Newspeer "newspeer" Str(None) "2.3.17" [] "NNTP peers to feed";
    NotYet Newspostuser "newspostuser" Str(None) "2.5.0" [] "user used for To/Reply-To addresses of news";
    NotYet Newsprefix "newsprefix" Str(None) "2.3.17" [] "mailbox prefix of newsgroups";
    NotYet NewsrcDbPath "newsrc_db_path" Str(None) "2.5.0" [] "absolute path of the fetchnews database";
    NotYet Nntptimeout "nntptimeout" Duration(Some("3m"), b'm') "3.1.8" [] "idle timeout of NNTP clients";
    Yes Notesmailbox "notesmailbox" Str(None) "3.0.0" [] "folder with Apple notes counters";
    Yes Notifysocket "notifysocket" Str(Some("{configdirectory}/socket/notify")) "2.3.17" [] "socket of notifyd";
    Yes NotifyExternal "notify_external" Str(None) "2.4.0" [] "program of the external notify method";
    Yes PartitionSelectMode "partition_select_mode" List(Some("freespace-most"), &["random", "freespace-most", "freespace-percent-most", "freespace-percent-weighted", "freespace-percent-weighted-delta"]) "2.5.0" [] "how a partition is chosen for new mailboxes without defaultpartition";
    Yes PartitionSelectExclude "partition_select_exclude" Str(None) "2.5.0" [] "partitions never chosen automatically";
    Yes PartitionSelectUsageReinit "partition_select_usage_reinit" Int(0) "2.5.0" [] "choices between usage checks";
    Yes PartitionSelectSoftUsageLimit "partition_select_soft_usage_limit" Int(0) "2.5.0" [] "percent used above which partitions are avoided";
    Yes Plaintextloginpause "plaintextloginpause" Duration(None, b's') "3.1.8" [] "delay after a plain text login";
    Yes Plaintextloginalert "plaintextloginalert" Str(None) "2.3.17" [] "alert text after a plain text login";
    Yes Popexpiretime "popexpiretime" Duration(Some("-1"), b'd') "3.1.8" [] "EXPIRE value announced by POP3, -1 never";
    Yes Popminpoll "popminpoll" Duration(None, b'm') "3.1.8" [] "minimum time between POP3 logins";
    Yes Popsubfolders "popsubfolders" Switch(false) "2.3.17" [] "allow POP3 login to user+folder";
    Yes Poppollpadding "poppollpadding" Int(1) "2.3.17" [] "logins allowed before popminpoll applies";
    Yes Poptimeout "poptimeout" Duration(Some("10m"), b'm') "3.1.8" [] "idle timeout of POP3 clients";
    Yes Popuseacl "popuseacl" Switch(false) "2.3.17" [] "POP3 obeys ACLs instead of being limited to the owner";
    Yes Popuseimapflags "popuseimapflags" Switch(false) "2.3.17" [] "POP3 sets \\Seen";
    Yes Postmaster "postmaster" Str(Some("postmaster")) "2.3.17" [] "address used in error texts";
    Unused Postspec "postspec" Str(None) "2.3.17" [] "obsolete delivery option";
    Yes Postuser "postuser" Str(Some("")) "2.3.17" [] "user part of addresses of shared folders";
    Yes ProcPath "proc_path" Str(None) "2.5.0" [] "directory of proc files";
    Yes PrometheusEnabled "prometheus_enabled" Switch(false) "3.1.2" [] "collect statistics";
    NotYet PrometheusNeedAuth "prometheus_need_auth" List(Some("admin"), &["none", "user", "admin"]) "3.1.2" [] "who may read /metrics";
    Yes PrometheusUpdateFreq "prometheus_update_freq" Duration(Some("10s"), b's') "3.1.8" [] "refresh interval of the report";
    Yes PrometheusStatsDir "prometheus_stats_dir" Str(None) "3.1.2" [] "directory of statistics files";
    NotYet ProxyAuthname "proxy_authname" Str(Some("proxy")) "2.3.17" [] "user for authentication to backends";
    NotYet ProxyCompress "proxy_compress" Switch(false) "2.3.17" [] "use compression to backends";
    NotYet ProxyPassword "proxy_password" Str(None) "2.3.17" [] "password for backends";
    NotYet ProxyRealm "proxy_realm" Str(None) "2.3.17" [] "realm for backends";
    NotYet ProxydAllowStatusReferral "proxyd_allow_status_referral" Switch(false) "2.3.17" [] "give referrals for STATUS";
    NotYet ProxydDisableMailboxReferrals "proxyd_disable_mailbox_referrals" Switch(false) "2.3.17" [] "never give mailbox referrals";
    NotYet Proxyservers "proxyservers" Str(None) "2.3.17" [] "users that may proxy for others";
    NotYet PtsModule "pts_module" List(Some("afskrb"), &["afskrb", "ldap"]) "2.3.17" [] "backend of ptloader";
    NotYet PtloaderSock "ptloader_sock" Str(None) "2.3.17" [] "socket of ptloader";
    Yes PtscacheDb "ptscache_db" List(Some("twoskip"), &["skiplist", "twoskip", "zeroskip"]) "3.1.6" [] "database type of ptscache.db";
    Yes PtscacheDbPath "ptscache_db_path" Str(None) "2.5.0" [] "absolute path of ptscache.db";
    NotYet PtscacheTimeout "ptscache_timeout" Duration(Some("3h"), b's') "3.1.8" [] "life of cached groups";
    NotYet Ptskrb5Convert524 "ptskrb5_convert524" Switch(true) "2.3.16" [] "convert Kerberos 5 names to version 4 in pts";
    NotYet Ptskrb5StripDefaultRealm "ptskrb5_strip_default_realm" Switch(true) "2.3.17" [] "strip the default realm in pts";
    Yes Qosmarking "qosmarking" Enum("cs0", &["cs0", "cs1", "cs2", "cs3", "cs4", "cs5", "cs6", "cs7", "af11", "af12", "af13", "af21", "af22", "af23", "af31", "af32", "af33", "af41", "af42", "af43", "ef"]) "2.5.0" [] "IP QoS marking of listening sockets";
    Yes QuotaDb "quota_db" List(Some("quotalegacy"), &["flat", "skiplist", "sql", "quotalegacy", "twoskip", "zeroskip"]) "3.1.6" [] "database type of quotas";
    Yes QuotaDbPath "quota_db_path" Str(None) "2.5.0" [] "absolute path of the quota database (quotalegacy: its directory part)";
    Yes QuotaUseConversations "quota_use_conversations" Switch(false) "3.3.0" [] "count storage and messages once per guid";
    Yes Quotawarn "quotawarn" Int(90) "2.3.17" [] "percent used from which a warning is given";
    Yes Quotawarnkb "quotawarnkb" Int(0) "2.3.17" [] "warn when less KiB remain";
    Yes Quotawarnmsg "quotawarnmsg" Int(0) "2.5.0" [] "warn when fewer messages remain";
    Yes Readonly "readonly" Switch(false) "3.3.0" [] "do not allow changes";
    Yes Reject8bit "reject8bit" Switch(false) "2.3.17" [] "refuse messages with 8-bit header bytes";
    Unused RestoreAuthname "restore_authname" Str(None) "3.0.0" [] "user for restore";
    Unused RestorePassword "restore_password" Str(None) "3.0.0" [] "password for restore";
    Unused RestoreRealm "restore_realm" Str(None) "3.0.0" [] "realm for restore";
    Yes Reverseacls "reverseacls" Switch(false) "3.0.0" [] "keep reverse ACL records for faster LIST";
    Unused Reverseuniqueids "reverseuniqueids" Switch(true) "3.6.0" ["3.6.0"] "obsolete, no effect";
    Yes Rfc2046Strict "rfc2046_strict" Switch(false) "2.3.17" [] "exact MIME boundary matching only";
    Yes Rfc2047Utf8 "rfc2047_utf8" Switch(false) "3.0.0" [] "treat raw 8-bit in headers as UTF-8";
    Yes Rfc3028Strict "rfc3028_strict" Switch(true) "2.3.17" [] "refuse 8-bit and other laxities in Sieve scripts";
    NotYet RssFeedlistTemplate "rss_feedlist_template" Str(None) "2.5.0" [] "HTML template of the feed list";
    NotYet RssFeeds "rss_feeds" Str(Some("*")) "2.5.0" [] "mailboxes offered as feeds (wildmat)";
    NotYet RssMaxage "rss_maxage" Duration(None, b'd') "3.1.8" [] "oldest items in feeds";
    NotYet RssMaxitems "rss_maxitems" Int(0) "2.5.0" [] "items per feed";
    NotYet RssMaxsynopsis "rss_maxsynopsis" Int(0) "2.5.0" [] "characters of synopsis";
    NotYet RssRealm "rss_realm" Str(None) "2.5.0" [] "HTTP auth realm for feeds";
    Yes SaslMaximumLayer "sasl_maximum_layer" Int(256) "2.3.17" [] "maximum SASL security strength";
    Yes SaslMinimumLayer "sasl_minimum_layer" Int(0) "2.3.17" [] "minimum SASL security strength";
    NotYet SearchBatchsize "search_batchsize" Int(20) "3.0.0" [] "messages indexed per transaction";
    NotYet SearchAttachmentExtractorUrl "search_attachment_extractor_url" Str(None) "3.3.1" [] "HTTP service extracting text of attachments";
    Unused SearchIndexLanguage "search_index_language" Switch(false) "3.3.1" [] "index by detected language";
    Unused SearchIndexParts "search_index_parts" Switch(false) "3.2.1" ["3.2.1"] "obsolete";
    NotYet SearchIndexSkipDomains "search_index_skip_domains" Str(None) "3.3.1" [] "domains never indexed";
    NotYet SearchIndexSkipUsers "search_index_skip_users" Str(None) "3.3.1" [] "users never indexed";
    Unused SearchQueryLanguage "search_query_language" Switch(false) "3.3.0" ["3.3.0"] "obsolete";
    NotYet SearchNormalisationMax "search_normalisation_max" Int(1000) "3.0.0" [] "maximum expression nodes for normalisation";
    NotYet SearchEngine "search_engine" Enum("none", &["none", "squat", "xapian"]) "3.1.2" [] "full text engine";
    NotYet SearchFuzzyAlways "search_fuzzy_always" Switch(false) "3.1.5" [] "use the engine also for plain SEARCH";
    NotYet SearchIndexHeaders "search_index_headers" Switch(true) "3.0.0" [] "index headers other than the main ones";
    NotYet SearchIndexedDb "search_indexed_db" List(Some("twoskip"), &["flat", "skiplist", "twoskip", "zeroskip"]) "3.1.6" [] "database type of the indexed-state file";
    NotYet SearchMaxtime "search_maxtime" Str(None) "3.0.0" [] "seconds until a search is aborted";
    NotYet SearchMaxsize "search_maxsize" Int(4096) "3.6.0" [] "KiB of text indexed per part";
    NotYet SearchQueryscan "search_queryscan" Int(5000) "3.1.7" [] "messages below which a scan is used instead of the index";
    Yes SearchSkipdiacrit "search_skipdiacrit" Switch(true) "2.5.0" [] "ignore diacritical marks";
    Yes SearchSkiphtml "search_skiphtml" Switch(false) "3.0.0" [] "ignore HTML tags";
    Yes SearchWhitespace "search_whitespace" Enum("merge", &["skip", "merge", "keep"]) "2.5.0" [] "handling of white space in searches";
    Unused SearchSnippetLength "search_snippet_length" Int(255) "3.0.0" [] "length of snippets";
    Unused SearchStopwordPath "search_stopword_path" Str(None) "3.1.7" [] "directory of stop word lists";
    Yes SeenstateDb "seenstate_db" List(Some("twoskip"), &["flat", "skiplist", "twoskip", "zeroskip"]) "3.1.6" [] "database type of seen files";
    Yes Sendmail "sendmail" Str(Some("/usr/lib/sendmail")) "2.3.17" [] "program to send mail";
    Unused SendmailAuthId "sendmail_auth_id" Str(Some("CYRUS_SENDMAIL_AUTH_ID")) "3.1.3" [] "environment variable passing the user to sendmail";
    NotYet Serverlist "serverlist" Str(None) "2.3.17" [] "murder backends";
    NotYet ServerlistSelectMode "serverlist_select_mode" List(Some("freespace-most"), &["random", "freespace-most", "freespace-percent-most", "freespace-percent-weighted", "freespace-percent-weighted-delta"]) "2.5.0" [] "how a backend is chosen";
    NotYet ServerlistSelectUsageReinit "serverlist_select_usage_reinit" Int(0) "2.5.0" [] "choices between usage checks";
    NotYet ServerlistSelectSoftUsageLimit "serverlist_select_soft_usage_limit" Int(0) "2.5.0" [] "percent used above which backends are avoided";
    Yes Servername "servername" Str(None) "2.3.17" [] "host name shown to clients";
    Yes Serverinfo "serverinfo" Enum("on", &["off", "min", "on"]) "2.3.17" [] "how much server information banners show";
    Yes Sharedprefix "sharedprefix" Str(Some("Shared Folders")) "2.3.17" [] "prefix of shared folders in altnamespace";
    Yes SieveAllowreferrals "sieve_allowreferrals" Switch(true) "2.3.17" [] "timsieved gives referrals in a murder";
    Unused SieveDuplicateMaxExpiration "sieve_duplicate_max_expiration" Duration(Some("90d"), b's') "3.1.8" [] "longest memory of the duplicate test";
    Yes SieveExtensions "sieve_extensions" Bits("fileinto reject vacation vacation-seconds notify include envelope environment body relational regex subaddress copy date index imap4flags mailbox mboxmetadata servermetadata variables editheader extlists duplicate ihave fcc special-use redirect-dsn redirect-deliverby mailboxid vnd.cyrus.log vnd.cyrus.jmapquery vnd.cyrus.imip snooze", &["fileinto", "reject", "vacation", "vacation-seconds", "notify", "include", "envelope", "environment", "body", "relational", "regex", "subaddress", "copy", "date", "index", "imap4flags=imapflags", "mailbox", "mboxmetadata", "servermetadata", "variables", "editheader", "extlists", "duplicate", "ihave", "fcc", "special-use", "redirect-dsn", "redirect-deliverby", "mailboxid", "vnd.cyrus.log=x-cyrus-log", "vnd.cyrus.jmapquery=x-cyrus-jmapquery", "vnd.cyrus.imip", "snooze=vnd.cyrus.snooze=x-cyrus-snooze"]) "3.6.0" [] "enabled Sieve extensions";
    Yes SieveFolder "sieve_folder" Str(Some("#sieve")) "3.6.0" [] "folder that holds Sieve scripts";
    Yes SieveMaxscriptsize "sieve_maxscriptsize" Int(32) "2.3.17" [] "largest script, KiB";
    Yes SieveMaxscripts "sieve_maxscripts" Int(5) "2.3.17" [] "scripts per user";
    Yes SieveUtf8fileinto "sieve_utf8fileinto" Switch(false) "2.3.17" [] "fileinto names are UTF-8 rather than modified UTF-7";
    Yes SieveSaslSendUnsolicitedCapability "sieve_sasl_send_unsolicited_capability" Switch(false) "2.3.17" [] "send capabilities after a security layer starts";
    Yes SieveUseLmtpReject "sieve_use_lmtp_reject" Switch(true) "3.1.1" [] "reject with an LMTP error instead of an MDN when possible";
    Yes SieveVacationMinResponse "sieve_vacation_min_response" Duration(Some("3d"), b's') "3.1.8" [] "smallest vacation interval";
    Yes SieveVacationMaxResponse "sieve_vacation_max_response" Duration(Some("90d"), b's') "3.1.8" [] "largest vacation interval";
    Yes Sievedir "sievedir" Str(Some("/usr/sieve")) "2.3.17" [] "directory of compiled scripts";
    Yes Sievenotifier "sievenotifier" Str(None) "2.3.17" [] "notifyd method for Sieve notify";
    Yes Sieveusehomedir "sieveusehomedir" Switch(false) "2.3.17" [] "scripts live in ~user/.sieve";
    Yes Anysievefolder "anysievefolder" Switch(false) "2.5.0" [] "fileinto may create any folder";
    Yes Singleinstancestore "singleinstancestore" Switch(true) "2.3.17" [] "hard link deliveries of one message";
    NotYet SkiplistAlwaysCheckpoint "skiplist_always_checkpoint" Switch(true) "2.3.17" [] "checkpoint skiplist files after recovery";
    Yes SkiplistUnsafe "skiplist_unsafe" Switch(false) "2.3.17" [] "no fsync for skiplist files";
    Yes SmtpBackend "smtp_backend" List(Some("sendmail"), &["host", "sendmail"]) "3.1.4" [] "send through sendmail program or SMTP host";
    Yes SmtpHost "smtp_host" Str(Some("localhost:587")) "3.1.4" [] "host[:port] with optional /tls /noauth flags";
    Yes SmtpAuthAuthname "smtp_auth_authname" Str(None) "3.1.4" [] "SMTP user";
    Yes SmtpAuthPassword "smtp_auth_password" Str(None) "3.1.4" [] "SMTP password";
    Yes SmtpAuthRealm "smtp_auth_realm" Str(None) "3.1.4" [] "SMTP realm";
    Yes SoftNoauth "soft_noauth" Switch(true) "2.3.17" [] "temporary LMTP error for unauthenticated clients";
    Unused SortcacheDb "sortcache_db" List(Some("twoskip"), &["skiplist", "twoskip", "zeroskip"]) "3.1.6" [] "database type of sort caches";
    Yes SpecialuseExtra "specialuse_extra" Str(None) "2.5.0" [] "additional special-use attributes allowed";
    Yes SpecialuseNochildren "specialuse_nochildren" Str(None) "3.6.0" [] "special-use folders that may not get children";
    Yes SpecialuseProtect "specialuse_protect" Str(Some("\\Archive \\Drafts \\Important \\Junk \\Sent \\Trash")) "3.1.7" [] "special-use folders that may not be deleted";
    Yes Specialusealways "specialusealways" Switch(true) "3.1.1" [] "always return special-use in LIST";
    NotYet SqlDatabase "sql_database" Str(None) "2.3.17" [] "SQL database name or file";
    NotYet SqlEngine "sql_engine" List(None, &["mysql", "pgsql", "sqlite"]) "2.3.17" [] "SQL engine of the sql backend";
    NotYet SqlHostnames "sql_hostnames" Str(Some("")) "2.3.17" [] "SQL hosts";
    NotYet SqlPasswd "sql_passwd" Str(None) "2.3.17" [] "SQL password";
    NotYet SqlUser "sql_user" Str(None) "2.3.17" [] "SQL user";
    NotYet SqlUsessl "sql_usessl" Switch(false) "2.3.17" [] "use TLS for SQL";
    NotYet SrsAlwaysrewrite "srs_alwaysrewrite" Switch(false) "2.5.0" [] "rewrite every sender";
    NotYet SrsDomain "srs_domain" Str(None) "3.1.2" [] "domain for SRS";
    NotYet SrsHashlength "srs_hashlength" Int(0) "3.1.2" [] "length of SRS hashes";
    NotYet SrsSecrets "srs_secrets" Str(None) "3.1.2" [] "SRS secrets";
    NotYet SrsSeparator "srs_separator" Str(None) "3.1.2" [] "SRS separator";
    Yes Srvtab "srvtab" Str(Some("")) "2.3.17" [] "Kerberos 4 key file";
    Yes Submitservers "submitservers" Str(None) "2.3.17" [] "users that may fetch URLAUTH submit+ urls";
    Yes SubscriptionDb "subscription_db" List(Some("flat"), &["flat", "skiplist", "twoskip", "zeroskip"]) "3.1.6" [] "database type of subscriptions";
    Yes SuppressCapabilities "suppress_capabilities" Str(None) "3.0.0" [] "capabilities not announced";
    Yes Statuscache "statuscache" Switch(false) "2.3.17" [] "use the status cache";
    Yes StatuscacheDb "statuscache_db" List(Some("twoskip"), &["skiplist", "sql", "twoskip", "zeroskip"]) "3.1.6" [] "database type of statuscache.db";
    Yes StatuscacheDbPath "statuscache_db_path" Str(None) "2.5.0" [] "absolute path of statuscache.db";
    NotYet SyncAuthname "sync_authname" Str(None) "2.5.0" [] "replication user";
    NotYet SyncBatchsize "sync_batchsize" Int(8192) "3.0.0" [] "messages per replication batch";
    NotYet SyncCacheDb "sync_cache_db" List(Some("twoskip"), &["skiplist", "sql", "twoskip", "zeroskip"]) "3.3.1" [] "database type of the replication cache";
    NotYet SyncCacheDbPath "sync_cache_db_path" Str(None) "3.3.1" [] "path of the replication cache; unset = none";
    NotYet SyncHost "sync_host" Str(None) "2.5.0" [] "replica host";
    Yes SyncLog "sync_log" Switch(false) "2.3.17" [] "write sync logs";
    NotYet SyncLogChain "sync_log_chain" Switch(false) "2.4.0" [] "replica also writes sync logs";
    NotYet SyncLogChannels "sync_log_channels" Str(None) "2.5.0" [] "channels to log to";
    NotYet SyncLogUnsuppressableChannels "sync_log_unsuppressable_channels" Str(Some("squatter")) "2.5.0" [] "channels logged even on a replica";
    NotYet SyncPassword "sync_password" Str(None) "2.5.0" [] "replication password";
    NotYet SyncPort "sync_port" Str(None) "3.0.0" [] "replica port or service";
    NotYet SyncRealm "sync_realm" Str(None) "2.5.0" [] "replication realm";
    NotYet SyncReconnectMaxwait "sync_reconnect_maxwait" Duration(Some("20m"), b's') "3.6.0" [] "longest wait between reconnects";
    NotYet SyncRepeatInterval "sync_repeat_interval" Duration(Some("1s"), b's') "3.1.8" [] "shortest time of one rolling pass";
    NotYet SyncRightnowChannel "sync_rightnow_channel" Str(None) "3.3.1" [] "channel replicated before answering the client";
    NotYet SyncShutdownFile "sync_shutdown_file" Str(None) "2.5.0" [] "file whose existence stops sync_client";
    NotYet SyncTimeout "sync_timeout" Duration(Some("30m"), b's') "3.1.8" [] "replication timeout";
    NotYet SyncTryImap "sync_try_imap" Switch(true) "3.0.0" [] "try the IMAP port before csync";
    Yes SyslogPrefix "syslog_prefix" Str(None) "3.1.8" [] "prefix of the syslog ident";
    Yes SyslogFacility "syslog_facility" Str(None) "2.5.0" [] "syslog facility (not for master)";
    Yes TcpKeepalive "tcp_keepalive" Switch(false) "2.4.0" [] "use TCP keepalive";
    Yes TcpKeepaliveCnt "tcp_keepalive_cnt" Int(0) "2.4.0" [] "keepalive probes";
    Yes TcpKeepaliveIdle "tcp_keepalive_idle" Duration(Some("0"), b's') "3.1.8" [] "idle time before probes";
    Yes TcpKeepaliveIntvl "tcp_keepalive_intvl" Duration(Some("0"), b's') "3.1.8" [] "time between probes";
    NotYet TempPath "temp_path" Str(Some("/tmp")) "3.3.0" [] "directory of temporary files";
    Yes TelemetryBysessionid "telemetry_bysessionid" Switch(false) "3.0.0" [] "name telemetry files by session id";
    Yes Timeout "timeout" Duration(Some("32m"), b'm') "3.1.8" [] "idle timeout of IMAP clients, at least 30 min";
    NotYet Imapidletimeout "imapidletimeout" Duration(None, b'm') "3.1.8" [] "timeout while in IDLE";
    NotYet TlsCaFile "tls_ca_file" Str(None) "2.5.0" ["2.5.0" TlsClientCaFile] "old name of tls_client_ca_file";
    NotYet TlsCaPath "tls_ca_path" Str(None) "2.5.0" ["2.5.0" TlsClientCaDir] "old name of tls_client_ca_dir";
    NotYet TlscacheDb "tlscache_db" List(Some("twoskip"), &["skiplist", "sql", "twoskip", "zeroskip"]) "2.5.0" ["2.5.0" TlsSessionsDb] "old name of tls_sessions_db";
    NotYet TlscacheDbPath "tlscache_db_path" Str(None) "2.5.0" ["2.5.0" TlsSessionsDbPath] "old name of tls_sessions_db_path";
    NotYet TlsCertFile "tls_cert_file" Str(None) "2.5.0" ["2.5.0" TlsServerCert] "old name of tls_server_cert";
    NotYet TlsCipherList "tls_cipher_list" Str(Some("DEFAULT")) "2.5.0" ["2.5.0" TlsCiphers] "old name of tls_ciphers";
    Yes TlsCiphers "tls_ciphers" Str(Some("DEFAULT")) "2.5.0" [] "cipher list";
    Yes TlsCrlFile "tls_crl_file" Str(None) "3.1.2" [] "certificate revocation list";
    Yes TlsClientCaDir "tls_client_ca_dir" Str(None) "2.5.0" [] "CA directory to verify clients";
    Yes TlsClientCaFile "tls_client_ca_file" Str(None) "2.5.0" [] "CA file to verify clients";
    Yes TlsClientCert "tls_client_cert" Str(None) "2.5.0" [] "certificate when acting as client";
    Yes TlsClientCerts "tls_client_certs" Enum("optional", &["off", "optional", "require"]) "2.5.0" [] "ask clients for certificates";
    Yes TlsClientKey "tls_client_key" Str(None) "2.5.0" [] "key when acting as client";
    Yes TlsEccurve "tls_eccurve" Str(Some("prime256v1")) "2.5.0" [] "EC curve for key exchange";
    NotYet TlsKeyFile "tls_key_file" Str(None) "2.5.0" ["2.5.0" TlsServerKey] "old name of tls_server_key";
    Yes TlsRequired "tls_required" Switch(false) "3.0.0" [] "logins only under TLS";
    Yes TlsPreferServerCiphers "tls_prefer_server_ciphers" Switch(false) "2.5.0" [] "server cipher order wins";
    Yes TlsServerCaDir "tls_server_ca_dir" Str(None) "2.5.0" [] "CA directory for server certificate chains";
    Yes TlsServerCaFile "tls_server_ca_file" Str(None) "2.5.0" [] "CA chain of the server certificate";
    Yes TlsServerCert "tls_server_cert" Str(None) "3.1.8" [] "server certificate (`disabled` turns TLS off)";
    Yes TlsServerDhparam "tls_server_dhparam" Str(None) "3.1.4" [] "DH parameter file";
    Yes TlsServerKey "tls_server_key" Str(None) "3.1.8" [] "server key";
    Yes TlsSessionsDb "tls_sessions_db" List(Some("twoskip"), &["skiplist", "sql", "twoskip", "zeroskip"]) "3.1.6" [] "database type of tls_sessions.db";
    Yes TlsSessionsDbPath "tls_sessions_db_path" Str(None) "2.5.0" [] "absolute path of tls_sessions.db";
    Yes TlsSessionTimeout "tls_session_timeout" Duration(Some("24h"), b'm') "3.1.8" [] "life of TLS sessions, 0 no cache";
    Yes TlsVersions "tls_versions" Str(Some("tls1_0 tls1_1 tls1_2 tls1_3")) "3.1.8" [] "accepted protocol versions";
    Yes UidlFormat "uidl_format" Enum("cyrus", &["uidonly", "cyrus", "dovecot", "courier"]) "3.0.0" [] "format of POP3 UIDL";
    Yes Umask "umask" Str(Some("077")) "2.3.17" [] "umask of all processes (octal)";
    Yes UserdenyDb "userdeny_db" List(Some("flat"), &["flat", "skiplist", "sql", "twoskip", "zeroskip"]) "3.1.6" [] "database type of user_deny.db";
    Yes UserdenyDbPath "userdeny_db_path" Str(None) "2.5.0" [] "absolute path of user_deny.db";
    Yes UsernameTolower "username_tolower" Switch(true) "2.3.17" [] "lower-case user names";
    Yes Userprefix "userprefix" Str(Some("Other Users")) "2.3.17" [] "prefix of other users' folders in altnamespace";
    Yes UnixGroupEnable "unix_group_enable" Switch(true) "2.3.17" [] "look up unix groups";
    Yes Unixhierarchysep "unixhierarchysep" Switch(true) "3.0.0" [] "use / instead of . as separator";
    NotYet VcardMaxSize "vcard_max_size" Int(0) "3.6.0" [] "largest accepted vCard, 0 unlimited";
    Yes Virtdomains "virtdomains" Enum("off", &["off", "userid", "on"]) "3.1.8" [] "virtual domains: off, by userid, or also by interface address";
    NotYet VirusscanNotificationSubject "virusscan_notification_subject" Str(Some("Automatically deleted mail")) "3.1.8" [] "subject of virus notices";
    NotYet VirusscanNotificationTemplate "virusscan_notification_template" Str(None) "3.1.8" [] "template of virus notices";
    NotYet WebsocketTimeout "websocket_timeout" Duration(Some("30m"), b'm') "3.6.0" [] "idle timeout of WebSockets";
    NotYet XbackupEnabled "xbackup_enabled" Switch(false) "3.0.0" [] "offer the XBACKUP command";
    Yes LmtpCatchallMailbox "lmtp_catchall_mailbox" Str(None) "2.5.0" [] "user receiving mail for unknown recipients";
    NotYet ZoneinfoDb "zoneinfo_db" List(Some("twoskip"), &["flat", "skiplist", "twoskip", "zeroskip"]) "3.1.6" [] "database type of zoneinfo.db";
    NotYet ZoneinfoDbPath "zoneinfo_db_path" Str(None) "2.5.0" [] "absolute path of zoneinfo.db";
    NotYet ZoneinfoDir "zoneinfo_dir" Str(None) "3.2.0" [] "directory of VTIMEZONE files";
    NotYet ObjectStorageEnabled "object_storage_enabled" Switch(false) "3.0.0" [] "keep archived messages in an object store";
    NotYet ObjectStorageDummySpool "object_storage_dummy_spool" Str(None) "3.0.0" [] "directory of the test object store";
    NotYet OpenioNamespace "openio_namespace" Str(None) "3.0.0" [] "OpenIO namespace";
    NotYet OpenioAccount "openio_account" Str(None) "3.0.0" [] "OpenIO account";
    NotYet OpenioRawxTimeout "openio_rawx_timeout" Duration(Some("30s"), b's') "3.1.8" [] "OpenIO rawx timeout";
    NotYet OpenioProxyTimeout "openio_proxy_timeout" Duration(Some("5s"), b's') "3.1.8" [] "OpenIO proxy timeout";
    Unused OpenioAutocreate "openio_autocreate" Switch(false) "3.0.0" [] "create OpenIO containers";
    NotYet OpenioVerbosity "openio_verbosity" Str(None) "3.0.0" [] "OpenIO log level";
    NotYet CaringoHostname "caringo_hostname" Str(None) "3.0.0" [] "Caringo host";
    NotYet CaringoPort "caringo_port" Int(80) "3.0.0" [] "Caringo port";
    NotYet Fastmailsharing "fastmailsharing" Switch(false) "3.0.0" [] "FastMail style sharing of subfolders";
}
