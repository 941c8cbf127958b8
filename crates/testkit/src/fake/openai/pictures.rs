//! OpenAI's pictures: generations, edits and variations.
//!
//! Shapes as in the types of OpenAI's SDK 3.54, tokens as its guide to image generation tells them,
//! read 2026-11. Models of GPT Image bill tokens, those of pictures in the input as if they came from
//! a cache, so that they can have a price of their own; others bill a unit of input for each picture.

use serde_json::{Value, json};

use super::sound::parts;
use super::{CREATED, count, error, event};
use crate::fake::bill::Work;
use crate::fake::pieces::{Piece, Reply};
use crate::fake::{Behaviour, Fault, SeenRequest, UsageReport};

/// What a picture of the input counts as.
const SEEN_TOKENS: u64 = 1_120;
/// A picture of one pixel, for a picture that is made.
const PIXEL: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

/// What is asked, in JSON or in a form.
struct Asked {
    model: String,
    prompt: Option<String>,
    pictures: u64,
    seen: u64,
    size: String,
    quality: String,
    stream: bool,
    partial: u64,
}

pub(super) fn reply(path: &str, seen: &SeenRequest, behaviour: &Behaviour) -> Option<Reply> {
    let asked = match path {
        "/v1/images/generations" => from_json(&seen.body),
        "/v1/images/edits" | "/v1/images/variations" => from_form(seen),
        _ => return None,
    };
    let Some(asked) = asked.filter(|asked| path.ends_with("variations") || asked.prompt.is_some())
    else {
        let message = "`model`, and a prompt or a picture are required";
        return Some(error(
            400,
            "invalid_request_error",
            "invalid_value",
            message,
        ));
    };
    let edits = !path.ends_with("generations");
    Some(match asked.stream {
        true => stream(&asked, edits, behaviour),
        false => whole(&asked, behaviour),
    })
}

fn from_json(body: &[u8]) -> Option<Asked> {
    let request: Value = serde_json::from_slice(body).ok()?;
    let text = |name: &str| request.get(name).and_then(Value::as_str);
    let number = |name: &str| request.get(name).and_then(Value::as_u64);
    Some(Asked {
        model: text("model")?.to_owned(),
        prompt: text("prompt").map(str::to_owned),
        pictures: number("n").unwrap_or(1),
        seen: 0,
        size: text("size").unwrap_or("auto").to_owned(),
        quality: text("quality").unwrap_or("auto").to_owned(),
        stream: request.get("stream").and_then(Value::as_bool) == Some(true),
        partial: number("partial_images").unwrap_or(0),
    })
}

fn from_form(seen: &SeenRequest) -> Option<Asked> {
    let parts = parts(seen);
    let text = |name: &str| {
        let wanted = format!("name=\"{name}\"");
        let part = parts.iter().find(|(head, _)| head.contains(&wanted));
        part.and_then(|(_, content)| std::str::from_utf8(content).ok())
    };
    let number = |name: &str| text(name).and_then(|text| text.parse().ok());
    let files = parts.iter().filter(|(head, _)| head.contains("filename="));
    Some(Asked {
        model: text("model")?.to_owned(),
        prompt: text("prompt").map(str::to_owned),
        pictures: number("n").unwrap_or(1),
        seen: files.count() as u64,
        size: text("size").unwrap_or("auto").to_owned(),
        quality: text("quality").unwrap_or("auto").to_owned(),
        stream: text("stream") == Some("true"),
        partial: number("partial_images").unwrap_or(0),
    })
}

/// Tokens of one picture; of what is left to the model, those of its finest.
fn tokens(asked: &Asked) -> u64 {
    let (width, height) = asked
        .size
        .split_once('x')
        .and_then(|(width, height)| Some((width.parse().ok()?, height.parse().ok()?)))
        .unwrap_or((1024_u64, 1024_u64));
    if asked.model.starts_with("gpt-image-1") {
        return match (asked.quality.as_str(), width < height) {
            ("low", false) => 272,
            ("low", true) => 408,
            ("medium", false) => 1056,
            ("medium", true) => 1584,
            (_, false) => 4160,
            (_, true) => 6240,
        };
    }
    let columns: u64 = match asked.quality.as_str() {
        "low" => 16,
        "medium" => 48,
        _ => 96,
    };
    let (long, short) = (width.max(height), width.min(height));
    let rows = (2 * columns * short + long) / (2 * long);
    (columns * rows * (2_000_000 + width * height)).div_ceil(4_000_000)
}

/// What is made, and what that costs.
fn work(asked: &Asked, made: u64) -> Work {
    if !asked.model.starts_with("gpt-image") {
        return Work {
            input: made,
            cached: 0,
            output: 0,
        };
    }
    let words = asked
        .prompt
        .as_ref()
        .map_or(0, |prompt| count(&json!(prompt)));
    let seen = asked.seen * SEEN_TOKENS;
    let partial = if asked.stream { asked.partial * 100 } else { 0 };
    Work {
        input: (words + seen) * made,
        cached: seen * made,
        output: (tokens(asked) + partial) * made,
    }
}

fn usage(asked: &Asked, work: Work, behaviour: &Behaviour) -> Value {
    if behaviour.usage == UsageReport::Missing || !asked.model.starts_with("gpt-image") {
        return Value::Null;
    }
    json!({"input_tokens": work.input, "output_tokens": work.output,
        "total_tokens": work.input + work.output,
        "input_tokens_details": {"image_tokens": work.cached,
            "text_tokens": work.input - work.cached}})
}

fn whole(asked: &Asked, behaviour: &Behaviour) -> Reply {
    let made = match behaviour.fault {
        Fault::OverloadedAfter(count) => asked.pictures.min(count as u64),
        _ => asked.pictures,
    };
    let work = work(asked, made);
    let data: Vec<Value> = (0..made).map(|_| json!({"b64_json": PIXEL})).collect();
    let mut body = json!({"created": CREATED, "data": data, "output_format": "png"});
    let usage = usage(asked, work, behaviour);
    if let (Some(fields), false) = (body.as_object_mut(), usage.is_null()) {
        fields.insert("usage".to_owned(), usage);
    }
    Reply::json(body, Some(work))
}

fn stream(asked: &Asked, edits: bool, behaviour: &Behaviour) -> Reply {
    let work = work(asked, 1);
    let family = if edits {
        "image_edit"
    } else {
        "image_generation"
    };
    let mut pieces: Vec<Piece> = (0..asked.partial)
        .map(|index| {
            let shown = json!({"type": format!("{family}.partial_image"), "b64_json": PIXEL,
                "partial_image_index": index, "created_at": CREATED});
            Piece::new(event(&shown), (index + 1) * 100)
        })
        .collect();
    let done = json!({"type": format!("{family}.completed"), "b64_json": PIXEL,
        "created_at": CREATED, "usage": usage(asked, work, behaviour)});
    pieces.push(Piece::new(event(&done), work.output));
    Reply::stream(pieces, work)
}
