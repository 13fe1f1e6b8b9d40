//! The listing: a line or some for each command. C: dump2()

use super::{
    Dump, NO_MAGIC, Reader, Stop, TestHead, Value, Values, address_part, clock, date_part, indented,
    transform,
};
use crate::code::{
    Comparator, DuplicateId, Location, Match, Op, REQUIRED_EXTENSIONS_SINCE, REQUIRES_VARIABLES, Relation,
    SizeSide, Test, Zone, imip, include, modifier, snooze,
};

const DAY_S: i32 = 86400;

/// The listing of a file.
pub fn listing(file: &[u8]) -> Dump {
    let mut out = Out { text: b"\n".to_vec() };
    let (mut complaint, mut code) = (Vec::new(), 0);
    if file.is_empty() {
        code = 1;
    } else if let Some(mut reader) = Reader::new(file) {
        match out.commands(&mut reader) {
            Ok(()) => {}
            Err(Stop::Broken) => (complaint, code) = (reader.broken(), 1),
            Err(Stop::NoOperation(word)) => {
                out.say(&format!("{word} (NOT AN OP)\n"));
                code = 1;
            }
        }
    } else {
        out.text.extend_from_slice(NO_MAGIC);
    }
    Dump { text: out.text, complaint, code }
}

struct Out {
    text: Vec<u8>,
}

impl Out {
    fn say(&mut self, text: &str) {
        self.text.extend_from_slice(text.as_bytes());
    }

    fn string(&mut self, label: &str, text: Option<&[u8]>) {
        self.say(label);
        match text {
            Some(text) => {
                self.say(&format!("({{{}}}", text.len()));
                self.text.extend_from_slice(text);
                self.say(")");
            }
            None => self.say("({-1}[nil])"),
        }
    }

    fn strings(&mut self, label: &str, texts: &[Option<&[u8]>]) {
        self.say(&format!("{label}{{{}}} [", texts.len()));
        for (i, text) in texts.iter().enumerate() {
            if i % 5 == 0 {
                self.say("\n\t\t");
            }
            self.string(" ", *text);
        }
        self.say("\n\t]");
    }

    /// The comparator whose three words begin at `at`.
    fn comparator(&mut self, values: &Values<'_>, at: usize) -> Result<(), Stop> {
        self.collated(values.int(at), values.int(at + 1), Comparator::from_word(values.int(at + 2)))
    }

    fn collated(&mut self, matching: i32, relation: i32, comparator: Option<Comparator>) -> Result<(), Stop> {
        self.say(" COMPARATOR [ ");
        let matching = Match::from_word(matching).ok_or(Stop::Broken)?;
        self.say(match matching {
            Match::Is => "Is",
            Match::Contains => "Contains",
            Match::Matches => "Matches",
            Match::Regex => "Regex",
            Match::List => "List",
            Match::Count => "Count",
            Match::Value => "Value",
        });
        if matches!(matching, Match::Count | Match::Value) {
            self.say(match Relation::from_word(relation) {
                Some(Relation::Gt) => " >",
                Some(Relation::Ge) => " >=",
                Some(Relation::Lt) => " <",
                Some(Relation::Le) => " <=",
                Some(Relation::Ne) => " !=",
                Some(Relation::Eq) => " ==",
                None => "",
            });
        }
        self.say(match comparator {
            Some(Comparator::Octet) => " (octet)",
            Some(Comparator::AsciiCasemap) => " (ascii-casemap)",
            Some(Comparator::AsciiNumeric) => " (ascii-numeric)",
            None => "",
        });
        self.say(" ]");
        Ok(())
    }

    fn index(&mut self, index: i32) {
        if index != 0 {
            let last = if index < 0 { "[LAST]" } else { "" };
            self.say(&format!(" INDEX({} {last})", index.wrapping_abs()));
        }
    }

    fn zone(&mut self, values: &Values<'_>, at: usize) {
        if values.int(at) == Zone::Given.word() {
            self.string("ZONE", values.text(at + 1));
        } else {
            self.say(" ZONE(ORIGINAL)");
        }
    }

    fn date_part(&mut self, word: i32) {
        self.say(&format!("\n\tDATEPART({})", date_part(word).unwrap_or("(null)")));
    }

