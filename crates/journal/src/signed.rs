//! Signed lines: the form that checkpoints and losses share.
//!
//! ```json
//! {"body":{…},"key":"<public key>","signature":"<over the context and the body's bytes>"}
//! ```
//!
//! The context names the kind of statement, so that no signature can be passed off as another's.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::keys::Signer;
use crate::{PublicKey, canonical};

/// A line that was read, its signature not yet checked.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignedLine<'a> {
    #[serde(borrow)]
    body: &'a RawValue,
    /// The key it says it was signed with. Whether that is to be trusted is for others to say.
    pub(crate) key: PublicKey,
    signature: Cow<'a, str>,
}

impl<'a> SignedLine<'a> {
    /// Reads a line; `None` if it does not have the form.
    pub(crate) fn read(line: &'a [u8]) -> Option<Self> {
        serde_json::from_slice(line).ok()
    }

    /// What it states.
    pub(crate) fn body(&self) -> &'a [u8] {
        self.body.get().as_bytes()
    }

    /// Whether the key it names has signed it, as a statement of this kind.
    pub(crate) fn is_signed(&self, context: &[u8]) -> bool {
        let mut signature = [0; 64];
        hex::decode_to_slice(self.signature.as_bytes(), &mut signature).is_ok()
            && self
                .key
                .verifies(&[context, self.body()].concat(), &signature)
    }
}

/// Signs a body; gives the line without its end.
pub(crate) fn sign(
    context: &[u8],
    body: &canonical::Object,
    signer: &Signer,
) -> serde_json::Result<Vec<u8>> {
    let signature = hex::encode(signer.sign(&[context, body.as_bytes()].concat()));
    serde_json::to_vec(&SignedLine {
        body: serde_json::from_slice(body.as_bytes())?,
        key: signer.public(),
        signature: signature.into(),
    })
}
