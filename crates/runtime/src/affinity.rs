//! Ids of what is stored at providers, sealed with their owner and their provider.
//!
//! A response, a file or a batch lives at the provider that keeps it and belongs to the agent that
//! asked for it. Both are sealed into the id that the agent is given: nothing has to be remembered,
//! any instance can open it, and in another agent's hands it is no id at all.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::{Bytes, BytesMut};
use iron_primitives::{Id as _, ProviderId};

use crate::bearer::Bearer;

const UUID_BYTES: usize = 16;
/// The longest id of a provider that is sealed.
const MAX_ORIGINAL_BYTES: usize = 256;

/// What is stored. An id of one kind is none of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stored {
    /// A response of OpenAI.
    Response,
    /// A file.
    File,
    /// A file that a batch has written its results into.
    Results,
    /// A batch.
    Batch,
}

impl Stored {
    /// How ids begin, at OpenAI's and at Anthropic's.
    const fn prefixes(self) -> [&'static str; 2] {
        match self {
            Stored::Response => ["resp_", "resp_"],
            Stored::File | Stored::Results => ["file-", "file_"],
            Stored::Batch => ["batch_", "msgbatch_"],
        }
    }

    /// What the keys of its ids are derived by.
    const fn labels(self) -> (&'static str, &'static str) {
        match self {
            Stored::Response => ("response-id", "response-nonce"),
            Stored::File => ("file-id", "file-nonce"),
            Stored::Results => ("results-id", "results-nonce"),
            Stored::Batch => ("batch-id", "batch-nonce"),
        }
    }

    /// Its id without the prefix.
    fn without_prefix(self, text: &str) -> Option<&str> {
        let mut prefixes = self.prefixes().into_iter();
        prefixes.find_map(|prefix| text.strip_prefix(prefix))
    }
}

/// Something that is stored, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredId {
    pub(crate) what: Stored,
    pub(crate) provider: ProviderId,
    /// The provider's own id.
    pub(crate) original: String,
}

impl StoredId {
    /// The id that the agent is given; always the same for the same thing.
    pub(crate) fn seal(&self, bearer: &Bearer) -> Option<String> {
        if !is_plain(&self.original) {
            return None;
        }
        let provider = self.provider.uuid();
        let agent = bearer.principal.path.agent.uuid();
        let parts = [
            agent.as_bytes().as_slice(),
            provider.as_bytes(),
            self.original.as_bytes(),
        ];
        let hash = bearer.keyed_hash(self.what.labels().1, parts.into_iter());
        let nonce: [u8; NONCE_LEN] = *hash.first_chunk()?;
        let mut sealed = provider.as_bytes().to_vec();
        sealed.extend_from_slice(self.original.as_bytes());
        let aad = Aad::from(*agent.as_bytes());
        key(bearer, self.what)?
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad, &mut sealed)
            .ok()?;
        let mut bytes = nonce.to_vec();
        bytes.append(&mut sealed);
        let [of_openai, of_anthropic] = self.what.prefixes();
        let prefix = match self.original.starts_with(of_anthropic) {
            true => of_anthropic,
            false => of_openai,
        };
        Some(format!("{prefix}{}", URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// What an id stands for; none if it is not one of this agent's.
    pub(crate) fn open(what: Stored, bearer: &Bearer, text: &str) -> Option<Self> {
        let mut bytes = URL_SAFE_NO_PAD.decode(what.without_prefix(text)?).ok()?;
        let (nonce, sealed) = bytes.split_at_mut_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let aad = Aad::from(*bearer.principal.path.agent.uuid().as_bytes());
        let opened = key(bearer, what)?.open_in_place(nonce, aad, sealed).ok()?;
        let (provider, original) = opened.split_first_chunk::<UUID_BYTES>()?;
        let provider = ProviderId::from_uuid(uuid::Uuid::from_bytes(*provider));
        let original = std::str::from_utf8(original).ok()?.to_owned();
        Some(StoredId {
            what,
            provider,
            original,
        })
    }
}

fn key(bearer: &Bearer, what: Stored) -> Option<LessSafeKey> {
    let key = bearer.keyed_hash(what.labels().0, std::iter::empty());
    Some(LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &key).ok()?))
}

/// Only what can stand in a path and in JSON as it is.
pub(crate) fn is_plain(id: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    (1..=MAX_ORIGINAL_BYTES).contains(&id.len()) && id.bytes().all(plain)
}

