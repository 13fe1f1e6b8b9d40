//! Which partition a new mailbox goes to when neither its parent nor `defaultpartition` says: the
//! `partition_select_*` options. C: imap/partlist.c

use cyrus_base::config::{Config, Opt};
use cyrus_sys::space::{self, Space};
use std::ffi::OsStr;
use std::fs::DirBuilder;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// `partition_select_mode`: what makes one partition better than another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// Any, each as often as the others.
    Random,
    /// The one with the most free octets.
    FreespaceMost,
    /// The one with the largest free share.
    FreespacePercentMost,
    /// Any, the oftener the larger its free share.
    FreespacePercentWeighted,
    /// Any, the oftener the more its free share is above that of the fullest.
    FreespacePercentWeightedDelta,
}

impl Mode {
    fn of(config: &Config) -> Self {
        match config.choice(Opt::PartitionSelectMode) {
            "freespace-most" => Self::FreespaceMost,
            "freespace-percent-most" => Self::FreespacePercentMost,
            "freespace-percent-weighted" => Self::FreespacePercentWeighted,
            "freespace-percent-weighted-delta" => Self::FreespacePercentWeightedDelta,
            _ => Self::Random,
        }
    }

    /// Whether a file system counts once however many partitions are on it.
    fn counts_file_systems(self) -> bool {
        matches!(self, Self::FreespaceMost | Self::FreespacePercentMost)
    }
}

#[derive(Debug)]
struct Partition {
    name: String,
    directory: PathBuf,
    /// Its file system when last looked at; none where that failed or nobody wanted to know.
    space: Option<Space>,
    /// Percent: the free share or what the mode makes of it; 0 is never chosen.
    weight: f64,
}

impl Partition {
    /// Free share in percent; none where it is unknown or makes no sense.
    fn free_percent(&self) -> Option<f64> {
        let space = self.space?;
        #[allow(clippy::cast_precision_loss, reason = "a share needs no more")]
        let percent = space.available_kib() as f64 * 100. / space.total_kib() as f64;
        (0. ..=100.).contains(&percent).then_some(percent)
    }
}

/// The partitions of an installation and how much room they had when last looked at.
#[derive(Debug)]
pub(crate) struct PartList {
    partitions: Vec<Partition>,
    mode: Mode,
    /// The mode in force: [`Mode::Random`] where the room of some partition is not known.
    in_force: Mode,
    /// Percent of free room above which a partition is preferred.
    soft_limit: f64,
    /// Number of uses after which the room is looked at again; 0 is never.
    reinit: u32,
    uses: u32,
}

impl PartList {
    /// Looks at all partitions but those of `partition_select_exclude`.
    pub(crate) fn new(config: &Config) -> Self {
        let mut list = Self::unmeasured(config);
        list.look(of_directory);
        list
    }

    fn unmeasured(config: &Config) -> Self {
        let excluded: Vec<_> =
            config.string(Opt::PartitionSelectExclude).unwrap_or_default().split([' ', ',', '\t']).collect();
        let mode = Mode::of(config);
        let partitions = config.overflows_in_table_order().into_iter().filter_map(|(key, directory)| {
            let name = key.strip_prefix("partition-").filter(|name| !name.is_empty())?;
            (!excluded.contains(&name)).then(|| Partition {
                name: name.to_owned(),
                directory: PathBuf::from(OsStr::from_bytes(directory)),
                space: None,
                weight: 0.,
            })
        });
        let number = |opt| i32::try_from(config.int(opt)).unwrap_or(0);
        Self {
            partitions: partitions.collect(),
            mode,
            in_force: mode,
            soft_limit: 100. - f64::from(number(Opt::PartitionSelectSoftUsageLimit)),
            reinit: u32::try_from(number(Opt::PartitionSelectUsageReinit)).unwrap_or(0),
            uses: 0,
        }
    }

