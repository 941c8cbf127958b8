//! What holds where, whoever sets what in which order.
// What the tests share is test code, too.
#![cfg(test)]

mod cascade;
mod page;
mod versions;
