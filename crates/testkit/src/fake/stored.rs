//! What accounts keep at OpenAI and at Anthropic: files, and batches.
//!
//! Shapes as in the types of OpenAI's and Anthropic's SDKs and their API references, read 2026-11.

use serde_json::{Value, json};

use super::batches::Batch;
use super::openai::sound::parts;
use super::pieces::Reply;
use super::{Behaviour, Fault, SeenRequest, Shape, anthropic, openai};

pub(super) const CREATED: i64 = 1_772_600_767;
const PURPOSES: [&str; 6] = [
    "assistants",
    "batch",
    "fine-tune",
    "vision",
    "user_data",
    "evals",
];

/// A file.
#[derive(Debug, Clone)]
struct Held {
    id: String,
    name: String,
    purpose: String,
    content: Vec<u8>,
    /// Whether Anthropic made it, and gives it out.
    downloadable: bool,
}

/// What one provider keeps.
#[derive(Debug, Default)]
pub(super) struct Stored {
    files: Vec<Held>,
    pub(super) batches: Vec<Batch>,
    next: u64,
}

impl Stored {
    /// Answers what is about stored things; nothing for anything else.
    pub(super) fn reply(
        &mut self,
        shape: Shape,
        seen: &SeenRequest,
        key: &str,
        behaviour: &Behaviour,
    ) -> Option<Reply> {
        let is_anthropic = match shape {
            Shape::OpenAi => false,
            Shape::Anthropic => true,
            _ => return None,
        };
        let key_shown = match is_anthropic {
            true => seen.header("x-api-key") == Some(key),
            false => seen.header("authorization") == Some(&format!("Bearer {key}")),
        };
        if !key_shown || matches!(behaviour.fault, Fault::Status { .. }) {
            // Whoever answers all other requests refuses it.
            return None;
        }
        let path = seen.path.split('?').next().unwrap_or_default();
        if let Some(below) = path.strip_prefix("/v1/files") {
            let at = below.strip_prefix('/').unwrap_or(below);
            return Some(match is_anthropic {
                true => self.anthropic_file(seen, at),
                false => self.openai_file(seen, at),
            });
        }
        let batches = match is_anthropic {
            true => "/v1/messages/batches",
            false => "/v1/batches",
        };
        if let Some(below) = path.strip_prefix(batches) {
            let at = below.strip_prefix('/').unwrap_or(below);
            return Some(match is_anthropic {
                true => self.anthropic_batch(seen, at),
                false => self.openai_batch(seen, at),
            });
        }
        self.names_nothing_unknown(is_anthropic, seen)
    }

    /// A name that nothing has yet.
    pub(super) fn name(&mut self, prefix: &str) -> String {
        self.next += 1;
        format!("{prefix}fake{:04}", self.next)
    }

    /// The content of a file that a batch can be made of.
    pub(super) fn batch_input(&self, id: &str) -> Option<Vec<u8>> {
        let held = self.find(id).filter(|held| held.purpose == "batch");
        held.map(|held| held.content.clone())
    }

    /// Writes a file of results; gives its id.
    pub(super) fn write_output(&mut self, name: &str, content: Vec<u8>) -> String {
        self.add("file-", name, "batch_output", content).id
    }

    /// Refuses a request that names a file which is not here.
    fn names_nothing_unknown(&self, is_anthropic: bool, seen: &SeenRequest) -> Option<Reply> {
        let request: Value = serde_json::from_slice(&seen.body).ok()?;
        let mut named = Vec::new();
        file_ids(&request, &mut named);
        let unknown = named.iter().any(|id| self.find(id).is_none());
        unknown.then(|| missing(is_anthropic))
    }

    fn find(&self, id: &str) -> Option<&Held> {
        self.files.iter().find(|file| file.id == id)
    }

    fn add(&mut self, prefix: &str, name: &str, purpose: &str, content: Vec<u8>) -> Held {
        let held = Held {
            id: self.name(prefix),
            name: name.to_owned(),
            purpose: purpose.to_owned(),
            content,
            downloadable: false,
        };
        self.files.push(held.clone());
        held
    }