    fn test(&mut self, reader: &mut Reader<'_>, depth: usize) -> Result<(), Stop> {
        let head = reader.test(depth)?;
        match head.kind {
            Test::Not => {
                self.say("NOT ");
                self.test(reader, depth + 1)
            }
            Test::Anyof | Test::Allof => {
                let name = if head.kind == Test::Anyof { "ANYOF" } else { "ALLOF" };
                self.say(&format!("{name}({{{}}}\n\t", head.inner));
                for _ in 0..head.inner {
                    self.test(reader, depth + 1)?;
                    self.say("\t");
                }
                self.say(")\n");
                Ok(())
            }
            _ => {
                self.simple_test(&head)?;
                self.say("\n");
                Ok(())
            }
        }
    }

    fn simple_test(&mut self, head: &TestHead<'_>) -> Result<(), Stop> {
        let v = &head.values;
        match head.kind {
            Test::False => self.say("FALSE"),
            Test::True => self.say("TRUE"),
            Test::Exists => self.strings("EXISTS", v.texts(0)),
            Test::Size => {
                let side = if v.int(0) == SizeSide::Over.word() { "over" } else { "under" };
                self.say(&format!("SIZE {side} {}", v.int(1)));
            }
            Test::Address => {
                self.say(&format!("ADDRESS ADDRPART({})", address_part(v.int(4))));
                self.index(v.int(0));
                self.comparator(v, 1)?;
                self.strings("\n\tHEADERS", v.texts(5));
                self.strings(" PATTERNS", v.texts(6));
            }
            Test::Envelope => {
                self.say(&format!("ENVELOPE ADDRPART({})", address_part(v.int(3))));
                self.comparator(v, 0)?;
                self.strings("\n\tHEADERS", v.texts(4));
                self.strings(" PATTERNS", v.texts(5));
            }
            Test::Header => {
                self.say("HEADER");
                self.index(v.int(0));
                self.comparator(v, 1)?;
                self.strings("\n\tHEADERS", v.texts(4));
                self.strings(" PATTERNS", v.texts(5));
            }
            Test::Body => {
                self.say("BODY");
                self.comparator(v, 0)?;
                self.say(&format!("\n\tTRANSFORM({}) OFFSET({})", transform(v.int(3)), v.int(4)));
                self.strings(" CONTENT-TYPES", v.texts(5));
                self.strings(" PATTERNS", v.texts(6));
            }
            Test::DateOrig | Test::Date => {
                self.say("DATE");
                self.index(v.int(0));
                self.zone(v, 1);
                self.comparator(v, 3)?;
                self.date_part(v.int(6));
                self.string(" HEADER", v.text(7));
                self.strings(" KEYS", v.texts(8));
            }
            Test::CurrentdateOrig | Test::Currentdate => {
                self.say("CURRENTDATE");
                self.zone(v, 0);
                self.comparator(v, 2)?;
                self.date_part(v.int(5));
                self.strings(" KEYS", v.texts(6));
            }
            Test::Hasflag | Test::String => {
                self.say(if head.kind == Test::Hasflag { "HASFLAG" } else { "STRING" });
                self.comparator(v, 0)?;
                self.strings("\n\tVARIABLES", v.texts(3));
                self.strings(" PATTERNS", v.texts(4));
            }
            Test::Mailboxexists => self.strings("MAILBOXEXISTS", v.texts(0)),
            Test::Mailboxidexists => self.strings("MAILBOXIDEXISTS", v.texts(0)),
            Test::Metadata => {
                self.say("METADATA");
                self.comparator(v, 0)?;
                self.string("\n\tMAILBOX", v.text(3));
                self.string(" ANNOTATION", v.text(4));
                self.strings(" PATTERNS", v.texts(5));
            }
            Test::Metadataexists => {
                self.string("METAEXISTSMAILBOX", v.text(0));
                self.strings(" ANNOTATIONS", v.texts(1));
            }
            Test::Servermetadata => {
                self.say("SERVERMETADATA");
                self.comparator(v, 0)?;
                self.string("\n\tANNOTATION", v.text(3));
                self.strings(" PATTERNS", v.texts(4));
            }
            Test::Servermetadataexists => self.strings("SERVERMETADATAEXISTS", v.texts(0)),
            Test::ValidExtList => self.strings("VALIDEXTLIST", v.texts(0)),
            Test::ValidNotifyMethod => self.strings("VALIDNOTIFYMETHOD", v.texts(0)),
            Test::NotifyMethodCapability => {
                self.say("NOTIFYMETHODCAPABILITY");
                self.comparator(v, 0)?;
                self.string("\n\tURI", v.text(3));
                self.string(" CAPABILITY", v.text(4));
                self.strings(" KEYS", v.texts(5));
            }
            Test::Duplicate => {
                let unique = v.int(0) == DuplicateId::Uniqueid.word();
                self.string(if unique { "DUPLICATE UNIQUEID" } else { "DUPLICATE HDRNAME" }, v.text(1));
                self.string(" HANDLE", v.text(2));
                self.say(&format!("\n\tSECONDS({}) LAST({})", v.int(3), v.int(4)));
            }
            Test::Ihave => self.strings("IHAVE", v.texts(0)),
            Test::SpecialuseExists => {
                self.string("SPECIALUSEEXISTSMAILBOX", v.text(0));
                self.strings(" FLAGS", v.texts(1));
            }
            Test::Environment => {
                self.say("ENVIRONMENT");
                self.comparator(v, 0)?;
                self.string("\n\tITEM", v.text(3));
                self.strings(" KEYS", v.texts(4));
            }
            Test::Jmapquery => self.string("JMAPQUERY ", indented(v.text(0)).as_deref()),
            // C lists the old forms as an empty line.
            Test::AddressPreIndex | Test::HeaderPreIndex | Test::Not | Test::Anyof | Test::Allof => {}
        }
        Ok(())
    }

