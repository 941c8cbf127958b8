//! Whole towns in simulated time: nodes with their real wallets, tasks and journals, one control
//! plane with the real ledger, and between them a network that is not to be trusted.
//!
//! [`turmoil`] runs the nodes and carries (or loses) their messages, in its own time and by a seed.
//! A courier on every node doubles exchanges, loses their answers, and brings old ones again.
//! Nodes are killed, or lose power and with it what their disks had not yet taken; disks stall;
//! the control plane crashes; the network parts; clocks run fast and slow. The provider's own count
//! is the judge: a call is owed from the moment in which it is sent.
//!
//! When everything has been mended for a while, each refusal is judged, too ([`justice`]).
//!
//! Not simulated are the threads and the database underneath. A journal's disk is a gate that the
//! simulation opens and shuts ([`disk`]), and the ledger's SQL is answered while simulated time
//! stands still. A seed decides what befalls the town; in which order tasks and maps take their
//! turns it does not, so that a seed that failed may have to be tried more than once.
//!
//! `IRON_SEEDS` says how many towns are tried (`IRON_PROOF=full` many more), `IRON_SEED` tries one.

mod courier;
mod disk;
mod justice;
mod node;
mod oracle;
mod town;

use town::Town;

/// The seeds to try.
fn seeds() -> Vec<u64> {
    let number = |name: &str| std::env::var(name).ok()?.parse::<u64>().ok();
    if let Some(seed) = number("IRON_SEED") {
        return vec![seed];
    }
    let is_full = std::env::var("IRON_PROOF").is_ok_and(|word| word == "full");
    let count = number("IRON_SEEDS").unwrap_or(if is_full { 200 } else { 6 });
    (0..count).collect()
}

#[test]
fn no_budget_is_overspent_in_any_town() {
    let mut told = String::new();
    for seed in seeds() {
        told.push_str(&Town::found(seed).live());
        told.push('\n');
    }
    println!("{told}");
}
