//! Reading the fixtures: one file for each cell of the table, with all cases of it.
//!
//! A case states what is sent in and what must come out. Run the tests with
//! `IRON_RECORD_FIXTURES=1` to write what comes out now into the files, and read the
//! difference before it is committed.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use iron_llm::translate::{Direction, Ending, Error, Plan};
use iron_llm::{Dialect, ProviderKind};
use iron_primitives::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A file.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Fixture {
    /// The documents that say so.
    pub(super) source: String,
    /// When they were read.
    pub(super) read: String,
    pub(super) client: Dialect,
    /// `equal`, `converted` or `refused`, as the table has it.
    pub(super) cell: String,
    pub(super) cases: Vec<Case>,
}

/// A case. Which fields are there decides what is run.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Case {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) why: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) provider: Option<ProviderKind>,
    pub(super) request: Value,
    /// The cap of the hold; the request is written with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cap: Option<u64>,
    /// The provider's whole answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) answer: Option<Value>,
    /// The frames of the provider's stream, without the blank lines between them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) stream: Option<Vec<String>>,
    /// The provider's error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<Failure>,

    /// The name under which the request is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) refused: Option<String>,
    /// The message by which it is found invalid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) invalid: Option<String>,
    /// What the provider is sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) sent: Option<Value>,
    /// What is said in another way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) notes: Option<BTreeMap<String, String>>,
    /// The answer that the client is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) given: Option<Value>,
    /// The frames of the stream that the client is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) streamed: Option<Vec<String>>,
    /// The error that the client is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) rendered: Option<Failure>,
}

/// A status and a body.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Failure {
    pub(super) status: u16,
    pub(super) body: Value,
}

/// The moment at which all fixtures play.
pub(super) const NOW: Timestamp = Timestamp::from_seconds(1_795_305_600);

/// Our own count of the prompt, in all fixtures.
pub(super) const COUNTED: u64 = 11;

pub(super) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/translation")
}

/// The folder of a direction.
pub(super) fn folder(direction: Direction) -> String {
    let word = |dialect| match dialect {
        Dialect::OpenAiChat => "chat",
        Dialect::OpenAiResponses => "responses",
        Dialect::OpenAiCompletions => "completions",
        Dialect::OpenAiEmbeddings => "embeddings",
        Dialect::AnthropicMessages => "messages",
        other => other.as_str(),
    };
    format!(
        "{}_to_{}",
        word(direction.client()),
        word(direction.upstream())
    )
}

/// All fixtures by their path below [`root`], without the ending.
pub(super) fn all() -> BTreeMap<String, Fixture> {
    let mut found = BTreeMap::new();
    for direction in Direction::all() {
        let folder = folder(direction);
        for entry in fs::read_dir(root().join(&folder)).expect("every direction has its folder") {
            let path = entry.expect("the folder is readable").path();
            let name = path
                .file_stem()
                .expect("a name")
                .to_string_lossy()
                .into_owned();
            let text = fs::read_to_string(&path).expect("the file is readable");
            let fixture: Fixture = serde_json::from_str(&text)
                .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            assert_eq!(fixture.client, direction.client(), "{}", path.display());
            found.insert(format!("{folder}/{name}"), fixture);
        }
    }
    found
}

impl Case {
    /// The provider: the one that the case names, or the one that the client cannot talk to.
    pub(super) fn provider(&self, client: Dialect) -> ProviderKind {
        self.provider.unwrap_or(match client {
            Dialect::AnthropicMessages => ProviderKind::OpenAi,
            _ => ProviderKind::Anthropic,
        })
    }

    pub(super) fn plan(&self, client: Dialect) -> Result<Plan, Error> {
        Plan::new(
            client,
            self.provider(client),
            self.request.to_string().as_bytes(),
        )
    }

    /// The bytes of the provider's stream.
    pub(super) fn stream_bytes(&self) -> Vec<u8> {
        let frames = self.stream.as_deref().unwrap_or_default();
        frames
            .iter()
            .flat_map(|frame| format!("{frame}\n\n").into_bytes())
            .collect()
    }

    /// The same case with what comes out now.
    pub(super) fn run(&self, client: Dialect) -> Case {
        let given = Case {
            why: self.why.clone(),
            provider: self.provider,
            request: self.request.clone(),
            cap: self.cap,
            answer: self.answer.clone(),
            stream: self.stream.clone(),
            error: self.error.clone(),
            ..Case::default()
        };
        let plan = match self.plan(client) {
            Ok(plan) => plan,
            Err(Error::Untranslatable { feature, .. }) => {
                return Case {
                    refused: Some(feature),
                    ..given
                };
            }
            Err(error) => {
                return Case {
                    invalid: Some(error.to_string()),
                    ..given
                };
            }
        };
        let notes: BTreeMap<String, String> = plan
            .notes()
            .iter()
            .map(|note| (note.field.to_owned(), note.becomes.to_owned()))
            .collect();
        Case {
            sent: self
                .cap
                .map(|cap| json(&plan.request(cap).expect("a cap above the floor"))),
            notes: (!notes.is_empty()).then_some(notes),
            given: self.answer.as_ref().map(|answer| {
                json(
                    &plan
                        .response(answer.to_string().as_bytes(), NOW)
                        .expect("a readable answer"),
                )
            }),
            streamed: self
                .stream
                .as_ref()
                .map(|_| frames(&stream(&plan, &[&self.stream_bytes()]))),
            rendered: self.error.as_ref().map(|error| {
                let body = match &error.body {
                    Value::String(text) => text.clone(),
                    other => other.to_string(),
                };
                let rendered = plan.error(error.status, body.as_bytes());
                Failure {
                    status: rendered.status,
                    body: json(&rendered.body),
                }
            }),
            ..given
        }
    }
}

/// What a client gets for a stream that comes in these pieces.
pub(super) fn stream(plan: &Plan, pieces: &[&[u8]]) -> Vec<u8> {
    let mut translator = plan.stream(COUNTED, NOW).expect("it streams");
    let mut out = Vec::new();
    for piece in pieces {
        translator.feed(piece, &mut out);
    }
    translator.finish(Ending::Closed, &mut out);
    assert!(translator.ended(), "a stream has an end");
    out
}

/// The frames in these bytes.
pub(super) fn frames(bytes: &[u8]) -> Vec<String> {
    let text = std::str::from_utf8(bytes).expect("frames are UTF-8");
    text.split_terminator("\n\n").map(str::to_owned).collect()
}

pub(super) fn json(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap_or_else(|error| json!(error.to_string()))
}
