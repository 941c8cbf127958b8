//! IP tokens: a pass for our gateway that only the bearer of the agent's token can read.
//!
//! `AES256:<nonce>:<ciphertext>:<tag>`, each in base64; AES-256-GCM under HKDF-SHA256 of the value
//! of the agent's token, salted with the id of the lease. The server has that value only while it
//! answers the request that brought it.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use iron_net::problem::Problem;
use iron_primitives::{Environment, LeaseId, TokenValue};

struct KeyOf256Bits;

impl KeyType for KeyOf256Bits {
    fn len(&self) -> usize {
        32
    }
}

/// The cryptographic library refused a key of the length that it asked for.
#[derive(Debug, thiserror::Error)]
#[error("an IP token could not be sealed")]
struct NotSealed;

/// Seals a pass for whoever bears a token.
pub(crate) fn seal(
    pass: &TokenValue,
    token: &TokenValue,
    lease: LeaseId,
    environment: &Environment,
) -> Result<String, Problem> {
    let nonce = environment.random::<NONCE_LEN>();
    let sealed = key(token.secret().expose(), lease).and_then(|key| {
        let mut text = pass.secret().expose().as_bytes().to_vec();
        let unique = Nonce::assume_unique_for_key(nonce);
        let tag = key.seal_in_place_separate_tag(unique, Aad::empty(), &mut text);
        Some((text, tag.ok()?))
    });
    let (text, tag) = sealed.ok_or_else(|| Problem::internal(NotSealed))?;
    Ok(format!(
        "AES256:{}:{}:{}",
        STANDARD.encode(nonce),
        STANDARD.encode(text),
        STANDARD.encode(tag.as_ref())
    ))
}

fn key(token: &str, lease: LeaseId) -> Option<LessSafeKey> {
    let lease = lease.to_string();
    let extracted = Salt::new(HKDF_SHA256, lease.as_bytes()).extract(token.as_bytes());
    let mut bytes = [0_u8; 32];
    let expanded = extracted.expand(&[], KeyOf256Bits).ok()?;
    expanded.fill(&mut bytes).ok()?;
    Some(LessSafeKey::new(
        UnboundKey::new(&AES_256_GCM, &bytes).ok()?,
    ))
}

#[cfg(test)]
mod tests {
    use iron_primitives::TokenKind;
    use iron_testkit::TestEnvironment;

    use super::*;

    #[test]
    fn only_the_token_and_the_lease_that_it_was_made_for_open_it() {
        let environment = TestEnvironment::new().environment;
        let pass = TokenValue::generate(TokenKind::Pass, &environment);
        let token = TokenValue::generate(TokenKind::Ic, &environment);
        let (lease, other): (LeaseId, LeaseId) = (environment.new_id(), environment.new_id());
        let sealed = seal(&pass, &token, lease, &environment).expect("seals");
        let parts: Vec<&str> = sealed.split(':').collect();
        let [word, nonce, text, tag] = parts.as_slice() else {
            panic!("four parts in {sealed}");
        };
        assert_eq!(*word, "AES256");
        let read = |part: &str| STANDARD.decode(part).expect("base64");
        let open = |token: &TokenValue, lease: LeaseId| {
            let key = key(token.secret().expose(), lease).expect("a key");
            let nonce = Nonce::try_assume_unique_for_key(&read(nonce)).expect("12 bytes");
            let mut bytes = [read(text), read(tag)].concat();
            let opened = key.open_in_place(nonce, Aad::empty(), &mut bytes).ok()?;
            String::from_utf8(opened.to_vec()).ok()
        };
        assert_eq!(open(&token, lease).as_deref(), Some(pass.secret().expose()));
        assert_eq!(open(&token, other), None);
        let stranger = TokenValue::generate(TokenKind::Ic, &environment);
        assert_eq!(open(&stranger, lease), None);
    }
}
