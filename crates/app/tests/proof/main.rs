//! No overspend, shown on the real binary: a crowd spends small budgets as fast as it can
//! while clients hang up, the provider breaks its streams and the server is killed. The fake
//! provider counts what it really bills and is the only judge.

#![cfg(test)]
#![expect(
    dead_code,
    reason = "the kit is shared with the other proofs, each needs a part of it"
)]

#[path = "../support/http.rs"]
mod http;
#[path = "../support/router.rs"]
mod router_process;
#[path = "../support/server.rs"]
mod server;

mod balanced;
mod balancer;
mod books;
mod certificates;
mod courier;
mod crowd;
mod house;
mod once;
mod quotas;
mod rolling;
mod router;
mod runaway;
mod several;
mod spending;
mod streams;
mod together;
mod wire;
mod working;
