//! From the raw commands of a file to a [`Program`] that can be run without further checks.
//!
//! Every jump leads forward and to a command or the end, so that a script alone always ends; every test ends where
//! its `if` says; words that stand for something stand for something known; strings that a command cannot do
//! without are there. Old commands become their newest form. Nothing here acts on anything.

use crate::code::{
    self, AddressPart, Comparator, DatePart, DuplicateId, Location, Match, Op, Priority, Relation, SizeSide,
    Test, Zone,
};
use crate::read::{self, Malformed, RawCommand, RawFcc, RawTest, Result, Text, Value};
use std::collections::HashMap;

/// A script that can be run.
#[derive(Clone, Debug)]
pub struct Program {
    /// Strings are to be expanded for variables.
    pub expands_variables: bool,
    /// Its commands; a jump to their number ends the script.
    pub commands: Vec<Command>,
}

/// Index of a command.
pub type Target = usize;

/// How strings are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Comparison {
    /// Match type.
    pub how: Match,
    /// Relation of `:count` and `:value`.
    pub relation: Option<Relation>,
    /// Comparator.
    pub comparator: Comparator,
}

/// A folder to file into, as it stands in the script.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Folder {
    /// Its name.
    pub name: Vec<u8>,
    /// Its special use.
    pub special_use: Text,
    /// Its mailbox id.
    pub mailboxid: Text,
    /// It is made when missing.
    pub create: bool,
    /// Flags of what goes there.
    pub flags: Vec<Vec<u8>>,
}

/// What is done to a list of flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlagChange {
    /// `addflag`
    Add,
    /// `setflag`
    Set,
    /// `removeflag`
    Remove,
}

/// `snooze` as it stands in the script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnoozeCommand {
    /// Where the message awakes; `name` may be missing.
    pub mailbox: Text,
    /// Its mailbox id.
    pub mailboxid: Text,
    /// Its special use.
    pub special_use: Text,
    /// It is made when missing.
    pub create: bool,
    /// Flags set on awaking.
    pub add: Vec<Vec<u8>>,
    /// Flags removed on awaking.
    pub remove: Vec<Vec<u8>>,
    /// Bits of weekdays, Sunday is bit 0.
    pub weekdays: u8,
    /// Time zone.
    pub tzid: Text,
    /// Seconds of the day.
    pub times: Vec<u32>,
}

/// `vacation` as it stands in the script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VacationCommand {
    /// `:addresses`
    pub addresses: Vec<Vec<u8>>,
    /// `:subject`
    pub subject: Text,
    /// The reason.
    pub message: Vec<u8>,
    /// Seconds between replies.
    pub seconds: i64,
    /// The reason is a MIME entity.
    pub is_mime: bool,
    /// `:from`
    pub from: Text,
    /// `:handle`
    pub handle: Text,
    /// `:fcc`
    pub fcc: Option<Folder>,
}

/// `redirect` as it stands in the script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedirectCommand {
    /// The address, or the URI of a list.
    pub address: Vec<u8>,
    /// It is a list.
    pub is_list: bool,
    /// Implicit keep stays.
    pub copy: bool,
    /// Deliver-by time, `+seconds` or a date.
    pub by_time: Text,
    /// Deliver-by mode.
    pub by_mode: Text,
    /// Deliver-by trace.
    pub by_trace: bool,
    /// DSN NOTIFY.
    pub dsn_notify: Text,
    /// DSN RET.
    pub dsn_ret: Text,
}

/// A command.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are those of the command in the language")]
pub enum Command {
    Addheader {
        last: bool,
        name: Vec<u8>,
        value: Vec<u8>,
    },
    Deleteheader {
        index: i32,
        comparison: Comparison,
        name: Vec<u8>,
        patterns: Vec<Vec<u8>>,
    },
    Denotify {
        priority: Priority,
        how: Option<Match>,
        relation: Option<Relation>,
        pattern: Vec<u8>,
    },
    Discard,
    Error(Text),
    Fileinto {
        folder: Folder,
        copy: bool,
    },
    Flags {
        change: FlagChange,
        variable: Vec<u8>,
        flags: Vec<Vec<u8>>,
    },
    If {
        test: Condition,
        then: Target,
        otherwise: Target,
    },
    /// One with an argument that no version knows: it fails when it is reached.
    Impossible,
    Include {
        name: Vec<u8>,
        location: Location,
        once: bool,
        optional: bool,
    },
    Imip {
        outcome: Text,
        error: Text,
    },
    Jump(Target),
    Keep {
        flags: Vec<Vec<u8>>,
    },
    Log(Vec<u8>),
    Mark,
    Notify {
        is_enotify: bool,
        method: Text,
        id: Text,
        options: Vec<Vec<u8>>,
        priority: Priority,
        message: Text,
    },
    Null,
    Redirect(Box<RedirectCommand>),
    Reject {
        extended: bool,
        reason: Vec<u8>,
    },
    Return,
    Set {
        modifiers: i32,
        name: Vec<u8>,
        value: Vec<u8>,
    },
    Snooze(Box<SnoozeCommand>),
    Stop,
    Unmark,
    Vacation(Box<VacationCommand>),
}

