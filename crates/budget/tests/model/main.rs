//! The money protocol as a model that is looked through to its end.
//!
//! A few nodes, one ledger and a network that loses, doubles and reorders: [`stateright`] visits
//! every state that they can reach, in every order of steps, and tries the invariants of
//! `docs/PROOF.md` on each. A provider bills a call in the moment in which it is sent, so that
//! whatever dies afterwards, the truth is known to the model and to nobody in it.
//!
//! What is the product's own source here, compiled into the model: the arithmetic of a lease and
//! of a budget in the ledger (`moves.rs`), the lease account of a wallet (`account.rs`), and the
//! replay of a journal with its frames (`iron_runtime::wallet::Replay`). What is restated,
//! because in the product it is woven into SQL, queues and tasks: the order of steps within an
//! exchange, which lease a wallet takes up or lets go, who is enrolled, and how much is granted
//! beyond need. `tests/it/machine.rs` drives those parts themselves, at random.
//!
//! Time is not trusted: the ledger may take a lease for expired at any moment, as if its clock
//! ran as far ahead as it likes, and its owner may go on with it.
//!
//! [`protocol::Variant`] names shortcuts that look harmless. Each must be found to overspend, or
//! the model could not tell a good protocol from a bad one.
//!
//! The worlds are small, for the sake of every build; `IRON_PROOF=full` makes them larger.
#![cfg(test)]

mod ledger;
mod node;
mod protocol;
mod recovery;
mod state;
mod wallet;
mod worlds;
#[expect(
    dead_code,
    unreachable_pub,
    reason = "the product's source, of which the model needs the arithmetic"
)]
#[path = "../../src"]
mod product {
    pub(crate) mod moves;
}

use std::time::Instant;

use iron_runtime::authority;
use product::moves;
use stateright::{Checker, Expectation, HasDiscoveries, Model as _};

use protocol::{Action, I1, World};
use worlds::{pairs, trios, variants};

const THREADS: usize = 2;
/// Where a variant has not failed until then, it has passed.
const MOST_STATES: usize = 2_000_000;

/// Looks at every state of a world, or at those within a depth; prints a row of the table.
fn look_through(world: &World, depth: Option<usize>) {
    let began = Instant::now();
    let builder = world.clone().checker().threads(THREADS);
    let builder = match depth {
        Some(depth) => builder.target_max_depth(depth),
        None => builder,
    };
    let checker = builder.spawn_bfs().join();
    let scope = if depth.is_some() {
        "bounded"
    } else {
        "exhaustive"
    };
    println!(
        "{:<44} {:>9} {:>6}  holds, {scope} ({:.1} s)",
        world.name,
        checker.unique_state_count(),
        checker.max_depth(),
        began.elapsed().as_secs_f64(),
    );
    for property in world.properties() {
        let found = checker.discovery(property.name);
        let steps = found.map(|path| told(path.into_actions()));
        match (property.expectation, steps) {
            (Expectation::Always, Some(steps)) => {
                panic!("{}: `{}` is broken: {steps}", world.name, property.name)
            }
            (Expectation::Sometimes, None) if depth.is_none() => {
                panic!("{}: `{}` never happens", world.name, property.name)
            }
            _ => {}
        }
    }
}

/// Looks for an overspend and prints the shortest way to it.
fn look_for_overspend(world: &World) {
    let checker = world.clone().checker();
    let checker = checker
        .target_state_count(MOST_STATES)
        .finish_when(HasDiscoveries::Any)
        .spawn_bfs()
        .join();
    let found = checker.discovery(I1).map(|path| path.into_actions());
    let found = found.unwrap_or_else(|| panic!("{} was not found to overspend", world.name));
    println!(
        "{:<44} {:>9} {:>6}  overspends: {}",
        world.name,
        checker.unique_state_count(),
        found.len(),
        told(found),
    );
}

fn told(actions: Vec<Action>) -> String {
    let steps: Vec<String> = actions.iter().map(ToString::to_string).collect();
    steps.join("; ")
}

fn head() {
    println!("\n{:<44} {:>9} {:>6}  result", "world", "states", "depth");
}

/// Whether time does not matter.
fn is_full() -> bool {
    std::env::var("IRON_PROOF").is_ok_and(|word| word == "full")
}

#[test]
fn no_budget_is_overspent_by_two_nodes_whatever_happens() {
    head();
    for world in pairs(is_full()) {
        look_through(&world, None);
    }
}

#[test]
fn no_budget_is_overspent_by_three_nodes_within_a_depth() {
    head();
    for (world, depth) in trios(is_full()) {
        look_through(&world, Some(depth));
    }
}

#[test]
fn every_tempting_variant_is_found_to_overspend() {
    head();
    for world in variants() {
        look_for_overspend(&world);
    }
}