    fn commands(&mut self, reader: &mut Reader<'_>) -> Result<(), Stop> {
        self.say(&format!("Bytecode version: {}\n", reader.version));
        if i64::from(reader.version) >= i64::from(REQUIRED_EXTENSIONS_SINCE) {
            let variables = reader.requires & REQUIRES_VARIABLES as i32 != 0;
            self.say(if variables { "Require: Variables\n" } else { "Require:\n" });
        }
        self.say("\n");
        while reader.at < reader.length() {
            self.say(&format!("{:04}: ", reader.at));
            let (op, values) = reader.command()?;
            if op == Op::If {
                self.say(&format!("IF (ends at {}) ", values.int(0)));
                self.test(reader, 0)?;
            } else {
                self.command(op, &values)?;
            }
            self.say("\n");
        }
        self.say(&format!("full len is: {}\n", reader.length()));
        Ok(())
    }

    fn command(&mut self, op: Op, v: &Values<'_>) -> Result<(), Stop> {
        match op {
            Op::Stop => self.say("STOP"),
            Op::KeepOrig => self.say("KEEP"),
            Op::KeepCopy | Op::Keep => self.strings("KEEP FLAGS", v.texts(0)),
            Op::Discard => self.say("DISCARD"),
            Op::Reject => self.string("REJECT ", v.text(0)),
            Op::Ereject => self.string("EREJECT ", v.text(0)),
            Op::Error => self.string("ERROR ", v.text(0)),
            Op::FileintoOrig
            | Op::FileintoCopy
            | Op::FileintoFlags
            | Op::FileintoCreate
            | Op::FileintoSpecialuse
            | Op::Fileinto => self.fileinto(op, v),
            Op::RedirectOrig | Op::RedirectCopy | Op::RedirectList | Op::Redirect => self.redirect(op, v),
            Op::If => {}
            Op::Mark => self.say("MARK"),
            Op::Unmark => self.say("UNMARK"),
            Op::AddflagOrig => self.strings("ADDFLAG FLAGS", v.texts(0)),
            Op::SetflagOrig => self.strings("SETFLAG FLAGS", v.texts(0)),
            Op::RemoveflagOrig => self.strings("REMOVEFLAG FLAGS", v.texts(0)),
            Op::Addflag | Op::Setflag | Op::Removeflag => {
                self.say(match op {
                    Op::Addflag => "ADDFLAG",
                    Op::Setflag => "SETFLAG",
                    _ => "REMOVEFLAG",
                });
                self.string(" VARIABLE", v.text(0));
                self.strings(" FLAGS", v.texts(1));
            }
            Op::Denotify => {
                self.say(&format!("DENOTIFY PRIORITY({})", v.int(0)));
                if let Some(pattern) = v.text(3) {
                    self.collated(v.int(1), v.int(2), None)?;
                    self.string("\n\tPATTERN", Some(pattern));
                }
            }
            Op::Notify | Op::Enotify => {
                let (name, priority, who) = match op {
                    Op::Enotify => ("ENOTIFY  METHOD", "IMPORTANCE", " FROM"),
                    _ => ("NOTIFY  METHOD", "PRIORITY", " ID"),
                };
                self.string(name, v.text(0));
                self.say(&format!(" {priority}({})", v.int(3)));
                self.string(who, v.text(1));
                self.strings(" OPTIONS", v.texts(2));
                self.string("\n\tMESSAGE", v.text(4));
            }
            Op::VacationOrig
            | Op::VacationSec
            | Op::VacationFccOrig
            | Op::VacationFccSpluse
            | Op::Vacation => {
                self.vacation(op, v);
            }
            Op::Null => self.say("NULL"),
            Op::Jump => self.say(&format!("JUMP {}", v.int(0))),
            Op::Include => {
                let bits = v.int(0);
                let place =
                    if bits & include::LOCATION == Location::Personal.word() { "Personal" } else { "Global" };
                let (once, optional) = (bits & include::ONCE != 0, bits & include::OPTIONAL != 0);
                self.say(&format!(
                    "INCLUDE LOCATION({place}) ONCE({}) OPTIONAL({})",
                    i32::from(once),
                    i32::from(optional)
                ));
                self.string("\n\tSCRIPT", v.text(1));
            }
            Op::Set => {
                let has = |bit| v.int(0) & bit;
                self.say(&format!(
                    "SET LOWER({}) UPPER({}) LOWERFIRST({}) UPPERFIRST({})",
                    has(modifier::LOWER),
                    has(modifier::UPPER),
                    has(modifier::LOWERFIRST),
                    has(modifier::UPPERFIRST)
                ));
                self.say(&format!(
                    "\n\tQUOTEWILDCARD({}) QUOTEREGEX({}) ENCODEURL({}) LENGTH({})",
                    has(modifier::QUOTEWILDCARD),
                    has(modifier::QUOTEREGEX),
                    has(modifier::ENCODEURL),
                    has(modifier::LENGTH)
                ));
                self.string("\n\tVARIABLE", v.text(1));
                self.string(" VALUE", v.text(2));
            }
            Op::Addheader => {
                self.say(&format!("ADDHEADER INDEX({})", v.int(0)));
                self.string(" NAME", v.text(1));
                self.string(" VALUE", v.text(2));
            }
            Op::Deleteheader => {
                self.say(&format!("DELETEHEADER INDEX({})", v.int(0)));
                self.comparator(v, 1)?;
                self.string("\n\tNAME", v.text(4));
                self.strings(" VALUES", v.texts(5));
            }
            Op::Log => {
                self.say("LOG TEXT(");
                self.text.extend_from_slice(v.text(0).unwrap_or(b"(null)"));
                self.say(")");
            }
            Op::Return => self.say("RETURN"),
            Op::SnoozeOrig | Op::SnoozeTzid | Op::Snooze => self.snooze(op, v),
            Op::Processimip => {
                let has = |bit| i32::from(v.int(0) & bit != 0);
                self.say(&format!(
                    "PROCESSIMIP INVITESONLY({}) UPDATESONLY({}) DELETECANCELED({})",
                    has(imip::INVITESONLY),
                    has(imip::UPDATESONLY),
                    has(imip::DELETECANCELED)
                ));
                self.string(" CALENDARID", v.text(1));
                self.string(" OUTCOME", v.text(2));
                self.string(" ERRSTR", v.text(3));
            }
        }
        Ok(())
    }

