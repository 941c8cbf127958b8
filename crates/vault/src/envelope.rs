//! AES-256-GCM with the place of a value as its associated data.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use iron_primitives::{Environment, TenantId};
use zeroize::Zeroizing;

use crate::Error;
use crate::master::Key;

const NONCE_BYTES: usize = 12;

/// Where a sealed value stands. It opens nowhere else: not under another tenant or id, and not
/// as an older version of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place<'a> {
    /// Whose value it is.
    pub tenant: TenantId,
    /// The id of the row that holds it.
    pub id: &'a str,
    /// Counts the values that stood there.
    pub version: i64,
}

impl Place<'_> {
    /// Ids hold no zero byte, so that no two places give the same bytes.
    fn associated_data(&self) -> Vec<u8> {
        let mut data = Vec::with_capacity(96);
        data.extend_from_slice(self.tenant.to_string().as_bytes());
        data.push(0);
        data.extend_from_slice(self.id.as_bytes());
        data.push(0);
        data.extend_from_slice(&self.version.to_be_bytes());
        data
    }
}

/// Seals under a nonce of its own: nonce, then ciphertext with its tag.
pub(crate) fn seal(
    key: &Key,
    place: Place<'_>,
    plain: &[u8],
    environment: &Environment,
) -> Result<Vec<u8>, Error> {
    let nonce: [u8; NONCE_BYTES] = environment.random();
    let mut buffer = Zeroizing::new(plain.to_vec());
    cipher(key)?
        .seal_in_place_append_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(place.associated_data()),
            &mut *buffer,
        )
        .map_err(|_| Error::Cryptography)?;
    let mut sealed = Vec::with_capacity(NONCE_BYTES + buffer.len());
    sealed.extend_from_slice(&nonce);
    sealed.extend_from_slice(&buffer);
    Ok(sealed)
}

/// Opens what [`seal`] made in the same place.
pub(crate) fn open(
    key: &Key,
    place: Place<'_>,
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, Error> {
    let (nonce, ciphertext) = sealed
        .split_first_chunk::<NONCE_BYTES>()
        .ok_or(Error::Sealed)?;
    let mut buffer = Zeroizing::new(ciphertext.to_vec());
    let length = cipher(key)?
        .open_in_place(
            Nonce::assume_unique_for_key(*nonce),
            Aad::from(place.associated_data()),
            &mut buffer,
        )
        .map_err(|_| Error::Sealed)?
        .len();
    buffer.truncate(length);
    Ok(buffer)
}

fn cipher(key: &Key) -> Result<LessSafeKey, Error> {
    UnboundKey::new(&AES_256_GCM, key.as_slice())
        .map(LessSafeKey::new)
        .map_err(|_| Error::Cryptography)
}