/// The zone of a date test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DateZone {
    /// As written in the header.
    Original,
    /// The zone of the server.
    Local,
    /// `:zone`
    Offset(Vec<u8>),
}

/// A test.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are those of the test in the language")]
pub enum Condition {
    Address {
        index: i32,
        comparison: Comparison,
        part: AddressPart,
        headers: Vec<Vec<u8>>,
        keys: Vec<Vec<u8>>,
    },
    Allof(Vec<Condition>),
    Anyof(Vec<Condition>),
    Body {
        comparison: Comparison,
        types: Vec<Vec<u8>>,
        keys: Vec<Vec<u8>>,
    },
    Date {
        /// `None` for `currentdate`.
        header: Option<(i32, Vec<u8>)>,
        zone: DateZone,
        comparison: Comparison,
        part: DatePart,
        keys: Vec<Vec<u8>>,
    },
    Duplicate {
        by: DuplicateId,
        id: Vec<u8>,
        handle: Vec<u8>,
        seconds: i32,
        last: bool,
    },
    Envelope {
        comparison: Comparison,
        part: AddressPart,
        fields: Vec<Vec<u8>>,
        keys: Vec<Vec<u8>>,
    },
    Environment {
        comparison: Comparison,
        item: Vec<u8>,
        keys: Vec<Vec<u8>>,
    },
    Exists(Vec<Vec<u8>>),
    Hasflag {
        comparison: Comparison,
        variables: Vec<Vec<u8>>,
        keys: Vec<Vec<u8>>,
    },
    Header {
        index: i32,
        comparison: Comparison,
        headers: Vec<Vec<u8>>,
        keys: Vec<Vec<u8>>,
    },
    Ihave(Vec<Vec<u8>>),
    /// One with an argument that no version knows: it fails when it is reached.
    Impossible,
    Jmapquery(Vec<u8>),
    Mailboxexists(Vec<Vec<u8>>),
    Mailboxidexists(Vec<Vec<u8>>),
    /// `mailbox` is `None` for the server's.
    Metadata {
        comparison: Comparison,
        mailbox: Option<Vec<u8>>,
        entry: Vec<u8>,
        keys: Vec<Vec<u8>>,
    },
    Metadataexists {
        mailbox: Option<Vec<u8>>,
        entries: Vec<Vec<u8>>,
    },
    Not(Box<Condition>),
    NotifyMethodCapability {
        comparison: Comparison,
        capability: Vec<u8>,
        keys: Vec<Vec<u8>>,
    },
    Size {
        side: SizeSide,
        octets: i32,
    },
    SpecialuseExists {
        mailbox: Text,
        uses: Vec<Vec<u8>>,
    },
    String {
        comparison: Comparison,
        sources: Vec<Vec<u8>>,
        keys: Vec<Vec<u8>>,
    },
    True(bool),
    ValidExtList(Vec<Vec<u8>>),
    ValidNotifyMethod(Vec<Vec<u8>>),
}

impl Program {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn load(bytes: &[u8]) -> Result<Self> {
        let raw = read::read(bytes)?;
        let places: HashMap<usize, Target> = raw
            .commands
            .iter()
            .enumerate()
            .map(|(index, command)| (command.at, index))
            .chain([(raw.end, raw.commands.len())])
            .collect();
        let ends = raw.commands.iter().skip(1).map(|next| next.at).chain([raw.end]);
        let checker = Checker { places, version: raw.version };
        let commands: Result<Vec<Command>> = raw
            .commands
            .iter()
            .zip(ends)
            .map(|(command, end)| checker.command(command.clone(), end))
            .collect();
        Ok(Self { expands_variables: raw.requires & code::REQUIRES_VARIABLES != 0, commands: commands? })
    }
}

