//! Reads every mailbox of the golden instances (made by the C server) and compares with what an
//! independent decoder and the C tools said about them.

use cyrus_store::lock::{Mode, Wait};
use cyrus_store::mailbox::index::Version;
use cyrus_store::mailbox::{IndexHeader, Location, Mailbox, MailboxHeader, RecordView};
use cyrus_store::{Settings, Store};
use cyrus_util::guid::Guid;
use cyrus_util::ids::{RecNo, UnixTime};
use cyrus_util::mboxname::{MboxName, NameRules};
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

fn shared() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let found = std::env::var_os("CYRUS_SHARED").map_or(beside, PathBuf::from);
    if found.join("golden/setup.sh").is_file() {
        return Some(found);
    }
    eprintln!("skipped: no golden data (set CYRUS_SHARED)");
    None
}

fn unpack(shared: &Path, which: &str, into: &Path) -> PathBuf {
    let done = Command::new("sh").arg(shared.join("golden/setup.sh")).arg(which).arg(into).output();
    assert!(done.is_ok_and(|output| output.status.success()), "setup.sh {which}");
    into.join(which)
}

fn find(root: &Path, name: &str, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(root).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            find(&path, name, found);
        } else if path.file_name().is_some_and(|file| file == name) {
            found.push(path);
        }
    }
}

/// `### name` sections of index-dump.txt: the header's fields, then the records'.
fn dumped(shared: &Path, which: &str) -> BTreeMap<String, Vec<HashMap<String, String>>> {
    let path = shared.join("golden/expected").join(which).join("index-dump.txt");
    let text = std::fs::read_to_string(path).expect("index-dump.txt");
    let mut sections = BTreeMap::new();
    let mut name = String::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("### ") {
            name = rest.to_owned();
        } else if let Some(fields) = line.strip_prefix('{').and_then(|l| l.split('}').next()) {
            let pairs = fields.split(", ").filter_map(|pair| pair.split_once(": "));
            let fields: HashMap<String, String> = pairs
                .map(|(key, value)| (key.trim_matches('\'').to_owned(), value.trim_matches('\'').to_owned()))
                .collect();
            sections.entry(name.clone()).or_insert_with(Vec::new).push(fields);
        }
    }
    sections
}

fn header_fields(h: &IndexHeader) -> Vec<(&'static str, String)> {
    let mut fields = vec![
        ("generation_no", h.generation_no.to_string()),
        ("minor_version", h.version.minor().to_string()),
        ("start_offset", h.start_offset.to_string()),
        ("record_size", h.record_size.to_string()),
        ("num_records", h.num_records.to_string()),
        ("last_appenddate", h.last_appenddate.to_string()),
        ("last_uid", h.last_uid.to_string()),
        ("quota_mailbox_used", h.quota_mailbox_used.to_string()),
        ("uidvalidity", h.uidvalidity.to_string()),
        ("deleted", h.deleted.to_string()),
        ("answered", h.answered.to_string()),
        ("flagged", h.flagged.to_string()),
        ("highestmodseq", h.highestmodseq.to_string()),
        ("deletedmodseq", h.deletedmodseq.to_string()),
        ("exists", h.exists.to_string()),
        ("first_expunged", h.first_expunged.to_string()),
        ("last_repack_time", h.last_repack_time.to_string()),
        ("header_file_crc", h.header_file_crc.to_string()),
        ("synccrcs_basic", h.synccrc_basic.to_string()),
        ("recentuid", h.recentuid.to_string()),
        ("recenttime", h.recenttime.to_string()),
    ];
    if h.version.minor() >= 13 {
        fields.push(("synccrcs_annot", h.synccrc_annot.to_string()));
        fields.push(("quota_annot_used", h.quota_annot_used.to_string()));
    }
    if h.version.minor() >= 14 {
        fields.push(("unseen", h.unseen.to_string()));
    }
    if h.version.minor() >= 16 {
        fields.push(("createdmodseq", h.createdmodseq.to_string()));
    }
    if h.version.minor() >= 17 {
        fields.push(("changes_epoch", h.changes_epoch.to_string()));
    }
    fields
}

