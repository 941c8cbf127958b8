//! The keys of one instance, and what is done with them.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::hmac;
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use zeroize::Zeroizing;

use crate::{Hash, InvalidKey};

/// Length of an AES-256 key in bytes.
pub(crate) const KEY_BYTES: usize = 32;
/// Length of a GCM nonce in bytes.
pub(crate) const NONCE_BYTES: usize = 12;
/// Length of a GCM tag in bytes.
pub(crate) const TAG_BYTES: usize = 16;
/// Length of a data key sealed under the encryption key.
pub(crate) const WRAPPED_BYTES: usize = NONCE_BYTES + KEY_BYTES + TAG_BYTES;

/// The three keys of one instance, as they come out of the vault.
#[derive(Clone)]
pub struct JournalKeys {
    /// Wraps the data key of each segment (AES-256).
    pub encryption: Zeroizing<[u8; 32]>,
    /// Authenticates each record of the chain (HMAC-SHA256).
    pub mac: Zeroizing<[u8; 32]>,
    /// Seed of the Ed25519 key that signs checkpoints.
    pub signing: Zeroizing<[u8; 32]>,
}

impl JournalKeys {
    /// Takes the three keys.
    pub fn new(encryption: [u8; 32], mac: [u8; 32], signing: [u8; 32]) -> Self {
        JournalKeys {
            encryption: Zeroizing::new(encryption),
            mac: Zeroizing::new(mac),
            signing: Zeroizing::new(signing),
        }
    }

    /// The public half of the signing key: all that a third party needs.
    pub fn public(&self) -> Result<PublicKey, InvalidKey> {
        Signer::new(&self.signing).map(|signer| signer.public())
    }
}

impl fmt::Debug for JournalKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JournalKeys(***)")
    }
}

/// The public half of an instance's signing key; prints and parses as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PublicKey([u8; 32]);

impl PublicKey {
    /// The key with these bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        PublicKey(bytes)
    }

    /// The bytes of the key.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Whether `signature` was made over `message` by the private half.
    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, self.0)
            .verify(message, signature)
            .is_ok()
    }
}

crate::hash::hexadecimal!(PublicKey, 32);

/// Signs checkpoints.
pub(crate) struct Signer(Ed25519KeyPair);

impl Signer {
    pub(crate) fn new(seed: &[u8; 32]) -> Result<Self, InvalidKey> {
        Ed25519KeyPair::from_seed_unchecked(seed)
            .map(Signer)
            .map_err(|_| InvalidKey)
    }

    pub(crate) fn public(&self) -> PublicKey {
        let mut bytes = [0; 32];
        for (to, from) in bytes.iter_mut().zip(self.0.public_key().as_ref()) {
            *to = *from;
        }
        PublicKey(bytes)
    }

    pub(crate) fn sign(&self, message: &[u8]) -> [u8; 64] {
        let signature = self.0.sign(message);
        let mut bytes = [0; 64];
        for (to, from) in bytes.iter_mut().zip(signature.as_ref()) {
            *to = *from;
        }
        bytes
    }
}

/// Authenticates record hashes.
#[derive(Clone)]
pub(crate) struct MacKey(hmac::Key);

impl MacKey {
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        MacKey(hmac::Key::new(hmac::HMAC_SHA256, key))
    }

    pub(crate) fn mac(&self, hash: &Hash) -> Hash {
        Hash::copied_from(hmac::sign(&self.0, hash.as_bytes()).as_ref())
    }

    pub(crate) fn verifies(&self, hash: &Hash, mac: &Hash) -> bool {
        hmac::verify(&self.0, hash.as_bytes(), mac.as_bytes()).is_ok()
    }
}

/// One AES-256-GCM key: the key that wraps, or the data key of a segment.
pub(crate) struct SealingKey(LessSafeKey);

/// The bytes are not what was sealed under this key at this place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotAuthentic;

impl SealingKey {
    pub(crate) fn new(key: &[u8; 32]) -> Result<Self, InvalidKey> {
        UnboundKey::new(&AES_256_GCM, key)
            .map(|key| SealingKey(LessSafeKey::new(key)))
            .map_err(|_| InvalidKey)
    }

    /// Encrypts in place and gives the tag. The caller never uses a nonce twice.
    pub(crate) fn seal(
        &self,
        nonce: [u8; NONCE_BYTES],
        context: &[u8],
        text: &mut [u8],
    ) -> Result<[u8; TAG_BYTES], NotAuthentic> {
        let nonce = Nonce::assume_unique_for_key(nonce);
        let tag = self
            .0
            .seal_in_place_separate_tag(nonce, Aad::from(context), text)
            .map_err(|_| NotAuthentic)?;
        tag.as_ref().try_into().map_err(|_| NotAuthentic)
    }

    /// Decrypts text and tag in place and gives the text.
    pub(crate) fn open<'a>(
        &self,
        nonce: [u8; NONCE_BYTES],
        context: &[u8],
        sealed: &'a mut [u8],
    ) -> Result<&'a [u8], NotAuthentic> {
        let nonce = Nonce::assume_unique_for_key(nonce);
        match self.0.open_in_place(nonce, Aad::from(context), sealed) {
            Ok(text) => Ok(text),
            Err(_) => Err(NotAuthentic),
        }
    }

    /// Wraps a data key: nonce, ciphertext, tag.
    pub(crate) fn wrap(
        &self,
        nonce: [u8; NONCE_BYTES],
        context: &[u8],
        key: &[u8; KEY_BYTES],
    ) -> Result<[u8; WRAPPED_BYTES], NotAuthentic> {
        let mut sealed = Zeroizing::new(*key);
        let tag = self.seal(nonce, context, sealed.as_mut_slice())?;
        let mut wrapped = [0; WRAPPED_BYTES];
        let parts = nonce.iter().chain(sealed.iter()).chain(tag.iter());
        for (to, from) in wrapped.iter_mut().zip(parts) {
            *to = *from;
        }
        Ok(wrapped)
    }

    /// Unwraps what [`SealingKey::wrap`] gave.
    pub(crate) fn unwrap_key(
        &self,
        context: &[u8],
        wrapped: &[u8; WRAPPED_BYTES],
    ) -> Result<SealingKey, NotAuthentic> {
        let (nonce, sealed) = wrapped.split_at(NONCE_BYTES);
        let mut sealed = Zeroizing::new(sealed.to_vec());
        let nonce = nonce.try_into().map_err(|_| NotAuthentic)?;
        let key = self.open(nonce, context, &mut sealed)?;
        let key: &[u8; KEY_BYTES] = key.try_into().map_err(|_| NotAuthentic)?;
        SealingKey::new(key).map_err(|_| NotAuthentic)
    }
}
