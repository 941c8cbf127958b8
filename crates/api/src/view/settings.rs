//! Settings and their versions.

use iron_net::problem::Problem;
use iron_sdk::settings::{ConfigChange, ConfigLevel, ConfigProblem, ConfigView, SettingsView};
use iron_settings::{Change, Document, Error, Shown, Version, Wrong};

/// What holds at a level.
pub(crate) fn settings(shown: &Shown) -> SettingsView {
    let from = shown.effective.iter().map(|(path, _, level)| {
        let level = level.map_or("default", iron_settings::Level::as_str);
        (path.to_owned(), level.to_owned())
    });
    let own = shown.own.as_ref();
    SettingsView {
        settings: shown.effective.to_json(),
        inheritance: from.collect(),
        version: version_of(own),
        updated_at: own.map(|version| version.created_at),
        updated_by: own.map(|version| version.created_by),
    }
}

/// The number of a version; 0 before the first one.
pub(crate) fn version_of(version: Option<&Version>) -> i64 {
    version.map_or(0, |version| version.version)
}

/// A configuration, or the empty one before the first.
pub(crate) fn config(level: ConfigLevel, version: Option<Version>) -> ConfigView {
    let Some(version) = version else {
        let nothing = Document::default();
        return ConfigView {
            id: None,
            version: 0,
            level,
            config: nothing.to_json(),
            yaml: nothing.to_yaml(),
            diff: Vec::new(),
            comment: None,
            author: None,
            created_at: None,
        };
    };
    ConfigView {
        id: Some(version.id),
        version: version.version,
        level,
        config: version.document.to_json(),
        yaml: version.document.to_yaml(),
        diff: changes(version.changes),
        comment: version.comment,
        author: Some(version.created_by),
        created_at: Some(version.created_at),
    }
}

/// Differences.
pub(crate) fn changes(changes: Vec<Change>) -> Vec<ConfigChange> {
    let shown = |change: Change| ConfigChange {
        path: change.path,
        before: change.before,
        after: change.after,
    };
    changes.into_iter().map(shown).collect()
}

/// What is wrong, as a list.
pub(crate) fn config_problems(wrong: Vec<Wrong>) -> Vec<ConfigProblem> {
    let shown = |wrong: Wrong| ConfigProblem {
        path: wrong.path,
        line: wrong.place.map(|(line, _)| line),
        column: wrong.place.map(|(_, column)| column),
        message: wrong.problem,
    };
    wrong.into_iter().map(shown).collect()
}

/// What is wrong, as a refusal that names each field.
pub(crate) fn wrong_settings(wrong: Vec<Wrong>) -> Problem {
    let named = |wrong: Wrong| match wrong.path.as_str() {
        "" => ("yaml".to_owned(), wrong.to_string()),
        path => (path.to_owned(), wrong.to_string()),
    };
    Problem::fields(wrong.into_iter().map(named).collect())
}

impl From<Error> for crate::failure::Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Wrong(wrong) => wrong_settings(wrong).into(),
            Error::NoVersion { version } => Problem::not_found("config_version", version).into(),
            Error::Audit(error) => error.into(),
            Error::Store(error) => error.into(),
        }
    }
}
