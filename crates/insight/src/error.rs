//! Why there is no projection.

/// Why there is no projection.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The records cannot be read.
    #[error(transparent)]
    Audit(#[from] iron_audit::Error),
}