#[test]
fn headers_and_records_decode_as_dumped_and_encode_to_the_same_bytes() {
    let Some(shared) = shared() else { return };
    let mut mailboxes = 0;
    let mut records = 0;
    for which in ["g1", "g2"] {
        let dir = tempfile::tempdir().expect("tempdir");
        let root = unpack(&shared, which, dir.path());
        let expected = dumped(&shared, which);
        let mut indexes = Vec::new();
        find(&root, "cyrus.index", &mut indexes);
        assert!(indexes.len() > 10, "{which}");
        for index in indexes {
            let bytes = std::fs::read(&index).expect("index");
            let header = IndexHeader::decode(&bytes, &index, UnixTime(1)).expect("header");
            let path = index.with_file_name("cyrus.header");
            let header_bytes = std::fs::read(&path).expect("cyrus.header");
            let names = MailboxHeader::decode(&header_bytes, &path).expect("cyrus.header");
            assert_eq!(names.encode(), header_bytes, "{}", path.display());
            assert_eq!(crc32fast::hash(&header_bytes), header.header_file_crc, "{}", path.display());
            let name = String::from_utf8(names.name.clone()).expect("name");
            // The decoder gave up on names with blanks.
            let Some(sections) = expected.get(&name) else {
                assert!(name.contains(' '), "{which}: {name} is not in the dump");
                continue;
            };
            for (key, value) in header_fields(&header) {
                assert_eq!(sections[0].get(key), Some(&value), "{which} {name} {key}");
            }
            // An empty mailbox reads as having the option; elsewhere the bytes are the same.
            if header.exists > 0 {
                let size = header.version.layout().header_size;
                assert_eq!(header.encode(), &bytes[..size], "{which} {name} header");
            }
            for recno in 1..=header.num_records {
                let at = header.start_offset as usize + (recno as usize - 1) * header.record_size as usize;
                let raw = &bytes[at..at + header.record_size as usize];
                let view = RecordView::new(raw, header.version, RecNo(recno)).expect("view");
                let record = view.read(&index).expect("record");
                assert_eq!(record.encode(header.version), raw, "{which} {name} {recno}");
                records += 1;
                let Some(fields) = sections.get(recno as usize).filter(|_| header.version.minor() >= 16)
                else {
                    continue;
                };
                for (key, value) in [
                    ("uid", record.uid.to_string()),
                    ("internaldate", record.internaldate.to_string()),
                    ("sentdate", record.sentdate.to_string()),
                    ("size", record.size.to_string()),
                    ("header_size", record.header_size.to_string()),
                    ("gmtime", record.gmtime.to_string()),
                    ("cache_offset", record.cache_offset.to_string()),
                    ("last_updated", record.last_updated.to_string()),
                    ("savedate", record.savedate.to_string()),
                    ("cache_version", record.cache_version.to_string()),
                    ("guid", record.guid.to_string()),
                    ("modseq", record.modseq.to_string()),
                    ("cid", format!("{:#x}", record.cid)),
                    ("createdmodseq", record.createdmodseq.to_string()),
                    ("cache_crc", record.cache_crc.to_string()),
                    ("uf0", record.user_flags.0[0].to_string()),
                    ("system_flags", format!("{:#x}", record.system_flags.0 | record.internal_flags.0)),
                ] {
                    assert_eq!(fields.get(key), Some(&value), "{which} {name} record {recno} {key}");
                }
            }
            mailboxes += 1;
        }
    }
    assert!(mailboxes > 40 && records > 200, "{mailboxes} mailboxes, {records} records");
}

