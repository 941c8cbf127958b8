//! Sealing and opening.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use iron_audit::{Audit, Authorised, Entry, Reach, Removal};
use iron_primitives::{Environment, Secret, TenantId};
use iron_store::{Db, Tx};
use zeroize::Zeroizing;

use crate::envelope::{self, Place};
use crate::master::{Key, MasterKey, Purpose};
use crate::{Error, store};

/// Seals secrets under each tenant's own key, and keeps the keys of data subjects.
#[derive(Clone)]
pub struct Vault {
    db: Db,
    environment: Environment,
    wrapping: Key,
    opened: Arc<RwLock<HashMap<(TenantId, i64), Key>>>,
}

/// A data subject's own key.
#[derive(Clone)]
pub struct SubjectKey {
    /// Names the key in what it sealed.
    pub id: String,
    /// AES-256.
    pub key: Key,
}

/// The first byte of every sealed value: which layout follows.
const LAYOUT: u8 = 1;

impl Vault {
    /// Opens the vault of a database.
    ///
    /// # Errors
    /// [`Error::WrongMasterKey`] if the database was sealed under another master key.
    pub async fn open(db: Db, master: &MasterKey, environment: Environment) -> Result<Self, Error> {
        let ours = master.derive(Purpose::Fingerprint)?;
        let mut tx = db.begin().await?;
        let theirs = Zeroizing::new(store::fingerprint(&mut tx, &ours).await?);
        tx.commit().await?;
        if *theirs != *ours {
            return Err(Error::WrongMasterKey);
        }
        let wrapping = master.derive(Purpose::Wrapping)?;
        Ok(Vault {
            db,
            environment,
            wrapping,
            opened: Arc::default(),
        })
    }