    /// The partition for the next new mailbox. C: `partlist_local_select()`
    pub(crate) fn select(&mut self) -> Option<&str> {
        if self.candidates().next().is_none() {
            self.used();
        }
        self.candidates().next()?;
        self.used();
        self.choose(fastrand::f64()).map(|partition| partition.name.as_str())
    }

    /// The file systems that mailboxes may go to, each once. C: `partlist_local_find_freespace_most()`
    pub(crate) fn spaces(&mut self) -> Vec<Space> {
        self.used();
        let mut spaces: Vec<Space> = Vec::new();
        for space in self.candidates().filter_map(|partition| partition.space) {
            if spaces.iter().all(|other| other.id != space.id) {
                spaces.push(space);
            }
        }
        spaces
    }

    fn used(&mut self) {
        if self.reinit > 0 && self.uses >= self.reinit {
            self.look(of_directory);
            self.uses = 0;
        }
        self.uses = self.uses.saturating_add(1);
    }

    fn candidates(&self) -> impl Iterator<Item = &Partition> {
        self.partitions.iter().filter(|partition| partition.weight > 0.)
    }

    /// Chooses by the weights, of equals the first; `draw` is from 0 up to 1.
    fn choose(&self, draw: f64) -> Option<&Partition> {
        let free = |partition: &Partition| partition.space.map_or(0, |space| space.available_kib());
        let better: &dyn Fn(&Partition, &Partition) -> bool = match self.in_force {
            Mode::FreespaceMost => &|one, other| free(one) > free(other),
            Mode::FreespacePercentMost => &|one, other| one.weight > other.weight,
            _ => return self.draw(draw),
        };
        self.candidates().reduce(|best, next| if better(next, best) { next } else { best })
    }

    /// The partition that a point of the line of all weights falls on.
    fn draw(&self, point: f64) -> Option<&Partition> {
        let total: f64 = self.candidates().map(|partition| partition.weight).sum();
        let mut below = 0.;
        let reached = self.candidates().find(|partition| {
            below += partition.weight;
            point * total < below
        });
        reached.or_else(|| self.candidates().last())
    }

    /// Looks at the room and weighs the partitions. C: `partlist_compute_quota()`
    fn look(&mut self, space_of: impl Fn(&Path) -> Option<Space>) {
        self.in_force = self.mode;
        if self.mode == Mode::Random || !self.measure(space_of) {
            self.in_force = Mode::Random;
            self.partitions.iter_mut().for_each(|partition| partition.weight = 50.);
            return;
        }
        let soft_limit = self.soft_limit;
        if self.candidates().any(|partition| partition.weight > soft_limit) {
            for partition in self.partitions.iter_mut().filter(|partition| partition.weight <= soft_limit) {
                partition.weight = 0.;
            }
        }
        if self.mode == Mode::FreespacePercentWeightedDelta {
            let least = self.candidates().map(|partition| partition.weight).fold(f64::INFINITY, f64::min);
            for partition in self.partitions.iter_mut().filter(|partition| partition.weight > 0.) {
                // the fullest one must not starve
                partition.weight += 0.5 - least;
            }
        }
    }

    /// Finds the free shares; false when one is not to be had and nothing can be compared.
    fn measure(&mut self, space_of: impl Fn(&Path) -> Option<Space>) -> bool {
        let mut seen = Vec::new();
        for partition in &mut self.partitions {
            partition.space = space_of(&partition.directory);
            partition.weight = 0.;
            let id = partition.space.map(|space| space.id);
            if self.mode.counts_file_systems() && seen.contains(&id) {
                continue;
            }
            seen.push(id);
            let Some(percent) = partition.free_percent() else { return false };
            partition.weight = percent;
        }
        true
    }
}

