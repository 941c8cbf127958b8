//! The journal from the outside.
// What the tests share is test code, too.
#![cfg(test)]

mod append;
mod appender;
mod canonical;
mod concurrency;
mod crash;
mod damage;
mod full_disk;
mod kit;
mod purge;
mod repair;
mod retire;
mod rotate;
mod verify;
