//! The governed call, with a real journal, real wallets, real sockets.
// What the tests share is test code, too.
#![cfg(test)]

mod aftermath;
mod calls;
mod chaos;
mod elsewhere;
mod endings;
mod fallback;
mod guardrails;
mod invoked;
mod kit;
mod plans;
mod proposals;
mod recall;
mod routing;
mod teams;
mod tools;
mod trouble;
mod working;