/// The file system of a partition's directory, which is made when it is not there yet.
fn of_directory(directory: &Path) -> Option<Space> {
    let found = match space::of(directory) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let made = DirBuilder::new().recursive(true).mode(0o755).create(directory);
            if let Err(error) = made {
                log::error!(target: "syslog", "IOERROR: creating {}: {error}", directory.display());
                return None;
            }
            space::of(directory)
        }
        found => found,
    };
    match found {
        Ok(space) if space.blocks > 0 => Some(space),
        Ok(_) => {
            let directory = directory.display();
            log::error!(target: "syslog", "IOERROR: statvfs[{directory}]: non-positive number of blocks");
            None
        }
        Err(error) => {
            log::error!(target: "syslog", "IOERROR: statvfs[{}]: {error}", directory.display());
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Partitions a, b, c on file systems of 1000 KiB; each row is the file system and the free KiB.
    fn list(mode: &str, more: &str, rooms: [(u64, u64); 3]) -> PartList {
        let text = format!(
            "configdirectory: /none\npartition-a: /0\npartition-b: /1\npartition-c: /2\n\
             partition_select_mode: {mode}\n{more}\n"
        );
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("imapd.conf");
        std::fs::write(&file, text).unwrap();
        let config = Config::load(Some(&file), "imap").unwrap();
        let mut list = PartList::unmeasured(&config);
        list.look(|directory| {
            let row: usize = directory.to_str()?.trim_start_matches('/').parse().ok()?;
            let &(id, available) = rooms.get(row)?;
            Some(Space { id, block_octets: 1024, blocks: 1000, free: available, available })
        });
        list.partitions.sort_by(|one, other| one.name.cmp(&other.name));
        list
    }

    fn chosen(list: &PartList, draw: f64) -> &str {
        list.choose(draw).map_or("none", |partition| &partition.name)
    }

    #[test]
    fn the_most_room_wins_and_a_file_system_counts_once() {
        let rooms = [(1, 300), (2, 500), (2, 500)];
        let mut most = list("freespace-most", "", rooms);
        assert_eq!(chosen(&most, 0.), "b");
        assert_eq!(most.spaces().iter().map(|space| space.available_kib()).sum::<u64>(), 800);
        assert_eq!(chosen(&list("freespace-percent-most", "", rooms), 0.9), "b");
    }

    #[test]
    fn what_is_excluded_or_too_full_is_not_chosen() {
        let rooms = [(1, 600), (2, 500), (3, 700)];
        assert_eq!(chosen(&list("freespace-most", "partition_select_exclude: c,x", rooms), 0.), "a");
        let limited = list("freespace-percent-weighted", "partition_select_soft_usage_limit: 45", rooms);
        let drawn: Vec<_> = [0., 0.4, 0.5, 0.999].map(|draw| chosen(&limited, draw)).into();
        assert_eq!(drawn, ["a", "a", "c", "c"]);
        // when all are too full the limit says nothing
        let full = list("freespace-most", "partition_select_soft_usage_limit: 10", rooms);
        assert_eq!(chosen(&full, 0.), "c");
    }

    #[test]
    fn weights_are_shares_or_what_is_above_the_fullest() {
        let rooms = [(1, 100), (1, 300), (2, 600)];
        let weighted = list("freespace-percent-weighted", "", rooms);
        assert_eq!([0.05, 0.2, 0.45].map(|draw| chosen(&weighted, draw)), ["a", "b", "c"]);
        let delta = list("freespace-percent-weighted-delta", "", rooms);
        assert_eq!(
            delta.partitions.iter().map(|partition| partition.weight).collect::<Vec<_>>(),
            [0.5, 20.5, 50.5]
        );
    }

    #[test]
    fn an_unknown_room_makes_the_choice_random() {
        let list = list("freespace-most", "", [(1, 100), (2, 2000), (3, 300)]);
        assert_eq!(list.in_force, Mode::Random);
        assert_eq!([0., 0.5, 0.9].map(|draw| chosen(&list, draw)), ["a", "b", "c"]);
        let random = self::list("random", "", [(1, 1); 3]);
        assert_eq!([0., 0.5, 0.9].map(|draw| chosen(&random, draw)), ["a", "b", "c"]);
    }
}
