//! What agents keep at providers, and have done there: files and batches.
//!
//! A provider knows one account, under which the files of all agents lie. Here it is remembered
//! whose each is, where it lies, and what the provider has told of it, so that a list can be made
//! of what is an agent's own. The bytes stay at the provider.
//!
//! Invariants:
//! - **everything has one owner**, a tenant's agent, and is found by its owner alone;
//! - **a batch is written down with its money and settled once**, in the transactions that move it;
//! - **a provider's id is remembered once**: storing the same again changes nothing;
//! - **what has ended is not shown**: a file whose provider deletes it by itself is not listed after
//!   that.

mod batches;
mod files;
mod order;

pub use batches::Batches;
pub use files::Files;

/// The tables of this feature.
pub const MIGRATIONS: iron_store::Migrations =
    iron_store::migrations!("custody", "0001_files", "0002_batches");
