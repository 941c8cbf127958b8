//! Channels and their courier against receivers that behave as real ones do, and approvals of tool
//! calls, on both engines.

#![cfg(test)]

mod answering;
mod approving;
mod asking;
mod delivery;
mod keeping;
mod kit;
mod patience;
mod wanting;
