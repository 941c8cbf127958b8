//! Secrets: keys, tokens, passwords, private keys.
//!
//! Three kinds of evidence:
//! - **The value tells by itself**: keys of providers with published formats (`providers.txt`),
//!   JSON web tokens, armoured keys, passwords within addresses. Checksums raise or lower these.
//! - **The name before it tells**: what is assigned to `password`, `api_key` and the like, in any
//!   of the usual syntaxes. Passwords that people choose count, stand-ins (`<your key>`) do not.
//! - **The words around it tell**: a value without a format of its own, after the name of a
//!   provider whose keys look so (`named.txt`), or after a word such as `token`.
//!
//! A random value alone is no secret: hashes, identifiers and encoded images are random too.

mod addresses;
mod assignments;
mod checksums;
mod named;
mod private_keys;
mod providers;
mod random;

use crate::lane;
use crate::scan::Rule;

/// The rules of secrets.
pub fn rules() -> Vec<Rule> {
    let lanes = [
        (lane::KEYS, providers::rules()),
        (lane::KEYS, private_keys::rules()),
        (lane::ADDRESSES, addresses::rules()),
        (lane::ASSIGNMENTS, addresses::pairs()),
        (lane::ASSIGNMENTS, assignments::rules()),
        (lane::TOKENS, named::rules()),
    ];
    lane::all(lanes)
}
