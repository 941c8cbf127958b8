//! The gateway's routes, over real sockets, with fake providers behind them.
// What the tests share is test code, too.
#![cfg(test)]

mod answers;
mod batches;
mod bedrock;
mod errands;
mod files;
mod front;
mod hostile;
#[expect(dead_code, reason = "the runtime's own tests use the rest of the kit")]
#[path = "../../../runtime/tests/it/kit.rs"]
mod kit;
mod native;
mod passthrough;
mod pictures;
mod prompts;
mod providers;
mod replicate;
mod sound;
