//! Calls that leave the house: one pooled client for every provider.
//!
//! Connections are kept alive and shared, HTTP/2 is used where the peer offers it (ALPN),
//! TLS is rustls with the aws-lc-rs provider and the Mozilla roots. Redirects are never
//! followed and nothing is decompressed, so that the bytes that are metered are the bytes
//! that are passed on.
//!
//! Invariants:
//! - **It is known whether anything was sent.** [`SendError::nothing_was_sent`] is true only
//!   where no byte of the request can have reached the peer; everything else may have cost
//!   money.
//! - **Every wait ends**: connecting (with the TLS handshake), the first byte, and each gap
//!   between two chunks have their own limit.
//! - **An address inside the network cannot be reached by a name** ([`AddressRules`]): names
//!   are checked after resolution, literals when the [`BaseUrl`] is read.
//! - **No credential of a caller leaves** ([`headers`]): what is forwarded is listed.

mod address;
mod answer;
mod client;
pub mod headers;
mod resolve;
mod retry_after;

pub use address::{AddressRules, BaseUrl, BaseUrlError};
pub use answer::{Answer, BodyError};
pub use client::{Egress, EgressOptions, Outgoing, SendError, Timeouts};
pub use retry_after::retry_after;
