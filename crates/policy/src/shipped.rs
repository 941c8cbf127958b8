//! The rules that every tenant has from the start.

use std::collections::HashSet;
use std::sync::LazyLock;

use crate::{Policy, from_yaml};

const TEXT: &str = include_str!("../data/shipped.yaml");

static RULES: LazyLock<Vec<Policy>> = LazyLock::new(read);

#[expect(
    clippy::expect_used,
    reason = "the file is part of the crate, and a test reads it"
)]
fn read() -> Vec<Policy> {
    from_yaml(TEXT).expect("the shipped policies are well formed")
}

/// The rules that every tenant has from the start. They are rules like any other.
#[must_use]
pub fn shipped() -> &'static [Policy] {
    &RULES
}

/// The shipped rules and a tenant's own. A rule of the tenant takes the place of the shipped one of
/// its name: with `enabled: false` it switches it off.
#[must_use]
pub fn with_shipped(own: &[Policy]) -> Vec<Policy> {
    let names: HashSet<_> = own.iter().map(|policy| &policy.name).collect();
    let kept = shipped()
        .iter()
        .filter(|policy| !names.contains(&policy.name));
    kept.chain(own).cloned().collect()
}
