//! A sentence is found wherever it is put into the requests and answers of the fixtures.

use std::fs;
use std::path::{Path, PathBuf};

use iron_llm::Dialect;
use iron_llm::texts::{Texts, of_reply, of_request};
use serde_json::Value;

pub(super) const SENTENCE: &str = "My mother was born in a house by the lake";
/// Where no text is looked for: what does not reach the model, and what opens a remote tool.
const PASSED: [&str; 19] = [
    "model",
    "stream",
    "stream_options",
    "user",
    "safety_identifier",
    "metadata",
    "labels",
    "service_tier",
    "prompt_cache_key",
    "prompt_cache_retention",
    "prompt_cache_options",
    "stop",
    "stop_sequences",
    "cache_control",
    "previous_response_id",
    "include",
    "voice",
    "authorization",
    "authorization_token",
];

/// A dialect by the word in the name of a folder.
fn dialect(word: &str) -> Dialect {
    match word {
        "chat" => Dialect::OpenAiChat,
        "responses" => Dialect::OpenAiResponses,
        "completions" => Dialect::OpenAiCompletions,
        "embeddings" => Dialect::OpenAiEmbeddings,
        "messages" => Dialect::AnthropicMessages,
        "gemini" => Dialect::Gemini,
        "cohere" => Dialect::Cohere,
        "converse" => Dialect::Converse,
        "cohere_embed" => Dialect::CohereEmbed,
        "gemini_embed" => Dialect::GeminiEmbed,
        "bedrock_embed" => Dialect::BedrockEmbed,
        "rerank" => Dialect::Rerank,
        "replicate" => Dialect::Replicate,
        other => panic!("`{other}` is no dialect"),
    }
}

pub(super) fn fixtures(mut each: impl FnMut(&Path, Dialect, Dialect, &Value)) {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/translation");
    for folder in fs::read_dir(root).expect("a folder") {
        let folder = folder.expect("a folder").path();
        let name = folder
            .file_name()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        let (client, upstream) = name.split_once("_to_").expect("two dialects");
        for file in fs::read_dir(&folder).expect("a folder") {
            let path = file.expect("a file").path();
            let text = fs::read_to_string(&path).expect("a file");
            let fixture: Value = serde_json::from_str(&text).expect("JSON");
            for case in fixture["cases"].as_array().expect("cases") {
                each(&path, dialect(client), dialect(upstream), case);
            }
        }
    }
}

/// The pointers of all strings in a value.
pub(super) fn strings(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::String(_) => found.push(at.to_owned()),
        Value::Array(list) => {
            for (index, inner) in list.iter().enumerate() {
                strings(inner, &format!("{at}/{index}"), found);
            }
        }
        Value::Object(fields) => {
            for (name, inner) in fields {
                let name = name.replace('~', "~0").replace('/', "~1");
                strings(inner, &format!("{at}/{name}"), found);
            }
        }
        _ => {}
    }
}

type Read = for<'a> fn(Dialect, &'a [u8]) -> Result<Texts<'a>, iron_llm::texts::Error>;

/// Puts the sentence at each string in turn; gives back how many there were.
fn found_anywhere(
    path: &Path,
    dialect: Dialect,
    value: &Value,
    read: Read,
    passed: &[&str],
) -> usize {
    let mut places = Vec::new();
    strings(value, "", &mut places);
    places.retain(|place| !place.split('/').any(|name| passed.contains(&name)));
    for place in &places {
        let mut changed = value.clone();
        *changed.pointer_mut(place).expect("a place") = SENTENCE.into();
        let body = changed.to_string();
        let texts = read(dialect, body.as_bytes()).expect("JSON");
        let found = texts.parts.iter().any(|part| part.text == SENTENCE);
        assert!(found, "{} at {place}", path.display());
    }
    places.len()
}

#[test]
fn in_every_request() {
    let mut tried = 0;
    fixtures(|path, client, upstream, case| {
        for (dialect, request) in [(client, &case["request"]), (upstream, &case["sent"])] {
            tried += found_anywhere(path, dialect, request, of_request, &PASSED);
        }
    });
    assert!(tried > 5_000, "{tried} places");
}

#[test]
fn in_every_answer() {
    const OF_RESPONSES: [&str; 11] = [
        "instructions",
        "tools",
        "tool_choice",
        "prompt",
        "metadata",
        "user",
        "safety_identifier",
        "prompt_cache_key",
        "reasoning",
        "format",
        "logprobs",
    ];
    let mut tried = 0;
    fixtures(|path, client, upstream, case| {
        for (dialect, reply) in [(client, &case["given"]), (upstream, &case["answer"])] {
            let passed: &[&str] = match dialect {
                Dialect::OpenAiEmbeddings
                | Dialect::CohereEmbed
                | Dialect::GeminiEmbed
                | Dialect::BedrockEmbed => continue,
                Dialect::OpenAiResponses => &OF_RESPONSES,
                Dialect::AnthropicMessages => &["stop_sequence"],
                _ => &["logprobs"],
            };
            tried += found_anywhere(path, dialect, reply, of_reply, passed);
        }
    });
    assert!(tried > 1_000, "{tried} places");
}
