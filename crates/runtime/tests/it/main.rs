//! The governed call, with a real journal, real wallets, real sockets.
// What the tests share is test code, too.
#![cfg(test)]

mod calls;
mod elsewhere;
mod endings;
mod guardrails;
mod invoked;
mod kit;
mod plans;
mod proposals;
mod recall;
mod teams;
mod tools;
mod working;
