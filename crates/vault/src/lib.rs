//! Keys: one master key, and everything that hangs below it.
//!
//! Words:
//! - the [`MasterKey`] is 32 bytes in a file that only its owner may read, or is given;
//! - a *derived* key comes out of it by HKDF-SHA256 for one [`Purpose`]: the keys of a journal,
//!   of sessions, of a tenant's hashes. Nothing is stored of it;
//! - a *data key* is a tenant's own random key, stored sealed under the master key; secrets of
//!   the tenant (provider keys) are sealed under it;
//! - a *subject key* is a person's own random key. What is personal in records is sealed under
//!   it; [`Vault::erase_subject`] destroys it, and with it everything it sealed, while every
//!   hash over the ciphertext stays true.
//!
//! Invariants:
//! - **A sealed value opens in its [`Place`] only**: AES-256-GCM, its tenant, id and version
//!   authenticated. Whoever can write the database can neither swap two provider keys nor put
//!   an old one back.
//! - **A database knows its master key** by a fingerprint: the wrong one stops the start
//!   instead of failing at the first call.
//! - **Keys wipe themselves** and never print.
//!
//! ```
//! use iron_primitives::{Environment, TenantId};
//! use iron_vault::{MasterKey, Purpose};
//!
//! let master = MasterKey::from_bytes([7; 32]);
//! let tenant: TenantId = "tenant_0192f0c1-7d5e-7cc3-98c4-dc0c0c07398f".parse()?;
//! assert_ne!(master.derive(Purpose::Sessions)?, master.derive(Purpose::TenantHash(tenant))?);
//! assert_eq!(format!("{master:?}"), "MasterKey(***)");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod envelope;
mod error;
mod master;
mod store;
mod vault;

pub use envelope::Place;
pub use error::Error;
pub use master::{Key, MasterKey, Purpose};
pub use vault::{SubjectKey, Vault};

/// The tables of this feature.
pub const MIGRATIONS: iron_store::Migrations = iron_store::migrations!("vault", "0001_keys");