    fn openai_file(&mut self, seen: &SeenRequest, at: &str) -> Reply {
        let wrong = |message: &str| openai::error(400, "invalid_request_error", "invalid", message);
        match (seen.method.as_str(), at.split_once('/')) {
            ("POST", None) if at.is_empty() => {
                let Some((name, content)) = upload(seen) else {
                    return wrong("'file' is a required property");
                };
                let purpose = text(seen, "purpose").unwrap_or_default();
                if !PURPOSES.contains(&purpose.as_str()) {
                    return wrong("'purpose' is not one of those that are known");
                }
                if purpose == "batch" && !name.ends_with(".jsonl") {
                    return wrong("Invalid file format for Batch API. Must be .jsonl");
                }
                if content.is_empty() {
                    return wrong("File is empty.");
                }
                let held = self.add("file-", &name, &purpose, content);
                Reply::json(openai_shape(&held), None)
            }
            ("GET", None) if at.is_empty() => {
                let all: Vec<Value> = self.files.iter().map(openai_shape).collect();
                Reply::json(
                    json!({"object": "list", "data": all, "has_more": false}),
                    None,
                )
            }
            ("GET", None) => match self.find(at) {
                Some(held) => Reply::json(openai_shape(held), None),
                None => missing(false),
            },
            ("DELETE", None) => match self.take(at) {
                true => Reply::json(json!({"id": at, "object": "file", "deleted": true}), None),
                false => missing(false),
            },
            ("GET", Some((id, "content"))) => match self.find(id) {
                Some(held) if held.purpose == "assistants" => {
                    wrong("Not allowed to download files of purpose: assistants")
                }
                Some(held) => Reply::file("application/octet-stream", &held.content),
                None => missing(false),
            },
            _ => missing(false),
        }
    }

    fn anthropic_file(&mut self, seen: &SeenRequest, at: &str) -> Reply {
        let wrong = |message: &str| anthropic::error(400, "invalid_request_error", message);
        match (seen.method.as_str(), at.split_once('/')) {
            ("POST", None) if at.is_empty() => {
                let Some((name, content)) = upload(seen) else {
                    return wrong("file: Field required");
                };
                let held = self.add("file_", &name, "", content);
                Reply::json(anthropic_shape(&held), None)
            }
            ("GET", None) if at.is_empty() => {
                let all: Vec<Value> = self.files.iter().map(anthropic_shape).collect();
                Reply::json(json!({"data": all, "has_more": false}), None)
            }
            ("GET", None) => match self.find(at) {
                Some(held) => Reply::json(anthropic_shape(held), None),
                None => missing(true),
            },
            ("DELETE", None) => match self.take(at) {
                true => Reply::json(json!({"id": at, "type": "file_deleted"}), None),
                false => missing(true),
            },
            ("GET", Some((id, "content"))) => match self.find(id) {
                Some(held) if held.downloadable => {
                    Reply::file("application/octet-stream", &held.content)
                }
                Some(_) => wrong("File is not downloadable"),
                None => missing(true),
            },
            _ => missing(true),
        }
    }

    fn take(&mut self, id: &str) -> bool {
        let before = self.files.len();
        self.files.retain(|file| file.id != id);
        self.files.len() < before
    }
}

pub(super) fn missing(is_anthropic: bool) -> Reply {
    match is_anthropic {
        true => anthropic::error(404, "not_found_error", "not found"),
        false => openai::error(404, "invalid_request_error", "not_found", "No such object"),
    }
}

fn openai_shape(held: &Held) -> Value {
    json!({"id": held.id, "object": "file", "bytes": held.content.len(), "created_at": CREATED,
        "filename": held.name, "purpose": held.purpose, "status": "processed"})
}

fn anthropic_shape(held: &Held) -> Value {
    json!({"id": held.id, "type": "file", "filename": held.name, "mime_type": "text/plain",
        "size_bytes": held.content.len(), "created_at": "2026-03-04T05:06:07Z",
        "downloadable": held.downloadable, "expires_at": "2040-03-04T05:06:07Z"})
}

/// The name and the content of the uploaded file.
fn upload(seen: &SeenRequest) -> Option<(String, Vec<u8>)> {
    let parts = parts(seen);
    let mut files = parts
        .iter()
        .filter(|(head, _)| head.contains("name=\"file\""));
    let (head, content) = files.next()?;
    let name = head.split("filename=\"").nth(1)?.split('"').next()?;
    Some((name.to_owned(), content.to_vec()))
}

fn text(seen: &SeenRequest, name: &str) -> Option<String> {
    let parts = parts(seen);
    let word = format!("name=\"{name}\"");
    let (_, content) = parts.iter().find(|(head, _)| head.contains(&word))?;
    String::from_utf8(content.to_vec()).ok()
}

fn file_ids<'a>(value: &'a Value, into: &mut Vec<&'a str>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| file_ids(item, into)),
        Value::Object(fields) => {
            for (name, value) in fields {
                match value.as_str().filter(|_| name == "file_id") {
                    Some(id) => into.push(id),
                    None => file_ids(value, into),
                }
            }
        }
        _ => {}
    }
}