    fn fileinto(&mut self, op: Op, v: &Values<'_>) {
        // Arguments from the last: folder, copy, flags, create, special use, mailbox id.
        let back = |n: usize| v.0.len().wrapping_sub(n);
        self.say("FILEINTO");
        if op != Op::FileintoOrig {
            self.say(&format!(" COPY({})", v.int(back(2))));
        }
        if v.0.len() >= 3 {
            self.strings(" FLAGS", v.texts(back(3)));
        }
        if v.0.len() >= 4 {
            self.say(&format!("\n\tCREATE({})", v.int(back(4))));
        }
        if v.0.len() >= 5 {
            self.string(" SPECIALUSE", v.text(back(5)));
        }
        if v.0.len() >= 6 {
            self.string(" MAILBOXID", v.text(back(6)));
        }
        self.string(" FOLDER", v.text(back(1)));
    }

    fn redirect(&mut self, op: Op, v: &Values<'_>) {
        // Arguments from the last: address, copy, list, then those of delivery.
        let back = |n: usize| v.0.len().wrapping_sub(n);
        self.say("REDIRECT");
        if v.0.len() >= 2 {
            self.say(&format!(" COPY({})", v.int(back(2))));
        }
        if v.0.len() >= 3 {
            self.say(&format!("LIST({})", v.int(back(3))));
        }
        if op == Op::Redirect {
            self.string(" BYTIME", v.text(0));
            self.string(" BYMODE", v.text(1));
            self.say(&format!(" BYTRACE({})", v.int(2)));
            self.string("\n\tDSN-NOTIFY", v.text(3));
            self.string(" DSN-RET", v.text(4));
        }
        self.string(" ADDRESS", v.text(back(1)));
    }

