//! The page `docs/configuration.md`, made from the table of settings.

use std::fmt::Write as _;

use super::keys::{KEYS, Kind};

/// The page as it must stand in `docs/`.
pub(crate) fn page() -> String {
    let mut page = String::from(
        "# Configuration\n\n\
         A value is taken from the first place that has one: the flag, the environment variable, the\n\
         nearest `iron.yaml` (in the working folder or above), `iron/config.yaml` in the user's\n\
         configuration folder, the default. `iron config explain KEY` tells which one holds and why;\n\
         `iron config validate` checks all of them and names the line and column of what is wrong. A dot\n\
         in a name goes one level down in the file:\n\n\
         ```yaml\n\
         listen: 0.0.0.0:4766\n\
         rate_limits:\n  user_per_minute: 600\n\
         ```\n\n\
         Secrets are taken from the environment or a file, never from the command line.\n",
    );
    for key in KEYS {
        let default = key
            .default
            .map_or("none".to_owned(), |value| format!("`{value}`"));
        let _ = write!(
            page,
            "\n## `{}`\n\n{}\n\n- Value: {}\n- Default: {default}\n- Environment: `{}`\n",
            key.name,
            key.meaning,
            key.kind.describe(),
            key.variable(),
        );
        if key.kind == Kind::DatabaseUrl {
            page.push_str("- Flag: `--database-url`\n");
        }
    }
    page
}