/// Opens every mailbox of g1 as a program would, checks each cache record and message, and counts
/// everything anew: the counts must come out as C left them.
#[test]
fn opened_mailboxes_count_as_the_c_server_counted() {
    let Some(shared) = shared() else { return };
    let dir = tempfile::tempdir().expect("tempdir");
    let root = unpack(&shared, "g1", dir.path());
    let store = Arc::new(Store::new(Settings { lock_root: dir.path().join("lock"), ..Settings::default() }));
    let rules = NameRules::default();
    let mut indexes = Vec::new();
    find(&root, "cyrus.index", &mut indexes);
    let (mut messages, mut annotated) = (0, 0);
    for index in indexes {
        let home = index.parent().expect("parent");
        let header = std::fs::read(home.join("cyrus.header")).expect("header");
        let header = MailboxHeader::decode(&header, home).expect("header");
        let name = MboxName::new(header.name.clone());
        let lock = store.locks().id_path(&header.uniqueid);
        let mut location = Location::plain(name, &header.uniqueid, home, &root.join("spool"), lock);
        location.owner = location.name.owner(&rules);
        let user = store.lock_owner(location.owner.as_deref(), Mode::Exclusive).expect("user lock");
        let mut mailbox = Mailbox::open(&store, &user, location, Mode::Shared, Wait::Block).expect("open");
        let mut guard = mailbox.lock_index(&user, Mode::Exclusive).expect("lock");
        let before = guard.header().clone();
        let records: Vec<_> = guard.records().collect::<Result<_, _>>().expect("records");
        for record in &records {
            assert_eq!(guard.find(record.uid).expect("find").as_ref(), Some(record));
            let cache = match guard.mailbox_mut().cache_bytes(record).expect("cache") {
                std::borrow::Cow::Borrowed(bytes) => bytes.len(),
                std::borrow::Cow::Owned(_) => panic!("cache record of {} was not good", record.uid),
            };
            assert!(cache > 40);
            let message = guard.mailbox().message(record).expect("message");
            assert_eq!(Guid::of(&message), record.guid);
            messages += 1;
        }
        guard.recalculate(None).expect("recalculate");
        let mut after = guard.header().clone();
        if before.version < Version::new(13).expect("13") {
            after.synccrc_annot = before.synccrc_annot;
            after.quota_annot_used = before.quota_annot_used;
        }
        if before.version < Version::new(14).expect("14") {
            after.unseen = before.unseen;
        }
        annotated += after.quota_annot_used;
        assert_eq!(after, before, "{}", home.display());
        guard.abort();
        mailbox.close().expect("close");
    }
    assert!(messages > 100 && annotated > 0, "{messages} messages, {annotated} octets of annotations");
}

/// g2 has conversations, an archive partition and a metapartition: reading works through all of
/// them; without the databases of the installation, writing is refused.
#[test]
fn metapartitions_and_archives_are_read_and_conversations_refuse_writers_without_databases() {
    let Some(shared) = shared() else { return };
    let dir = tempfile::tempdir().expect("tempdir");
    let root = unpack(&shared, "g2", dir.path());
    let config =
        cyrus_base::config::Config::load(Some(&root.join("imapd.conf")), "test").expect("imapd.conf");
    let catalog = Arc::new(cyrus_store::Catalog::new(Arc::new(config)));
    let store = Arc::new(Store::open(Arc::clone(&catalog)));
    let blind = Arc::new(Store::new(catalog.settings()));
    let mut entries = Vec::new();
    let keep = |entry| {
        entries.push(entry);
        std::ops::ControlFlow::Continue(())
    };
    catalog.each_entry(b"", cyrus_store::mboxlist::Show::Mailboxes, keep).expect("mailboxes.db");
    let (mut messages, mut archived) = (0, 0);
    for entry in &entries {
        let location = catalog.location(entry).expect("location");
        let user = store.lock_owner(location.owner.as_deref(), Mode::Exclusive).expect("user lock");
        drop(user);
        let user = blind.lock_owner(location.owner.as_deref(), Mode::Exclusive).expect("user lock");
        let mut mailbox =
            Mailbox::open(&blind, &user, location.clone(), Mode::Shared, Wait::Block).expect("open");
        let refused = mailbox.lock_index(&user, Mode::Exclusive).map(|guard| guard.abort());
        assert!(matches!(refused, Err(cyrus_store::Error::ConversationsUnsupported)));
        drop((mailbox, user));
        let user = store.lock_owner(location.owner.as_deref(), Mode::Exclusive).expect("user lock");
        let mut mailbox = Mailbox::open_entry(&store, &user, entry, Mode::Shared, Wait::Block).expect("open");
        let mut guard = mailbox.lock_index(&user, Mode::Shared).expect("lock");
        let records: Vec<_> = guard.records().collect::<Result<_, _>>().expect("records");
        for record in &records {
            assert_eq!(Guid::of(&guard.mailbox().message(record).expect("message")), record.guid);
            assert_eq!(guard.mailbox_mut().cached(record).expect("cache").crc(), record.cache_crc);
            messages += 1;
            archived += u32::from(record.internal_flags.has(cyrus_store::mailbox::InternalFlags::ARCHIVED));
        }
    }
    assert!(entries.len() > 20 && messages > 100 && archived > 0, "{messages} messages, {archived} archived");
}
