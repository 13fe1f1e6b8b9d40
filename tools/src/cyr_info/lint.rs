//! conf-lint: keys of the file that are neither options nor of a known form.

use libcyrus::base::config::{Config, Opt};
use libcyrus::base::exit::{EX_CONFIG, Fatal};
use std::ffi::OsString;
use std::io;
use std::path::Path;

/// Lists the unknown keys. Service names come from the SERVICES section of cyrus.conf.
pub fn unknown_keys(config: &Config, cyrus_conf: &Path) -> Result<Vec<u8>, Fatal> {
    let services = services(cyrus_conf)?;
    let channels: Vec<&str> =
        config.words(Opt::SyncLogChannels).filter(|channel| *channel != "\"\"").collect();
    let mut out = Vec::new();
    for (key, value) in config.overflows_in_table_order() {
        let by_service = services.iter().any(|service| {
            let rest = key.strip_prefix(service.as_str()).and_then(|rest| rest.strip_prefix('_'));
            rest.is_some_and(|rest| is_known(config, rest))
        });
        if is_other_key(config, key)
            || key.starts_with("sasl_")
            || by_service
            || is_channel_key(config, &channels, key)
        {
            continue;
        }
        out.extend_from_slice(key.as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(value);
        out.push(b'\n');
    }
    Ok(out)
}

/// `CHANNEL_sync_...`; of channels that match, only the first counts.
fn is_channel_key(config: &Config, channels: &[&str], key: &str) -> bool {
    for channel in channels {
        let Some(rest) = key.strip_prefix(channel) else { continue };
        let Some(option) = rest.strip_prefix('_').filter(|option| option.starts_with("sync_")) else {
            return false;
        };
        if is_known(config, option) {
            return true;
        }
    }
    false
}

fn is_known(config: &Config, key: &str) -> bool {
    Opt::by_name(key.as_bytes()).is_some() || is_other_key(config, key)
}

/// Keys that hang on a partition, and old XLIST settings.
fn is_other_key(config: &Config, key: &str) -> bool {
    let data_exists = |name: &str| config.overflow(&format!("partition-{name}")).is_some();
    if ["partition-", "backuppartition-", "xlist-"].iter().any(|prefix| key.starts_with(prefix)) {
        return true;
    }
    let needs_data = key.strip_prefix("metapartition-").or_else(|| key.strip_prefix("archivepartition-"));
    if needs_data.is_some_and(data_exists) {
        return true;
    }
    key.split_once("searchpartition-").is_some_and(|(_, name)| data_exists(name))
}

/// The names of the SERVICES section. C: masterconf_getsection()
fn services(path: &Path) -> Result<Vec<String>, Fatal> {
    let content = read(path).map_err(|error| {
        let text = error.to_string();
        let text = text.split(" (os error").next().unwrap_or_default().to_owned();
        Fatal::new(format!("can't open configuration file {}: {text}", path.display()), EX_CONFIG)
    })?;
    let mut names = Vec::new();
    let (mut level, mut inside) = (0i64, false);
    for (line, number) in content.split(|&b| b == b'\n').zip(1..) {
        let text = String::from_utf8_lossy(line);
        let text = text.trim_ascii_start();
        let text = text.split('#').next().unwrap_or_default();
        if text.is_empty() {
            continue;
        }
        if inside {
            if text.starts_with('}') {
                inside = false;
                continue;
            }
            let end = text.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(text.len());
            let (name, rest) = text.split_at(end);
            if let Some(bad) = rest.chars().next().filter(|c| !name.is_empty() && !c.is_ascii_whitespace()) {
                return Err(bad_line(path, &format!("bad character '{bad}' in name on line {number}")));
            }
            if !name.is_empty() {
                check_arguments(path, rest, number)?;
                names.push(name.to_owned());
            }
            inside = !rest.contains('}');
            continue;
        }
        const SECTION: &str = "SERVICES";
        let opens = level == 0
            && text.starts_with('S')
            && text.get(..SECTION.len()).is_some_and(|head| head.eq_ignore_ascii_case(SECTION));
        let rest = text.get(SECTION.len()..).unwrap_or_default();
        let opens = opens && !rest.starts_with(|c: char| c.is_ascii_alphanumeric());
        let counted = if opens { rest } else { text };
        level += counted.bytes().map(|b| i64::from(b == b'{') - i64::from(b == b'}')).sum::<i64>();
        if opens && level == 1 {
            // As in C, the brace that ends the section is not counted: what follows stays at level 1.
            inside = true;
        }
    }
    Ok(names)
}

fn check_arguments(path: &Path, text: &str, number: usize) -> Result<(), Fatal> {
    const ARGUMENTS_MAX: usize = 64;
    let mut rest = text.trim_ascii_start();
    let mut count = 0;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
        let (_, tail) = rest.split_at(end);
        let Some(value) = tail.strip_prefix('=') else {
            // At the end of the line C prints a NUL, which ends its message.
            let what = match tail.chars().next() {
                Some(bad) => format!("bad character '{bad}' in argument on line {number}"),
                None => "bad character '".to_owned(),
            };
            return Err(bad_line(path, &what));
        };
        rest = match value.strip_prefix('"') {
            Some(quoted) => match quoted.split_once('"') {
                Some((_, after)) => after,
                None => return Err(bad_line(path, &format!("missing \" on line {number}"))),
            },
            None => value.split_once(|c: char| c.is_ascii_whitespace()).map_or("", |(_, after)| after),
        };
        if count == ARGUMENTS_MAX {
            return Err(bad_line(path, &format!("too many arguments on line {number}")));
        }
        count += 1;
        rest = rest.trim_ascii_start();
    }
    Ok(())
}

fn bad_line(path: &Path, what: &str) -> Fatal {
    Fatal::new(format!("configuration file {}: {what}", path.display()), EX_CONFIG)
}

/// The copy below `$CYRUS_PREFIX`, else the file itself.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    if let Some(prefix) = std::env::var_os("CYRUS_PREFIX") {
        let mut full: OsString = prefix;
        full.push(path);
        if let Ok(content) = std::fs::read(full) {
            return Ok(content);
        }
    }
    std::fs::read(path)
}
