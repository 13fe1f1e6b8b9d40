//! Command lines as Perl's Getopt::Long reads them: `-u x`, `--username x`, `--user=x`, any unique
//! beginning of a name, in any case; a value may be missing.

use std::ffi::OsString;

/// One option: its names, and whether it takes a value.
pub struct Spec {
    /// Names; the first is the one found in [`Options::value`].
    pub names: &'static [&'static str],
    /// It takes a value.
    pub takes_value: bool,
}

/// What was given.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Options {
    given: Vec<(&'static str, String)>,
    /// Words that are no options.
    pub words: Vec<String>,
    /// What Getopt::Long says of wrong options.
    pub complaints: Vec<String>,
}

impl Options {
    /// Takes the arguments apart.
    pub fn parse(specs: &[Spec], args: &[OsString]) -> Self {
        let mut found = Self::default();
        let mut args = args.iter().map(|arg| arg.to_string_lossy().into_owned()).peekable();
        while let Some(arg) = args.next() {
            if arg == "--" {
                found.words.extend(args);
                break;
            }
            let Some(name) = arg.strip_prefix('-').filter(|rest| !rest.is_empty()) else {
                found.words.push(arg);
                continue;
            };
            let name = name.strip_prefix('-').unwrap_or(name);
            let (name, value) = match name.split_once('=') {
                Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
                None => (name.to_owned(), None),
            };
            match find(specs, &name.to_lowercase()) {
                Err(complaint) => found.complaints.push(complaint(&name)),
                Ok(spec) => {
                    let key = spec.names.first().copied().unwrap_or_default();
                    let value = match value {
                        Some(value) => value,
                        None if spec.takes_value => {
                            args.next_if(|next| !next.starts_with('-') || next == "-").unwrap_or_default()
                        }
                        None => String::new(),
                    };
                    found.given.push((key, value));
                }
            }
        }
        found
    }

    /// The last value given to an option.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.given.iter().rev().find(|(key, _)| *key == name).map(|(_, value)| value.as_str())
    }
}

fn find<'s>(specs: &'s [Spec], name: &str) -> Result<&'s Spec, fn(&str) -> String> {
    let exact = specs.iter().find(|spec| spec.names.contains(&name));
    let mut begins = specs.iter().filter(|spec| spec.names.iter().any(|full| full.starts_with(name)));
    match (exact, begins.next(), begins.next()) {
        (Some(spec), _, _) | (None, Some(spec), None) => Ok(spec),
        (None, Some(_), Some(_)) => Err(|name| format!("Option {name} is ambiguous\n")),
        (None, None, _) => Err(|name| format!("Unknown option: {name}\n")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_as_perl_reads_them() {
        let specs = [
            Spec { names: &["a", "authname"], takes_value: true },
            Spec { names: &["e", "exec"], takes_value: true },
            Spec { names: &["f", "execfile"], takes_value: true },
            Spec { names: &["help", "?"], takes_value: false },
        ];
        let parse =
            |words: &[&str]| Options::parse(&specs, &words.iter().map(OsString::from).collect::<Vec<_>>());
        let found = parse(&["-a", "ann", "--exec=list", "server", "-f"]);
        assert_eq!(
            (found.value("a"), found.value("e"), found.value("f")),
            (Some("ann"), Some("list"), Some(""))
        );
        assert_eq!(found.words, ["server"]);
        assert_eq!(parse(&["--AUTH", "x", "-?"]).value("a"), Some("x"));
        assert_eq!(parse(&["--exe", "x"]).complaints, ["Option exe is ambiguous\n"]);
        assert_eq!(parse(&["--frob"]).complaints, ["Unknown option: frob\n"]);
        assert_eq!(parse(&["--", "-a"]).words, ["-a"]);
    }
}
