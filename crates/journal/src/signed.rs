//! Signed lines: the form that checkpoints, losses and purges share.
//!
//! ```json
//! {"body":{…},"key":"<public key>","signature":"<over the context and the body's bytes>"}
//! ```
//!
//! The context names the kind of statement, so that no signature can be passed off as another's.

use std::borrow::Cow;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::error::At;
use crate::keys::Signer;
use crate::{Error, PublicKey, canonical};

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

/// Signs a body and adds it to a file, durably. A line that was torn by the end of a process is
/// cut off before: what it was to say was never acted upon.
pub(crate) fn append(
    path: &Path,
    context: &[u8],
    body: &canonical::Object,
    signer: &Signer,
) -> Result<(), Error> {
    let line = sign(context, body, signer).map_err(io::Error::other);
    let mut line = line.at("sign a line of", path)?;
    line.push(b'\n');
    let before = bytes(path)?;
    let (complete, unended) = split(&before);
    if is_line(unended) {
        line.insert(0, b'\n');
    }
    let mut file = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)
        .at("open", path)?;
    if !unended.is_empty() && !is_line(unended) {
        file.set_len(complete.len() as u64).at("cut", path)?;
    }
    file.write_all(&line).at("write", path)?;
    file.sync_all().at("sync", path)
}

/// The lines of a file; none if it is not there. What a crash left of a last line is none.
pub(crate) fn lines(path: &Path) -> Result<Vec<Vec<u8>>, Error> {
    let bytes = bytes(path)?;
    let (complete, unended) = split(&bytes);
    let lines = complete.split(|byte| *byte == b'\n');
    Ok(lines
        .chain(is_line(unended).then_some(unended))
        .filter(|line| !line.is_empty())
        .map(<[u8]>::to_vec)
        .collect())
}

fn bytes(path: &Path) -> Result<Vec<u8>, Error> {
    match std::fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        read => read.at("read", path),
    }
}

/// The lines that have an end, and what stands behind them.
fn split(bytes: &[u8]) -> (&[u8], &[u8]) {
    let ends = bytes.iter().rposition(|byte| *byte == b'\n');
    bytes
        .split_at_checked(ends.map_or(0, |at| at + 1))
        .unwrap_or_default()
}

/// Whether a line is whole, be it true or not.
fn is_line(line: &[u8]) -> bool {
    SignedLine::read(line).is_some()
}
