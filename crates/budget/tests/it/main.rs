//! The ledger on both engines, alone and together with the wallet.
// What the tests share is test code, too.
#![cfg(test)]

mod dice;
mod events;
mod exchange;
mod limits;
mod machine;
mod path_lives;
mod paths;
mod pools;
mod recall;
mod requests;
mod simulation;
mod teams;
mod ten_cents;
mod world;