struct Checker {
    places: HashMap<usize, Target>,
    version: u32,
}

impl Checker {
    fn target(&self, from: usize, to: usize) -> Result<Target> {
        match self.places.get(&to) {
            Some(&target) if to > from => Ok(target),
            _ => Err(Malformed::Jump { at: from }),
        }
    }

    /// `end` is where the next command begins. Arguments that cannot be are no reason to refuse the script: the
    /// compiler leaves such where `ihave` is false.
    fn command(&self, raw: RawCommand, end: usize) -> Result<Command> {
        match self.known_command(raw, end) {
            Err(Malformed::Argument { .. }) => Ok(Command::Impossible),
            known => known,
        }
    }

    fn known_command(&self, raw: RawCommand, end: usize) -> Result<Command> {
        let at = raw.at;
        let mut args = Args { args: raw.args.into_iter(), at };
        let args = &mut args;
        let folder = |name, flags| Folder { name, flags, ..Folder::default() };
        Ok(match raw.op {
            Op::Stop => Command::Stop,
            Op::KeepOrig => Command::Keep { flags: Vec::new() },
            Op::Discard => Command::Discard,
            Op::Reject => Command::Reject { extended: false, reason: args.string()? },
            Op::Ereject => Command::Reject { extended: true, reason: args.string()? },
            Op::FileintoOrig => Command::Fileinto { folder: folder(args.string()?, Vec::new()), copy: false },
            Op::FileintoCopy => {
                let copy = args.flag()?;
                Command::Fileinto { folder: folder(args.string()?, Vec::new()), copy }
            }
            Op::FileintoFlags => {
                let (flags, copy) = (args.strings()?, args.flag()?);
                Command::Fileinto { folder: folder(args.string()?, flags), copy }
            }
            Op::FileintoCreate | Op::FileintoSpecialuse | Op::Fileinto => {
                let mailboxid = if raw.op == Op::Fileinto { args.text()? } else { None };
                let special_use = if raw.op == Op::FileintoCreate { None } else { args.text()? };
                let (create, flags, copy) = (args.flag()?, args.strings()?, args.flag()?);
                let folder = Folder { name: args.string()?, special_use, mailboxid, create, flags };
                Command::Fileinto { folder, copy }
            }
            Op::RedirectOrig | Op::RedirectCopy | Op::RedirectList | Op::Redirect => {
                Command::Redirect(Box::new(redirect(raw.op, args)?))
            }
            Op::If => self.condition(at, args, end)?,
            Op::Mark => Command::Mark,
            Op::Unmark => Command::Unmark,
            Op::AddflagOrig => flags(FlagChange::Add, Vec::new(), args)?,
            Op::SetflagOrig => flags(FlagChange::Set, Vec::new(), args)?,
            Op::RemoveflagOrig => flags(FlagChange::Remove, Vec::new(), args)?,
            Op::Addflag => flags(FlagChange::Add, args.string()?, args)?,
            Op::Setflag => flags(FlagChange::Set, args.string()?, args)?,
            Op::Removeflag => flags(FlagChange::Remove, args.string()?, args)?,
            Op::Notify | Op::Enotify => Command::Notify {
                is_enotify: raw.op == Op::Enotify,
                method: args.text()?,
                id: args.text()?,
                options: args.strings()?,
                priority: args.known(Priority::from_word)?,
                message: args.text()?,
            },
            Op::Denotify => {
                let priority = args.known(Priority::from_word)?;
                let how = args.int()?;
                let any = how == Priority::Any.word();
                let how = Match::from_word(how);
                if how.is_none() && !any {
                    return Err(Malformed::Argument { at });
                }
                let relation = Relation::from_word(args.int()?);
                Command::Denotify { priority, how, relation, pattern: args.text()?.unwrap_or_default() }
            }
            Op::VacationOrig
            | Op::VacationSec
            | Op::VacationFccOrig
            | Op::VacationFccSpluse
            | Op::Vacation => Command::Vacation(Box::new(self.vacation(raw.op, args)?)),
            Op::Null => Command::Null,
            Op::Jump => Command::Jump(self.target(at, args.jump()?)?),
            Op::Include => {
                let bits = args.int()?;
                let location = Location::from_word(bits & code::include::LOCATION);
                Command::Include {
                    location: location.ok_or(Malformed::Argument { at })?,
                    once: bits & code::include::ONCE != 0,
                    optional: bits & code::include::OPTIONAL != 0,
                    name: args.string()?,
                }
            }
            Op::Return => Command::Return,
            Op::KeepCopy | Op::Keep => Command::Keep { flags: args.strings()? },
            Op::Set => Command::Set { modifiers: args.int()?, name: args.string()?, value: args.string()? },
            Op::Addheader => {
                let last = args.int()? < 0;
                Command::Addheader { last, name: args.string()?, value: args.string()? }
            }
            Op::Deleteheader => Command::Deleteheader {
                index: args.int()?,
                comparison: args.comparison()?,
                name: args.string()?,
                patterns: args.strings()?,
            },
            Op::Error => Command::Error(args.text()?),
            Op::Log => Command::Log(args.string()?),
            Op::SnoozeOrig | Op::SnoozeTzid | Op::Snooze => Command::Snooze(Box::new(snooze(raw.op, args)?)),
            Op::Processimip => {
                args.int()?;
                args.text()?;
                Command::Imip { outcome: args.text()?, error: args.text()? }
            }
        })
    }

