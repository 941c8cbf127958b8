//! Secrets for one reader far away, whoever carries them.
//!
//! A process makes a [`SealingKey`] when it begins and tells its public half where it enrols. What
//! is [`seal`]ed to it can be opened by that process alone: TLS ends at proxies and load balancers,
//! this does not. It is HPKE in base mode (RFC 9180) with DHKEM(X25519, HKDF-SHA256), HKDF-SHA256 and
//! AES-256-GCM; the context of a secret (what it is, for whom) is authenticated with it.
//!
//! ```
//! use iron_net::sealing::{SealingKey, seal};
//! use iron_primitives::Secret;
//!
//! let key = SealingKey::generate()?;
//! let sealed = seal(&key.public(), "provider_1", &Secret::new("sk-1".to_owned()))?;
//! assert_eq!(key.open("provider_1", &sealed)?.expose(), "sk-1");
//! assert!(key.open("provider_2", &sealed).is_err());
//! # Ok::<(), iron_net::sealing::Error>(())
//! ```

use iron_primitives::Secret;
use rustls::crypto::aws_lc_rs::hpke::DH_KEM_X25519_HKDF_SHA256_AES_256 as SUITE;
use rustls::crypto::hpke::{EncapsulatedSecret, Hpke as _, HpkePrivateKey, HpkePublicKey};

/// Tells our secrets from those of other protocols.
const INFO: &[u8] = b"iron-cage sealed secret v1";
/// Of an X25519 public key, and of the encapsulated secret.
const KEY_BYTES: usize = 32;

/// Why something could not be sealed or opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The key is not 64 hexadecimal digits of an X25519 key.
    #[error("the key to seal to is not an X25519 key of 64 hexadecimal digits")]
    Key,
    /// It was sealed to another key or in another context, or changed on its way.
    #[error("what was sealed cannot be opened with this key")]
    Sealed,
}

/// The key of one process, in memory alone.
pub struct SealingKey {
    public: HpkePublicKey,
    private: HpkePrivateKey,
}

impl SealingKey {
    /// A new key, from the system's randomness.
    ///
    /// # Errors
    /// [`Error::Key`] if there is none.
    pub fn generate() -> Result<Self, Error> {
        let (public, private) = SUITE.generate_key_pair().map_err(|_| Error::Key)?;
        Ok(SealingKey { public, private })
    }

    /// The public half, 64 hexadecimal digits.
    pub fn public(&self) -> String {
        hex::encode(&self.public.0)
    }

    /// Opens what [`seal`] has sealed in this context.
    ///
    /// # Errors
    /// [`Error::Sealed`].
    pub fn open(&self, context: &str, sealed: &str) -> Result<Secret, Error> {
        let bytes = hex::decode(sealed).map_err(|_| Error::Sealed)?;
        let (secret, text) = bytes.split_at_checked(KEY_BYTES).ok_or(Error::Sealed)?;
        let secret = EncapsulatedSecret(secret.to_vec());
        let opened = SUITE.open(&secret, INFO, context.as_bytes(), text, &self.private);
        let text = String::from_utf8(opened.map_err(|_| Error::Sealed)?);
        text.map(Secret::new).map_err(|_| Error::Sealed)
    }
}

impl std::fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SealingKey({})", self.public())
    }
}

/// Seals a secret to the public half of a key: the encapsulated secret and the sealed text, in
/// hexadecimal digits.
///
/// # Errors
/// [`Error::Key`] if that is no key.
pub fn seal(public: &str, context: &str, secret: &Secret) -> Result<String, Error> {
    let key = hex::decode(public).map_err(|_| Error::Key)?;
    let (encapsulated, text) = SUITE
        .seal(
            INFO,
            context.as_bytes(),
            secret.expose().as_bytes(),
            &HpkePublicKey(key),
        )
        .map_err(|_| Error::Key)?;
    Ok(hex::encode(encapsulated.0) + &hex::encode(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_opens_for_its_reader_in_its_context_and_whole_alone() {
        let (key, other) = (
            SealingKey::generate().unwrap(),
            SealingKey::generate().unwrap(),
        );
        let secret = Secret::new("sk-1".to_owned());
        let sealed = seal(&key.public(), "provider", &secret).unwrap();
        assert_eq!(key.open("provider", &sealed), Ok(secret.clone()));
        assert_eq!(other.open("provider", &sealed), Err(Error::Sealed));
        assert_eq!(key.open("another", &sealed), Err(Error::Sealed));
        let again = seal(&key.public(), "provider", &secret).unwrap();
        assert_ne!(sealed, again, "no two sealed texts are the same");
        for at in 0..sealed.len() {
            let mut changed = sealed.clone().into_bytes();
            changed[at] = if changed[at] == b'0' { b'1' } else { b'0' };
            let changed = String::from_utf8(changed).unwrap();
            assert_eq!(key.open("provider", &changed), Err(Error::Sealed));
            assert_eq!(key.open("provider", &sealed[..at]), Err(Error::Sealed));
        }
        assert!(!format!("{key:?}").contains(&hex::encode(key.private.secret_bytes())));
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let secret = Secret::new("sk-1".to_owned());
        for key in ["", "ab", "no hex", &"00".repeat(32), &"ab".repeat(33)] {
            assert_eq!(seal(key, "provider", &secret), Err(Error::Key), "{key}");
        }
    }
}
