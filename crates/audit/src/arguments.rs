//! What calls of tools were given, opened again.

use std::sync::Arc;

use serde::Deserialize;

use crate::subject::{Sealed, Sealer};
use crate::{AuditLog, Authorised, Error, ToolCall};

impl AuditLog {
    /// What calls of tools of the caller's tenant were given, as their records show it: JSON, or the
    /// beginning of it with `…` behind. None where it was not kept, or cannot be opened any more
    /// because its key has been destroyed.
    ///
    /// # Errors
    /// [`Error::SubjectKey`] if keys cannot be had now.
    pub async fn arguments(
        &self,
        authorised: &Authorised,
        calls: &[ToolCall],
    ) -> Result<Vec<Option<String>>, Error> {
        let mut sealer = Sealer::new(Arc::clone(&self.keys));
        let mut all = Vec::with_capacity(calls.len());
        for call in calls {
            let Some(sealed) = sealed(&call.body) else {
                all.push(None);
                continue;
            };
            let beside = call.id.to_string();
            let opened = sealer.open_bytes(authorised.tenant, &beside, &sealed);
            let opened = opened.await?;
            all.push(opened.and_then(|text| String::from_utf8(text.to_vec()).ok()));
        }
        Ok(all)
    }
}

/// What is read of a record here.
#[derive(Deserialize)]
struct Given {
    #[serde(default)]
    arguments: Option<Kept>,
}

#[derive(Deserialize)]
struct Kept {
    key: Option<String>,
    value: Option<String>,
}

/// What a call was given, as its record holds it.
fn sealed(body: &str) -> Option<Sealed> {
    let given: Given = serde_json::from_str(body).ok()?;
    let kept = given.arguments?;
    Some(Sealed {
        key: kept.key?,
        value: kept.value?,
    })
}