    fn condition(&self, at: usize, args: &mut Args, end: usize) -> Result<Command> {
        let stated = args.jump()?;
        let Some(Value::Test(test)) = args.args.next() else { return Err(Malformed::Argument { at }) };
        // The test ends where the file says, and a jump for "false" (two words) stands there.
        if stated != end {
            return Err(Malformed::Jump { at });
        }
        let then = self.target(at, stated.saturating_add(2))?;
        let otherwise = self.target(at, stated)?;
        Ok(Command::If { test: condition(*test), then, otherwise })
    }

    fn vacation(&self, op: Op, args: &mut Args) -> Result<VacationCommand> {
        let at = args.at;
        let mut vacation = VacationCommand {
            addresses: args.strings()?,
            subject: args.text()?,
            message: args.string()?,
            seconds: i64::from(args.int()?),
            is_mime: args.flag()?,
            from: None,
            handle: None,
            fcc: None,
        };
        if op == Op::VacationOrig {
            vacation.seconds *= 24 * 60 * 60;
        }
        if op == Op::VacationOrig && self.version < 5 {
            return Ok(vacation);
        }
        vacation.from = args.text()?;
        vacation.handle = args.text()?;
        if let Some(Value::Fcc(Some(fcc))) = args.args.next() {
            vacation.fcc = Some(folder_of(fcc, at)?);
        }
        Ok(vacation)
    }
}

fn folder_of(fcc: RawFcc, at: usize) -> Result<Folder> {
    Ok(Folder {
        name: fcc.folder,
        special_use: fcc.special_use,
        mailboxid: fcc.mailboxid,
        create: fcc.create != 0,
        flags: present(fcc.flags, at)?,
    })
}

fn flags(change: FlagChange, variable: Vec<u8>, args: &mut Args) -> Result<Command> {
    Ok(Command::Flags { change, variable, flags: args.strings()? })
}

fn redirect(op: Op, args: &mut Args) -> Result<RedirectCommand> {
    let is_newest = op == Op::Redirect;
    let (by_time, by_mode) = if is_newest { (args.text()?, args.text()?) } else { (None, None) };
    let by_trace = is_newest && args.flag()?;
    let (dsn_notify, dsn_ret) = if is_newest { (args.text()?, args.text()?) } else { (None, None) };
    let is_list = matches!(op, Op::Redirect | Op::RedirectList) && args.flag()?;
    let copy = op != Op::RedirectOrig && args.flag()?;
    Ok(RedirectCommand {
        address: args.string()?,
        is_list,
        copy,
        by_time,
        by_mode,
        by_trace,
        dsn_notify,
        dsn_ret,
    })
}