    fn vacation(&mut self, op: Op, v: &Values<'_>) {
        self.strings("VACATION ADDR", v.texts(0));
        self.string("\n\tSUBJ", v.text(1));
        self.string("\n\tMESG", v.text(2));
        let unit = if op == Op::VacationOrig { DAY_S } else { 1 };
        self.say(&format!("\n\tSECONDS({}) MIME({})", v.int(3).wrapping_mul(unit), v.int(4)));
        if v.0.len() <= 5 {
            return;
        }
        self.string(" FROM", v.text(5));
        self.string(" HANDLE", v.text(6));
        if v.0.len() <= 7 {
            return;
        }
        self.string("\n\tFCC", v.text(7));
        if v.0.len() > 8 {
            self.say(&format!(" CREATE({})", v.int(8)));
            self.strings(" FLAGS", v.texts(9));
        }
        if let Some(Value::Text(special_use)) = v.0.get(10) {
            self.string("\n\tSPECIALUSE", *special_use);
        }
        if let Some(Value::Text(mailboxid)) = v.0.get(11) {
            self.string(" MAILBOXID", *mailboxid);
        }
    }

    fn snooze(&mut self, op: Op, v: &Values<'_>) {
        // Where the flags begin, and the weekdays.
        let (flags, days) = match op {
            Op::SnoozeOrig => (1, 3),
            Op::SnoozeTzid => (2, 4),
            _ => (4, 6),
        };
        self.say("SNOOZE");
        if op == Op::Snooze {
            self.string(" MAILBOX", v.text(0));
            self.string(" MAILBOXID", v.text(1));
            self.string(" SPECIALUSE", v.text(2));
            self.say(&format!(" CREATE({})", v.int(3)));
            self.string(" TZID", v.text(7));
        } else if op == Op::SnoozeTzid {
            let is_id = v.int(days) & snooze::IS_ID != 0;
            self.string(if is_id { " MAILBOXID" } else { " MAILBOX" }, v.text(1));
            self.string(" TZID", v.text(0));
        }
        self.strings("\n\tADDFLAGS", v.texts(flags));
        self.strings("\n\tREMOVEFLAGS", v.texts(flags + 1));
        self.say("\n\tWEEKDAYS [");
        let set: Vec<String> =
            (0..7).filter(|day| v.int(days) & (1 << day) != 0).map(|day| format!(" {day}")).collect();
        self.say(&set.join(","));
        self.say(" ]");
        let times = v.ints(v.0.len().wrapping_sub(1));
        self.say(&format!("\n\tTIMES{{{}}} [", times.len()));
        for (i, time) in times.iter().enumerate() {
            if i % 5 == 0 {
                self.say("\n\t\t");
            }
            self.say(&format!(" {}", clock(*time)));
        }
        self.say("\n\t]");
    }
}
