//! The page that lists the settings.

use std::fmt::Write as _;
use std::path::Path;

use iron_settings::{Defaults, Effective, Kind, SETTINGS, Setting, Stricter};

const HEAD: &str = "\
# Settings

What may be changed while everything runs: `iron settings`, `iron config`, or
`/api/v1/settings/…` and `/api/v1/config`. A change holds on every server within a second.
[How to change settings](how-to/change-settings.md) shows it.

What is set nearest holds: for the user, else the project, else the team, else the tenant, else the
system, else the default. Where the stricter value holds, a level below cannot loosen what is set
above it.
";

fn section(setting: &Setting) -> String {
    let defaults = Effective::of(&Defaults::default(), []);
    let default = defaults.get(setting.path).map(ToString::to_string);
    let levels: Vec<_> = setting.levels.iter().map(|level| level.as_str()).collect();
    let mut text = format!("\n## `{}`\n\n{}\n\n", setting.path, setting.meaning);
    let default = match setting.path.starts_with("rate_limits.") {
        true => "what the server was started with (`iron config explain rate_limits…`)".to_owned(),
        false => format!("`{}`", default.unwrap_or_default()),
    };
    let _ = writeln!(text, "- Value: {}", setting.kind);
    let _ = writeln!(text, "- Default: {default}");
    let _ = writeln!(text, "- Set for: {}", levels.join(", "));
    match setting.stricter {
        None => {}
        Some(Stricter::Less) => text.push_str("- The strictest (smallest) value holds\n"),
        Some(Stricter::More) if setting.kind == Kind::Flag => {
            text.push_str("- Where it is `true` at any level, that holds\n");
        }
        Some(Stricter::More) => text.push_str("- The strictest (largest) value holds\n"),
    }
    text
}

#[test]
fn the_page_of_settings_is_up_to_date() {
    let page: String = std::iter::once(HEAD.to_owned())
        .chain(SETTINGS.iter().map(section))
        .collect();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/settings.md");
    if std::env::var_os("IRON_WRITE_DOCS").is_some() {
        std::fs::write(&path, &page).expect("the page can be written");
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(
        written, page,
        "renew it: IRON_WRITE_DOCS=1 cargo nextest run -p iron-settings"
    );
}