    /// Seals a secret for one place, in the transaction that stores it there.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn seal(
        &self,
        tx: &mut Tx,
        place: Place<'_>,
        secret: &Secret,
    ) -> Result<Vec<u8>, Error> {
        let (version, key) = self.newest_key(tx, place.tenant).await?;
        let sealed = envelope::seal(&key, place, secret.expose().as_bytes(), &self.environment)?;
        let mut bytes = Vec::with_capacity(9 + sealed.len());
        bytes.push(LAYOUT);
        bytes.extend_from_slice(&version.to_be_bytes());
        bytes.extend_from_slice(&sealed);
        Ok(bytes)
    }

    /// Opens a secret in the place for which it was sealed.
    ///
    /// # Errors
    /// [`Error::Sealed`] if it was changed, moved or belongs to another version.
    pub async fn unseal(&self, place: Place<'_>, sealed: &[u8]) -> Result<Secret, Error> {
        let (&LAYOUT, rest) = sealed.split_first().ok_or(Error::Sealed)? else {
            return Err(Error::Sealed);
        };
        let (version, ciphertext) = rest.split_first_chunk::<8>().ok_or(Error::Sealed)?;
        let key = self.key(place.tenant, i64::from_be_bytes(*version)).await?;
        let plain = envelope::open(&key, place, ciphertext)?;
        let text = std::str::from_utf8(&plain).map_err(|_| Error::Sealed)?;
        Ok(Secret::new(text.to_owned()))
    }

    /// The key of a data subject, who is named by a keyed hash; made at the first question.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn subject_key(
        &self,
        tenant: TenantId,
        subject: [u8; 32],
    ) -> Result<SubjectKey, Error> {
        if let Some((id, wrapped)) = store::live_subject_key(&self.db, tenant, &subject).await? {
            return self.unwrap_subject(tenant, id, &wrapped);
        }
        let id = hex::encode(self.environment.random::<16>());
        let key: Key = Zeroizing::new(self.environment.random());
        let place = Place {
            tenant,
            id: &id,
            version: 0,
        };
        let wrapped = envelope::seal(&self.wrapping, place, key.as_slice(), &self.environment)?;
        let mut tx = self.db.begin().await?;
        let now = self.environment.now();
        let made = store::insert_subject_key(&mut tx, tenant, &id, &subject, &wrapped, now).await?;
        if made {
            tx.commit().await?;
            return Ok(SubjectKey { id, key });
        }
        // Somebody else was faster: theirs is the key.
        let found = store::live_subject_key(&mut tx, tenant, &subject).await?;
        tx.commit().await?;
        let (id, wrapped) = found.ok_or(Error::NotFound)?;
        self.unwrap_subject(tenant, id, &wrapped)
    }

    /// The key of a data subject by the name it has in what it sealed.
    ///
    /// # Errors
    /// [`Error::Erased`] if the subject was erased, [`Error::NotFound`] if there never was
    /// such a key.
    pub async fn subject_key_by_id(&self, tenant: TenantId, id: &str) -> Result<SubjectKey, Error> {
        let wrapped = store::subject_key(&self.db, tenant, id)
            .await?
            .ok_or(Error::NotFound)?;
        self.unwrap_subject(tenant, id.to_owned(), &wrapped.ok_or(Error::Erased)?)
    }

    /// Erases a data subject of the caller's tenant: destroys its key, and with it everything
    /// that was sealed under it. Says whether there was a key. Should the person come back, a
    /// new key is made.
    ///
    /// # Errors
    /// [`Error::OutOfReach`] for who does not reach the whole tenant, [`Error::Store`].
    pub async fn erase_subject(
        &self,
        tx: &mut Tx,
        audit: &Audit,
        authorised: &Authorised,
        subject: [u8; 32],
    ) -> Result<bool, Error> {
        if authorised.reach != Reach::Tenant {
            return Err(Error::OutOfReach);
        }
        let now = self.environment.now();
        let erased = store::erase_subject(tx, authorised.tenant, &subject, now).await?;
        if erased {
            // The hash names nobody: it is keyed, and the record outlives the person.
            let entry = Entry::new("subject.erase", "data_subject").resource(hex::encode(subject));
            audit.write(tx, authorised, entry).await?;
        }
        Ok(erased)
    }

    /// Destroys the keys of a tenant whose time is over, and with them everything that was
    /// sealed under them, wherever it stands. Call [`Vault::forget`] after the commit.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn remove_tenant(&self, tx: &mut Tx, removal: &mut Removal) -> Result<(), Error> {
        let now = self.environment.now();
        removal.count(store::remove_tenant(tx, removal.tenant(), now).await?);
        Ok(())
    }

    /// Drops the keys of a tenant from memory.
    pub fn forget(&self, tenant: TenantId) {
        self.opened
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|(owner, _), _| *owner != tenant);
    }

    fn unwrap_subject(
        &self,
        tenant: TenantId,
        id: String,
        wrapped: &[u8],
    ) -> Result<SubjectKey, Error> {
        let place = Place {
            tenant,
            id: &id,
            version: 0,
        };
        let key = into_key(&envelope::open(&self.wrapping, place, wrapped)?)?;
        Ok(SubjectKey { id, key })
    }

    /// The newest data key of a tenant, made at the first question. A key that is made here is
    /// not remembered: the transaction may yet be rolled back.
    async fn newest_key(&self, tx: &mut Tx, tenant: TenantId) -> Result<(i64, Key), Error> {
        if store::newest_data_key(tx, tenant).await?.is_none() {
            let key: Key = Zeroizing::new(self.environment.random());
            let place = data_key_place(tenant, 1);
            let wrapped = envelope::seal(&self.wrapping, place, key.as_slice(), &self.environment)?;
            let now = self.environment.now();
            if store::insert_data_key(tx, tenant, 1, &wrapped, now).await? {
                return Ok((1, key));
            }
        }
        let (version, wrapped) = store::newest_data_key(tx, tenant)
            .await?
            .ok_or(Error::NotFound)?;
        let opened = envelope::open(&self.wrapping, data_key_place(tenant, version), &wrapped)?;
        Ok((version, into_key(&opened)?))
    }

    async fn key(&self, tenant: TenantId, version: i64) -> Result<Key, Error> {
        let known = self
            .opened
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&(tenant, version))
            .cloned();
        if let Some(key) = known {
            return Ok(key);
        }
        let wrapped = store::data_key(&self.db, tenant, version)
            .await?
            .ok_or(Error::Sealed)?;
        let opened = envelope::open(&self.wrapping, data_key_place(tenant, version), &wrapped)?;
        let key = into_key(&opened)?;
        self.opened
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert((tenant, version), key.clone());
        Ok(key)
    }
}

const fn data_key_place(tenant: TenantId, version: i64) -> Place<'static> {
    Place {
        tenant,
        id: "data key",
        version,
    }
}

fn into_key(bytes: &[u8]) -> Result<Key, Error> {
    bytes
        .try_into()
        .map(Zeroizing::new)
        .map_err(|_| Error::Sealed)
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault").finish_non_exhaustive()
    }
}

impl fmt::Debug for SubjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SubjectKey")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}
