//! Configuration: flag, then `IRON_*`, then `iron.yaml`, then the user's file, then the default.
//!
//! Each setting stands once in [`keys`]; the value that holds knows where it came from, so that
//! `iron config explain` can tell, and a wrong one is refused with its line and column before
//! anything starts.

use std::collections::BTreeMap;
use std::fmt;
use std::net::ToSocketAddrs as _;
use std::path::{Path, PathBuf};

use iron_primitives::Secret;

mod file;
pub(crate) mod keys;
#[cfg(test)]
mod page;

use keys::{KEYS, Key, Kind};

/// Where a value stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// On the command line.
    Flag(&'static str),
    /// In the environment.
    Variable(String),
    /// In a file.
    File {
        /// Which.
        path: PathBuf,
        /// Counted from 1.
        line: u64,
        /// Counted from 1.
        column: u64,
    },
    /// Nowhere: the default.
    Default,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Flag(flag) => write!(f, "--{flag}"),
            Place::Variable(name) => f.write_str(name),
            Place::File { path, line, column } => {
                write!(f, "{}:{line}:{column}", path.display())
            }
            Place::Default => f.write_str("default"),
        }
    }
}

/// A value that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {message}")]
pub(crate) struct Problem {
    /// Where it stands.
    pub(crate) place: Place,
    /// What is wrong and what would be right.
    pub(crate) message: String,
}

/// Everything wrong with the configuration, at once.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub(crate) struct Invalid(pub(crate) Vec<Problem>);

/// The outside world as configuration sees it; an argument, so that tests own it.
pub(crate) struct Surroundings<'a> {
    /// Looks up an environment variable.
    pub(crate) variable: &'a dyn Fn(&str) -> Option<String>,
    /// The folder the command runs in.
    pub(crate) folder: &'a Path,
}

/// One setting with the value that holds.
#[derive(Debug, Clone)]
pub(crate) struct Setting {
    /// Which setting.
    pub(crate) key: &'static Key,
    /// Its value; none if it is absent and has no default.
    pub(crate) value: Option<String>,
    /// Where the value came from.
    pub(crate) place: Place,
    /// Where else a value stands that this one overrides, nearest first.
    pub(crate) overridden: Vec<Place>,
}

impl Setting {
    /// The value as it may be shown.
    pub(crate) fn shown(&self) -> Option<String> {
        self.value
            .as_ref()
            .map(|value| match self.key.kind.is_secret() {
                true => "***".to_owned(),
                false => value.clone(),
            })
    }
}

/// All settings.
#[derive(Debug)]
pub(crate) struct Config {
    settings: BTreeMap<&'static str, Setting>,
    files: Vec<PathBuf>,
}

/// Values given on the command line.
pub(crate) type Flags = Vec<(&'static str, &'static str, String)>;

impl Config {
    /// Gathers every source and checks every value.
    pub(crate) fn load(flags: Flags, around: &Surroundings<'_>) -> Result<Config, Invalid> {
        let mut problems = Vec::new();
        let mut found: BTreeMap<&'static str, Vec<(String, Place)>> = BTreeMap::new();
        for (name, flag, value) in flags {
            found
                .entry(name)
                .or_default()
                .push((value, Place::Flag(flag)));
        }
        for key in KEYS {
            let variable = key.variable();
            if let Some(value) = (around.variable)(&variable).filter(|value| !value.is_empty()) {
                found
                    .entry(key.name)
                    .or_default()
                    .push((value, Place::Variable(variable)));
            }
        }
        let mut files = Vec::new();
        for path in candidates(around) {
            let Ok(text) = std::fs::read_to_string(&path) else {
                continue;
            };
            match file::read(&path, &text) {
                Ok(entries) => {
                    for entry in entries {
                        match KEYS.iter().find(|key| key.name == entry.name) {
                            Some(key) => found
                                .entry(key.name)
                                .or_default()
                                .push((entry.value, entry.place)),
                            None => problems.push(unknown(&entry.name, entry.place)),
                        }
                    }
                }
                Err(problem) => problems.push(problem),
            }
            files.push(path);
        }
        let mut settings = BTreeMap::new();
        for key in KEYS {
            let values = found.remove(key.name).unwrap_or_default();
            problems.extend(
                values
                    .iter()
                    .filter_map(|(value, place)| check(key, value, place)),
            );
            settings.insert(key.name, settle(key, values, around));
        }
        if problems.is_empty() {
            Ok(Config { settings, files })
        } else {
            Err(Invalid(problems))
        }
    }

    /// All settings, in the order of the table.
    pub(crate) fn settings(&self) -> impl Iterator<Item = &Setting> {
        KEYS.iter().filter_map(|key| self.settings.get(key.name))
    }

    /// The setting of that name.
    pub(crate) fn setting(&self, name: &str) -> Option<&Setting> {
        self.settings.get(name)
    }

