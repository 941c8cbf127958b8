//! What may be set while everything runs, and at which level.
//!
//! Words:
//! - A [`Setting`] is one value with a name (`security.session_idle_minutes`), a kind, a default
//!   and the levels at which it may be set. [`SETTINGS`] is the whole list.
//! - A *level* is where a value is set: the system, a tenant, a team, a project, a user. A
//!   [`Chain`] is what stands above one of them, the system first.
//! - A [`Document`] is what is set at one level: names with values, nothing else. YAML and JSON
//!   are two ways to write it down.
//! - A [`Version`] is a document as it was written at one time, by whom and why. Versions are never
//!   changed; going back to one writes a new one that is equal to it.
//! - [`Effective`] is what holds at the end of a chain: of every setting the nearest value.
//!
//! Invariants:
//! - **What protects cannot be loosened below**: where a setting of `security` or `rate_limits` is
//!   set at several levels, the strictest value holds, whichever was set first.
//! - **Only what is known is kept**: no document holds a name that is not in the list, a value that
//!   is not of its kind, or a setting that its level may not have.
//! - **A change and its entry in the audit log are committed together.**
//! - **A change holds everywhere within a second, without a restart**: each server asks twice a
//!   second whether anything has changed ([`Settings::refresh`]).
//! - **No setting is a secret.** Secrets are in the vault, and documents may be read by whoever
//!   belongs to their level.
//!
//! ```
//! use iron_settings::{Defaults, Document, Effective, Level};
//!
//! let system = Document::from_yaml("security:\n  session_idle_minutes: 20\n").unwrap();
//! let tenant = Document::from_yaml("security:\n  session_idle_minutes: 60\n").unwrap();
//! let holds = Effective::of(&Defaults::default(), [(Level::System, &system), (Level::Tenant, &tenant)]);
//! assert_eq!(holds.number("security.session_idle_minutes"), Some(20)); // the strictest
//! assert_eq!(holds.level("security.session_idle_minutes"), Some(Level::System));
//! ```

mod cascade;
mod chain;
mod document;
mod error;
mod live;
mod schema;
mod settings;
mod store;
mod version;
mod yaml;

pub use cascade::Effective;
pub use chain::{Chain, Holder, Level};
pub use document::{Document, Patch};
pub use error::Error;
pub use live::{Approval, ErrorAlarm, Rates, Routing, Security};
pub use schema::{Defaults, Kind, SETTINGS, Setting, Stricter, Wrong, setting};
pub use settings::{Draft, Held, Settings, Shown};
pub use version::{Change, Version};

/// The tables of this feature.
pub const MIGRATIONS: iron_store::Migrations =
    iron_store::migrations!("settings", "0001_settings", "0002_row_security");
