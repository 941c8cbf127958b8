//! Sealing what is personal.
//!
//! An entry's address, program, parameters and changes may speak of a person. They are sealed
//! under that person's own key before they enter the journal: hashes are taken over the
//! ciphertext, so the chain stays valid when the key is destroyed and the person forgotten.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use iron_primitives::{AuditId, Environment, TenantId};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::{Error, KeyFailure};

/// Length of a GCM nonce in bytes.
const NONCE_BYTES: usize = 12;

/// A data subject's own key.
#[derive(Clone)]
pub struct SubjectKey {
    /// Names the key in what it sealed.
    pub id: String,
    /// AES-256.
    pub key: Zeroizing<[u8; 32]>,
}

/// Which key is wanted.
#[derive(Debug, Clone, Copy)]
pub enum Wanted<'a> {
    /// The live key of a subject, made if there is none.
    Of([u8; 32]),
    /// The key that sealed something, if it has not been destroyed.
    Named(&'a str),
}

/// Where the keys of data subjects come from. Plugged in by the app; called outside of any
/// transaction.
#[async_trait]
pub trait SubjectKeys: Send + Sync + 'static {
    /// The key that is wanted; `None` if it has been destroyed.
    ///
    /// # Errors
    /// If keys cannot be had now.
    async fn subject_key(
        &self,
        tenant: TenantId,
        wanted: Wanted<'_>,
    ) -> Result<Option<SubjectKey>, KeyFailure>;
}

/// A sealed value as it stands in a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sealed {
    /// The name of the key.
    pub(crate) key: String,
    /// Nonce, ciphertext and tag in base64; the id of the entry is authenticated with them.
    pub(crate) value: String,
}

/// Seals and opens for one piece of work, and asks for each key once.
pub(crate) struct Sealer {
    keys: Arc<dyn SubjectKeys>,
    named: HashMap<(TenantId, String), Option<SubjectKey>>,
}

impl Sealer {
    pub(crate) fn new(keys: Arc<dyn SubjectKeys>) -> Self {
        Sealer {
            keys,
            named: HashMap::new(),
        }
    }

    /// Seals a value; `None` if the subject's key cannot be made any more.
    pub(crate) async fn seal<T: Serialize>(
        &self,
        tenant: TenantId,
        subject: [u8; 32],
        entry: AuditId,
        value: &T,
        environment: &Environment,
    ) -> Result<Option<Sealed>, Error> {
        let wanted = Wanted::Of(subject);
        let found = self
            .keys
            .subject_key(tenant, wanted)
            .await
            .map_err(Error::SubjectKey)?;
        let Some(key) = found else {
            return Ok(None);
        };
        let mut text = Zeroizing::new(serde_json::to_vec(value)?);
        let nonce: [u8; NONCE_BYTES] = environment.random();
        let tag = cipher(&key)?
            .seal_in_place_separate_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(entry.to_string()),
                &mut text,
            )
            .map_err(|_| Error::Sealed)?;
        let bytes = [nonce.as_slice(), &text, tag.as_ref()].concat();
        Ok(Some(Sealed {
            key: key.id,
            value: STANDARD.encode(bytes),
        }))
    }

    /// Opens a value; `None` if its key has been destroyed.
    pub(crate) async fn open<T: DeserializeOwned>(
        &mut self,
        tenant: TenantId,
        entry: AuditId,
        sealed: &Sealed,
    ) -> Result<Option<T>, Error> {
        let opened = self.open_bytes(tenant, &entry.to_string(), sealed).await?;
        let value = opened.map(|text| serde_json::from_slice(&text)).transpose();
        Ok(value?)
    }

    /// Opens what was sealed beside a name; `None` if its key has been destroyed.
    pub(crate) async fn open_bytes(
        &mut self,
        tenant: TenantId,
        beside: &str,
        sealed: &Sealed,
    ) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
        let slot = (tenant, sealed.key.clone());
        if !self.named.contains_key(&slot) {
            let wanted = Wanted::Named(&sealed.key);
            let found = self
                .keys
                .subject_key(tenant, wanted)
                .await
                .map_err(Error::SubjectKey)?;
            self.named.insert(slot.clone(), found);
        }
        let Some(Some(key)) = self.named.get(&slot) else {
            return Ok(None);
        };
        let mut bytes = Zeroizing::new(STANDARD.decode(&sealed.value).map_err(|_| Error::Sealed)?);
        let (nonce, text) = bytes
            .split_first_chunk_mut::<NONCE_BYTES>()
            .ok_or(Error::Sealed)?;
        let text = cipher(key)?
            .open_in_place(
                Nonce::assume_unique_for_key(*nonce),
                Aad::from(beside),
                text,
            )
            .map_err(|_| Error::Sealed)?;
        Ok(Some(Zeroizing::new(text.to_vec())))
    }
}

fn cipher(key: &SubjectKey) -> Result<LessSafeKey, Error> {
    UnboundKey::new(&AES_256_GCM, key.key.as_slice())
        .map(LessSafeKey::new)
        .map_err(|_| Error::Sealed)
}

impl std::fmt::Debug for SubjectKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SubjectKey")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}
