//! Personal values: sealed under the data subject's own key before they are recorded.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use iron_primitives::{Environment, RequestId};

use crate::authority::SubjectKey;
use crate::record::Sealed;

/// Tells an end user of a tenant apart from all others: HMAC-SHA256 of the name.
pub fn end_user_digest(hash_key: &[u8; 32], name: &str) -> [u8; 32] {
    let key = hmac::Key::new(hmac::HMAC_SHA256, hash_key);
    keyed_hash(&key, "end-user", std::iter::once(name.as_bytes()))
}

/// A keyed hash over parts, each preceded by its length, so that no two lists of parts hash alike.
/// The label keeps hashes for different purposes apart.
pub(crate) fn keyed_hash<'a>(
    key: &hmac::Key,
    label: &str,
    parts: impl Iterator<Item = &'a [u8]>,
) -> [u8; 32] {
    let mut context = hmac::Context::with_key(key);
    context.update(label.as_bytes());
    for part in parts {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part);
    }
    let mut hash = [0; 32];
    hash.copy_from_slice(context.sign().as_ref());
    hash
}

/// A subject whose value is not kept, because no key could be had.
pub fn unsealed(digest: &[u8; 32]) -> Sealed {
    Sealed {
        digest: hex::encode(digest),
        key: None,
        value: None,
    }
}

/// Seals a value; the call's id is bound to it, so that it cannot be moved to another record.
pub fn seal(
    digest: &[u8; 32],
    key: &SubjectKey,
    call: RequestId,
    value: &str,
    environment: &Environment,
) -> Sealed {
    let sealed = try_seal(&key.key, call, value, environment.random::<NONCE_LEN>());
    match sealed {
        Some(bytes) => Sealed {
            digest: hex::encode(digest),
            key: Some(key.id.clone()),
            value: Some(STANDARD.encode(bytes)),
        },
        None => unsealed(digest),
    }
}

fn try_seal(
    key: &[u8; 32],
    call: RequestId,
    value: &str,
    nonce: [u8; NONCE_LEN],
) -> Option<Vec<u8>> {
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).ok()?);
    let mut sealed = value.as_bytes().to_vec();
    let aad = Aad::from(call.to_string());
    key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad, &mut sealed)
        .ok()?;
    let mut bytes = nonce.to_vec();
    bytes.append(&mut sealed);
    Some(bytes)
}

/// Opens a sealed value again: for exports to the subject, and for tests.
pub fn open(sealed: &Sealed, key: &[u8; 32], call: RequestId) -> Option<String> {
    let mut bytes = STANDARD.decode(sealed.value.as_ref()?).ok()?;
    let (nonce, ciphertext) = bytes.split_at_mut_checked(NONCE_LEN)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).ok()?);
    let opened = key
        .open_in_place(nonce, Aad::from(call.to_string()), ciphertext)
        .ok()?;
    String::from_utf8(opened.to_vec()).ok()
}
