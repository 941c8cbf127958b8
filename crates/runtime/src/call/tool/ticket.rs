//! The id of a decision: what was allowed, sealed for the agent that it was allowed to.
//!
//! Nothing has to be remembered for the result of a call: any instance opens the id, and in another
//! agent's hands it is none.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use iron_primitives::{Environment, Id as _, Refusal, RequestId, Timestamp};

use crate::bearer::Bearer;
use crate::record::tool::ToolMode;

use super::RESULT_WITHIN;
use super::draft::ToolDraft;

const PREFIX: &str = "decision_";

/// What was allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ticket {
    /// The call.
    pub(super) call: RequestId,
    /// When it was allowed.
    pub(super) at: Timestamp,
    /// What the agent calls the tool.
    pub(super) tool: String,
    /// Who runs it.
    pub(super) mode: ToolMode,
}

impl Ticket {
    pub(super) fn of(draft: &ToolDraft) -> Self {
        Ticket {
            call: draft.id,
            at: draft.started_at(),
            tool: draft.tool.clone(),
            mode: draft.mode,
        }
    }

    /// The id, and until when results are taken by it.
    pub(super) fn seal(
        &self,
        bearer: &Bearer,
        environment: &Environment,
    ) -> Result<(String, Timestamp), Refusal> {
        let nonce = environment.random::<NONCE_LEN>();
        let mut sealed = self.call.uuid().as_bytes().to_vec();
        sealed.extend_from_slice(&self.at.micros().to_be_bytes());
        sealed.extend_from_slice(self.tool.as_bytes());
        let aad = Aad::from(*bearer.principal.path.agent.uuid().as_bytes());
        let nonce_used = Nonce::assume_unique_for_key(nonce);
        let written = key(bearer, self.mode).and_then(|key| {
            key.seal_in_place_append_tag(nonce_used, aad, &mut sealed)
                .ok()
        });
        written.ok_or(Refusal::AuthorityUnavailable)?;
        let mut bytes = nonce.to_vec();
        bytes.append(&mut sealed);
        let id = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes));
        Ok((id, self.at.plus(RESULT_WITHIN)))
    }

    /// What an id stands for; none if it is not one of this agent's, for a tool that it runs itself,
    /// or too old.
    pub(super) fn open(bearer: &Bearer, id: &str, now: Timestamp) -> Option<Self> {
        let mut bytes = URL_SAFE_NO_PAD.decode(id.strip_prefix(PREFIX)?).ok()?;
        let (nonce, sealed) = bytes.split_at_mut_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let aad = Aad::from(*bearer.principal.path.agent.uuid().as_bytes());
        let mode = ToolMode::Client;
        let opened = key(bearer, mode)?.open_in_place(nonce, aad, sealed).ok()?;
        let (call, rest) = opened.split_first_chunk::<16>()?;
        let (at, tool) = rest.split_first_chunk::<8>()?;
        let ticket = Ticket {
            call: RequestId::from_uuid(uuid::Uuid::from_bytes(*call)),
            at: Timestamp::from_micros(i64::from_be_bytes(*at)),
            tool: std::str::from_utf8(tool).ok()?.to_owned(),
            mode,
        };
        (now <= ticket.at.plus(RESULT_WITHIN)).then_some(ticket)
    }
}

/// The key of the ids of those who run tools; what one of them may do, the other may not.
fn key(bearer: &Bearer, mode: ToolMode) -> Option<LessSafeKey> {
    let purpose = match mode {
        ToolMode::Client => "tool-decision",
        ToolMode::Server => "tool-run",
    };
    let key = bearer.keyed_hash(purpose, std::iter::empty());
    Some(LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &key).ok()?))
}
