//! Statements of tools in real databases.

#![cfg(test)]

mod hostile;
mod kit;
mod postgres;
mod sqlite;
mod statements;