/// Writes one id instead of another wherever it stands in quotes.
pub(crate) fn rename(bytes: Bytes, from: &str, to: &str) -> Bytes {
    let quoted = format!("\"{from}\"");
    let needle = quoted.as_bytes();
    let mut renamed = BytesMut::new();
    let mut rest = bytes.as_ref();
    while let Some(at) = rest
        .windows(needle.len())
        .position(|window| window == needle)
    {
        let (before, found) = rest.split_at(at);
        renamed.extend_from_slice(before);
        renamed.extend_from_slice(format!("\"{to}\"").as_bytes());
        rest = found.get(needle.len()..).unwrap_or_default();
    }
    if renamed.is_empty() {
        return bytes;
    }
    renamed.extend_from_slice(rest);
    renamed.freeze()
}

#[cfg(test)]
mod tests {
    use iron_net::egress::AddressRules;
    use iron_primitives::{ActorPath, Environment};
    use iron_testkit::TestEnvironment;

    use super::*;
    use crate::authority::{AgentState, Principal, TeamRules};

    fn bearer(environment: &Environment) -> Bearer {
        let path = ActorPath {
            pool: None,
            tenant: environment.new_id(),
            project: environment.new_id(),
            team: None,
            user: environment.new_id(),
            agent: environment.new_id(),
        };
        let principal = Principal {
            token: environment.new_id(),
            expires_at: None,
            path,
            agent_state: AgentState::Running,
            spent_out: None,
            counted: crate::authority::Counted::default(),
            agent_ends: 0,
            tenant_suspended: false,
            calls_per_day: None,
            allowed_models: None,
            team_rules: TeamRules::default(),
            routes: Vec::new(),
            routing: crate::authority::Routing::default(),
            hash_key: [7; 32],
            environment: None,
            guardrails: crate::authority::Guardrails::default(),
            tools: crate::authority::ToolRules::default(),
        };
        let lines = std::sync::Arc::new(crate::lifeline::Lifelines::default());
        let token = iron_primitives::TokenDigest::from_bytes([7; 32]);
        let lifeline = lines.of(token, principal.engaged());
        let guard = iron_guard::Guard::new(iron_guard::Profile::default()).expect("a guard");
        Bearer::new(
            principal,
            AddressRules::default(),
            lifeline,
            guard.into(),
            None,
        )
    }

    #[test]
    fn an_id_opens_for_its_agent_and_for_nobody_else() {
        let environment = TestEnvironment::new().environment;
        let (owner, stranger) = (bearer(&environment), bearer(&environment));
        for (what, original) in [
            (Stored::Response, "resp_abc-123"),
            (Stored::File, "file-abc123"),
            (Stored::File, "file_011CNha8"),
            (Stored::Results, "file-abc123"),
        ] {
            let id = StoredId {
                what,
                provider: environment.new_id(),
                original: original.to_owned(),
            };
            let sealed = id.seal(&owner).expect("seals");
            assert_eq!(sealed.get(..5), original.get(..5));
            assert_eq!(id.seal(&owner), Some(sealed.clone()), "the same each time");
            assert_eq!(StoredId::open(what, &stranger, &sealed), None);
            for other in [Stored::Response, Stored::File, Stored::Results] {
                let opened = StoredId::open(other, &owner, &sealed);
                assert_eq!(opened, (other == what).then(|| id.clone()));
                // Not even with the prefix of the other.
                let body = sealed.get(5..).expect("longer than its prefix");
                let renamed = format!("{}{body}", other.prefixes()[0]);
                let opened = StoredId::open(other, &owner, &renamed);
                assert_eq!(opened, (other == what).then(|| id.clone()));
            }
            for at in 5..sealed.len() {
                let mut forged = sealed.clone().into_bytes();
                forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
                let forged = String::from_utf8(forged).expect("UTF-8");
                let opened = StoredId::open(what, &owner, &forged);
                assert!(
                    opened.is_none() || opened.as_ref() == Some(&id),
                    "byte {at}"
                );
            }
        }
    }

    #[test]
    fn ids_that_could_leave_a_path_are_not_sealed() {
        let environment = TestEnvironment::new().environment;
        let owner = bearer(&environment);
        for original in ["", "../admin", "a b", "a\"b", &"x".repeat(300)] {
            let id = StoredId {
                what: Stored::Response,
                provider: environment.new_id(),
                original: original.to_owned(),
            };
            assert_eq!(id.seal(&owner), None, "{original}");
        }
    }

    #[test]
    fn every_mention_in_quotes_is_renamed_and_nothing_else() {
        let bytes =
            Bytes::from_static(br#"{"id":"resp_1","x":"resp_12","y":["resp_1"],"z":"see resp_1"}"#);
        let renamed = rename(bytes, "resp_1", "resp_new");
        let expected = br#"{"id":"resp_new","x":"resp_12","y":["resp_new"],"z":"see resp_1"}"#;
        assert_eq!(renamed.as_ref(), expected);
        let untouched = Bytes::from_static(b"{}");
        assert_eq!(rename(untouched.clone(), "resp_1", "resp_new"), untouched);
    }
}
