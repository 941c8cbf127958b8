//! Digests and how they look in text.

use aws_lc_rs::digest;

/// Gives a newtype over `[u8; N]` its hexadecimal text form.
macro_rules! hexadecimal {
    ($name:ident, $bytes:literal) => {
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                let mut text = [0_u8; $bytes * 2];
                hex::encode_to_slice(self.0, &mut text).map_err(|_| std::fmt::Error)?;
                f.write_str(std::str::from_utf8(&text).map_err(|_| std::fmt::Error)?)
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Display::fmt(self, f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::InvalidHex;
            fn from_str(text: &str) -> Result<Self, $crate::InvalidHex> {
                let mut bytes = [0_u8; $bytes];
                let lower = !text.bytes().any(|byte| byte.is_ascii_uppercase());
                match hex::decode_to_slice(text, &mut bytes) {
                    Ok(()) if lower => Ok(Self(bytes)),
                    _ => Err($crate::InvalidHex { digits: $bytes * 2 }),
                }
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

pub(crate) use hexadecimal;

/// A SHA-256 digest or an HMAC-SHA256 tag; prints and parses as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash([u8; 32]);

hexadecimal!(Hash, 32);

impl Hash {
    /// Stands before the first record of all.
    pub const ZERO: Hash = Hash([0; 32]);

    /// The SHA-256 of the bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Hash::copied_from(digest::digest(&digest::SHA256, bytes).as_ref())
    }

    /// The SHA-256 of the parts, one after the other.
    pub(crate) fn of_parts(parts: &[&[u8]]) -> Self {
        let mut context = digest::Context::new(&digest::SHA256);
        for part in parts {
            context.update(part);
        }
        Hash::copied_from(context.finish().as_ref())
    }

    /// The digest with these bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Hash(bytes)
    }

    /// The bytes of the digest.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    pub(crate) fn copied_from(bytes: &[u8]) -> Self {
        let mut hash = [0; 32];
        for (to, from) in hash.iter_mut().zip(bytes) {
            *to = *from;
        }
        Hash(hash)
    }
}