fn snooze(op: Op, args: &mut Args) -> Result<SnoozeCommand> {
    let early_tzid = if op == Op::SnoozeTzid { args.text()? } else { None };
    let mailbox = args.text()?;
    let is_newest = op == Op::Snooze;
    let (mailboxid, special_use) = if is_newest { (args.text()?, args.text()?) } else { (None, None) };
    let create = is_newest && args.flag()?;
    let (add, remove, bits) = (args.strings()?, args.strings()?, args.int()?);
    let tzid = if is_newest { args.text()? } else { early_tzid };
    let times = args.words()?.into_iter().map(|word| u32::try_from(word).unwrap_or(0)).collect();
    let is_id = !is_newest && bits & code::snooze::IS_ID != 0;
    let (mailbox, mailboxid) = if is_id { (None, mailbox) } else { (mailbox, mailboxid) };
    let weekdays = u8::try_from(bits & code::snooze::WEEKDAYS).unwrap_or(0);
    Ok(SnoozeCommand { mailbox, mailboxid, special_use, create, add, remove, weekdays, tzid, times })
}

fn condition(raw: RawTest) -> Condition {
    known_condition(raw).unwrap_or(Condition::Impossible)
}

fn known_condition(raw: RawTest) -> Result<Condition> {
    let at = raw.at;
    let early_index = raw.early_index;
    let mut args = Args { args: raw.args.into_iter(), at };
    let args = &mut args;
    let index = early_index.unwrap_or(0);
    Ok(match raw.test {
        Test::False => Condition::True(false),
        Test::True => Condition::True(true),
        Test::Not => match args.args.next() {
            Some(Value::Test(test)) => Condition::Not(Box::new(condition(*test))),
            _ => return Err(Malformed::Argument { at }),
        },
        Test::Exists => Condition::Exists(args.strings()?),
        Test::Size => Condition::Size { side: args.known(SizeSide::from_word)?, octets: args.int()? },
        Test::Anyof => Condition::Anyof(args.conditions()?),
        Test::Allof => Condition::Allof(args.conditions()?),
        Test::AddressPreIndex | Test::Address => Condition::Address {
            index: if raw.test == Test::Address { args.int()? } else { index },
            comparison: args.comparison()?,
            part: args.known(AddressPart::from_word)?,
            headers: args.strings()?,
            keys: args.strings()?,
        },
        Test::Envelope => Condition::Envelope {
            comparison: args.comparison()?,
            part: args.known(AddressPart::from_word)?,
            fields: args.strings()?,
            keys: args.strings()?,
        },
        Test::HeaderPreIndex | Test::Header => Condition::Header {
            index: if raw.test == Test::Header { args.int()? } else { index },
            comparison: args.comparison()?,
            headers: args.strings()?,
            keys: args.strings()?,
        },
        Test::Body => {
            let comparison = args.comparison()?;
            // C reads the transform and looks at the content types only; nor is the offset used.
            args.int()?;
            args.int()?;
            Condition::Body { comparison, types: args.strings()?, keys: args.strings()? }
        }
        Test::DateOrig | Test::Date => {
            let index = match early_index {
                Some(index) => index,
                None if matches!(args.args.as_slice().first(), Some(Value::Int(_))) => args.int()?,
                None => 0,
            };
            let (zone, comparison) = (args.zone()?, args.comparison()?);
            let part = args.known(DatePart::from_word)?;
            Condition::Date {
                header: Some((index, args.string()?)),
                zone,
                comparison,
                part,
                keys: args.strings()?,
            }
        }
        Test::CurrentdateOrig | Test::Currentdate => {
            let (zone, comparison) = (args.zone()?, args.comparison()?);
            let part = args.known(DatePart::from_word)?;
            Condition::Date { header: None, zone, comparison, part, keys: args.strings()? }
        }
        Test::Hasflag => Condition::Hasflag {
            comparison: args.comparison()?,
            variables: args.strings()?,
            keys: args.strings()?,
        },
        Test::String => Condition::String {
            comparison: args.comparison()?,
            sources: args.strings()?,
            keys: args.strings()?,
        },
        Test::Mailboxexists => Condition::Mailboxexists(args.strings()?),
        Test::Mailboxidexists => Condition::Mailboxidexists(args.strings()?),
        Test::Metadata => Condition::Metadata {
            comparison: args.comparison()?,
            mailbox: Some(args.string()?),
            entry: args.string()?,
            keys: args.strings()?,
        },
        Test::Servermetadata => Condition::Metadata {
            comparison: args.comparison()?,
            mailbox: None,
            entry: args.string()?,
            keys: args.strings()?,
        },
        Test::Metadataexists => {
            Condition::Metadataexists { mailbox: Some(args.string()?), entries: args.strings()? }
        }
        Test::Servermetadataexists => Condition::Metadataexists { mailbox: None, entries: args.strings()? },
        Test::ValidExtList => Condition::ValidExtList(args.strings()?),
        Test::Duplicate => Condition::Duplicate {
            by: args.known(DuplicateId::from_word)?,
            id: args.text()?.unwrap_or_default(),
            handle: args.text()?.unwrap_or_default(),
            seconds: args.int()?,
            last: args.flag()?,
        },
        Test::Ihave => Condition::Ihave(args.strings()?),
        Test::SpecialuseExists => {
            Condition::SpecialuseExists { mailbox: args.text()?, uses: args.strings()? }
        }
        Test::Environment => Condition::Environment {
            comparison: args.comparison()?,
            item: args.string()?,
            keys: args.strings()?,
        },
        Test::ValidNotifyMethod => Condition::ValidNotifyMethod(args.strings()?),
        Test::NotifyMethodCapability => {
            let comparison = args.comparison()?;
            args.text()?;
            Condition::NotifyMethodCapability {
                comparison,
                capability: args.string()?,
                keys: args.strings()?,
            }
        }
        Test::Jmapquery => Condition::Jmapquery(args.string()?),
    })
}

