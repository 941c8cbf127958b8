//! What this program was built from, as its build script found it.

/// The commit, or `unknown`.
pub(crate) const COMMIT: &str = env!("IRON_BUILD_COMMIT");
/// When, or `unknown`: the commit's own time unless the builder said otherwise.
pub(crate) const TIME: &str = env!("IRON_BUILD_TIME");
/// The version.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");
/// All of that on one line, for `iron --version`.
pub(crate) const LINE: &str = concat!(
    env!("CARGO_PKG_VERSION"),
    " (",
    env!("IRON_BUILD_COMMIT_SHORT"),
    ", ",
    env!("IRON_BUILD_TIME"),
    ")"
);
