//! The master key and the keys derived from it.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use iron_primitives::{Environment, InstanceId, TenantId};
use zeroize::Zeroizing;

use crate::Error;

/// A 256-bit key that wipes itself.
pub type Key = Zeroizing<[u8; 32]>;

/// The one key from which everything else is derived or under which it is sealed.
#[derive(Clone)]
pub struct MasterKey(Key);

/// What a derived key is for; no two purposes share a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// Wraps the data keys of an instance's journal.
    JournalEncryption(InstanceId),
    /// Authenticates the records of an instance.
    JournalMac(InstanceId),
    /// The seed of the key that signs an instance's checkpoints.
    JournalSigning(InstanceId),
    /// Signs the access tokens of user sessions.
    Sessions,
    /// Hashes a tenant's prompts and end users, so that they compare but do not read.
    TenantHash(TenantId),
    /// Seals the ids of stored responses with their owner.
    ResponseIds,
    /// Wraps keys that stand in the database.
    Wrapping,
    /// Tells whether a database belongs to this master key.
    Fingerprint,
}

impl Purpose {
    fn label(self) -> String {
        match self {
            Purpose::JournalEncryption(instance) => format!("journal encryption {instance}"),
            Purpose::JournalMac(instance) => format!("journal mac {instance}"),
            Purpose::JournalSigning(instance) => format!("journal signing {instance}"),
            Purpose::Sessions => "sessions".to_owned(),
            Purpose::TenantHash(tenant) => format!("tenant hash {tenant}"),
            Purpose::ResponseIds => "response ids".to_owned(),
            Purpose::Wrapping => "wrapping".to_owned(),
            Purpose::Fingerprint => "fingerprint".to_owned(),
        }
    }
}

const SALT: &[u8] = b"iron cage master key v1";
const PRIVATE: u32 = 0o600;
const OTHERS: u32 = 0o077;

impl MasterKey {
    /// Takes a key that was given.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        MasterKey(Zeroizing::new(bytes))
    }

    /// Reads a key of 64 hexadecimal digits; white space around it does not matter.
    ///
    /// # Errors
    /// [`Error::Malformed`] for anything else.
    pub fn from_hex(text: &str) -> Result<Self, Error> {
        let mut bytes = Zeroizing::new([0; 32]);
        hex::decode_to_slice(text.trim(), bytes.as_mut_slice()).map_err(|_| Error::Malformed)?;
        Ok(MasterKey(bytes))
    }

    /// Reads the key from its file, or draws one and keeps it there, readable by nobody else.
    ///
    /// The file appears whole or not at all, and two processes that start at once end up with
    /// the same key.
    ///
    /// # Errors
    /// [`Error::File`], [`Error::OpenToOthers`] or [`Error::Malformed`].
    pub fn load_or_create(path: &Path, environment: &Environment) -> Result<Self, Error> {
        let failed = |source| Error::File {
            path: path.to_owned(),
            source,
        };
        match fs::metadata(path) {
            Ok(metadata) if metadata.mode() & OTHERS != 0 => Err(Error::OpenToOthers {
                path: path.to_owned(),
            }),
            Ok(_) => Self::from_hex(&Zeroizing::new(fs::read_to_string(path).map_err(failed)?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                create(path, environment).map_err(failed)?;
                Self::load_or_create(path, environment)
            }
            Err(error) => Err(failed(error)),
        }
    }

    /// The key for one purpose.
    ///
    /// # Errors
    /// [`Error::Cryptography`], which a key of this length does not cause.
    pub fn derive(&self, purpose: Purpose) -> Result<Key, Error> {
        let mut key = Zeroizing::new([0; 32]);
        Salt::new(HKDF_SHA256, SALT)
            .extract(self.0.as_slice())
            .expand(&[purpose.label().as_bytes()], HKDF_SHA256)
            .and_then(|expanded| expanded.fill(key.as_mut_slice()))
            .map_err(|_| Error::Cryptography)?;
        Ok(key)
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(***)")
    }
}

/// Writes the key beside its place, makes it durable, and links it into place unless another
/// process was faster.
fn create(path: &Path, environment: &Environment) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let draft = path.with_extension(hex::encode(environment.random::<8>()));
    let key = Zeroizing::new(environment.random::<32>());
    let text = Zeroizing::new(format!("{}\n", hex::encode(key.as_slice())));
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(PRIVATE)
        .open(&draft)?;
    let linked = file
        .write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .and_then(|()| fs::hard_link(&draft, path));
    fs::remove_file(&draft)?;
    match linked {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => fs::File::open(folder)?.sync_all(),
    }
}