    /// The files that were read, nearest first.
    pub(crate) fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// A text, empty if absent.
    pub(crate) fn text(&self, name: &str) -> String {
        self.optional(name).unwrap_or_default()
    }

    /// A text that may be absent.
    pub(crate) fn optional(&self, name: &str) -> Option<String> {
        self.settings
            .get(name)
            .and_then(|setting| setting.value.clone())
    }

    /// A secret that may be absent.
    pub(crate) fn secret(&self, name: &str) -> Option<Secret> {
        self.optional(name).map(Secret::new)
    }

    /// A number; every number was checked when it was loaded.
    pub(crate) fn number(&self, name: &str) -> u64 {
        self.optional(name)
            .and_then(|value| value.parse().ok())
            .unwrap_or_default()
    }

    /// Whether a yes or no is a yes.
    pub(crate) fn flag(&self, name: &str) -> bool {
        self.optional(name).as_deref() == Some("yes")
    }

    /// Puts a value over every source, for a command that knows better.
    pub(crate) fn set(&mut self, name: &'static str, value: &str) {
        if let Some(setting) = self.settings.get_mut(name) {
            setting.value = Some(value.to_owned());
        }
    }

    /// The data folder.
    pub(crate) fn data(&self) -> PathBuf {
        PathBuf::from(self.text(keys::DATA))
    }
}

fn settle(key: &'static Key, values: Vec<(String, Place)>, around: &Surroundings<'_>) -> Setting {
    let mut values = values.into_iter();
    match values.next() {
        Some((value, place)) => Setting {
            key,
            value: Some(value),
            place,
            overridden: values.map(|(_, place)| place).collect(),
        },
        None => {
            let default = match key.name {
                keys::DATA => Some(user_folder(around, "XDG_DATA_HOME", ".local/share")),
                _ => key.default.map(str::to_owned),
            };
            Setting {
                key,
                value: default,
                place: Place::Default,
                overridden: Vec::new(),
            }
        }
    }
}

/// `iron` in the folder the variable names, else below the home folder.
pub(crate) fn user_folder(around: &Surroundings<'_>, variable: &str, below_home: &str) -> String {
    let base = (around.variable)(variable)
        .filter(|value| !value.is_empty())
        .map(PathBuf::from);
    let home = || PathBuf::from((around.variable)("HOME").unwrap_or_else(|| ".".to_owned()));
    base.unwrap_or_else(|| home().join(below_home))
        .join("iron")
        .display()
        .to_string()
}

/// The nearest `iron.yaml` at or above the folder, then the user's own file.
fn candidates(around: &Surroundings<'_>) -> Vec<PathBuf> {
    let nearest = around
        .folder
        .ancestors()
        .map(|at| at.join("iron.yaml"))
        .find(|at| at.is_file());
    let own = Path::new(&user_folder(around, "XDG_CONFIG_HOME", ".config")).join("config.yaml");
    nearest
        .into_iter()
        .chain(Some(own).filter(|path| path.is_file()))
        .collect()
}

fn unknown(name: &str, place: Place) -> Problem {
    let names = KEYS.iter().map(|key| key.name);
    let message = match nearest(name, names) {
        Some(close) => format!("unknown setting `{name}`, did you mean `{close}`?"),
        None => format!("unknown setting `{name}`; `iron config show` lists them all"),
    };
    Problem { place, message }
}

/// The candidate most like the word, if one is like it at all.
pub(crate) fn nearest<'a>(
    word: &str,
    candidates: impl Iterator<Item = &'a str>,
) -> Option<&'a str> {
    candidates
        .map(|candidate| (strsim::jaro_winkler(word, candidate), candidate))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

fn check(key: &Key, value: &str, place: &Place) -> Option<Problem> {
    let fits = match key.kind {
        Kind::Text | Kind::Path | Kind::Secret => !value.is_empty(),
        Kind::TimeZone => value.parse::<iron_primitives::Zone>().is_ok(),
        Kind::Address => value.to_socket_addrs().is_ok(),
        Kind::Url => value.starts_with("http://") || value.starts_with("https://"),
        Kind::DatabaseUrl => value.starts_with("postgres://") || value.starts_with("postgresql://"),
        Kind::RedisUrl => value.starts_with("redis://") || value.starts_with("rediss://"),
        Kind::Number { least, most } => value
            .parse()
            .is_ok_and(|number: u64| (least..=most).contains(&number)),
        Kind::Networks => value.parse::<iron_net::TrustedProxies>().is_ok(),
        Kind::Choice(words) => words.contains(&value),
    };
    let shown = if key.kind.is_secret() { "***" } else { value };
    (!fits).then(|| Problem {
        place: place.clone(),
        message: format!(
            "`{}` is `{shown}`, expected {}",
            key.name,
            key.kind.describe()
        ),
    })
}

#[cfg(test)]
mod tests;