fn present(texts: Vec<Text>, at: usize) -> Result<Vec<Vec<u8>>> {
    texts.into_iter().map(|text| text.ok_or(Malformed::Argument { at })).collect()
}

/// The arguments of a command, taken one by one.
struct Args {
    args: std::vec::IntoIter<Value>,
    at: usize,
}

impl Args {
    fn wrong<T>(&self) -> Result<T> {
        Err(Malformed::Argument { at: self.at })
    }

    fn int(&mut self) -> Result<i32> {
        match self.args.next() {
            Some(Value::Int(word)) => Ok(word),
            _ => self.wrong(),
        }
    }

    fn flag(&mut self) -> Result<bool> {
        Ok(self.int()? != 0)
    }

    fn known<T>(&mut self, from_word: fn(i32) -> Option<T>) -> Result<T> {
        let word = self.int()?;
        from_word(word).ok_or(Malformed::Argument { at: self.at })
    }

    fn jump(&mut self) -> Result<usize> {
        match self.args.next() {
            Some(Value::Jump(to)) => Ok(to),
            _ => self.wrong(),
        }
    }

    fn text(&mut self) -> Result<Text> {
        match self.args.next() {
            Some(Value::Text(text)) => Ok(text),
            _ => self.wrong(),
        }
    }

    /// A string that is not nil.
    fn string(&mut self) -> Result<Vec<u8>> {
        self.text()?.ok_or(Malformed::Argument { at: self.at })
    }

    fn strings(&mut self) -> Result<Vec<Vec<u8>>> {
        match self.args.next() {
            Some(Value::Texts(texts)) => present(texts, self.at),
            _ => self.wrong(),
        }
    }

    fn words(&mut self) -> Result<Vec<i32>> {
        match self.args.next() {
            Some(Value::Words(words)) => Ok(words),
            _ => self.wrong(),
        }
    }

    fn conditions(&mut self) -> Result<Vec<Condition>> {
        match self.args.next() {
            Some(Value::Tests(tests)) => Ok(tests.into_iter().map(condition).collect()),
            _ => self.wrong(),
        }
    }

    fn comparison(&mut self) -> Result<Comparison> {
        let Some(Value::Comparator([how, relation, comparator])) = self.args.next() else {
            return self.wrong();
        };
        let comparison = || {
            Some(Comparison {
                how: Match::from_word(how)?,
                relation: Relation::from_word(relation),
                comparator: Comparator::from_word(comparator)?,
            })
        };
        comparison().ok_or(Malformed::Argument { at: self.at })
    }

    fn zone(&mut self) -> Result<DateZone> {
        let Some(Value::Zone(zone, offset)) = self.args.next() else { return self.wrong() };
        match (Zone::from_word(zone), offset) {
            (Some(Zone::Original), _) => Ok(DateZone::Original),
            (Some(Zone::Given), Some(offset)) => Ok(DateZone::Offset(offset)),
            (Some(Zone::Given), None) => Ok(DateZone::Local),
            (None, _) => self.wrong(),
        }
    }
}
