//! Embeddings: a unit vector drawn from a hash of each input.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::ask::Ask;
use super::words::Seed;

const DEFAULT_DIMENSIONS: u64 = 256;
const MOST_DIMENSIONS: u64 = 3072;

/// The whole answer.
pub(super) fn whole(ask: &Ask) -> String {
    let dimensions = ask
        .body
        .get("dimensions")
        .and_then(Value::as_u64)
        .unwrap_or(DEFAULT_DIMENSIONS);
    let dimensions = dimensions.clamp(1, MOST_DIMENSIONS);
    let in_base64 = ask.body.get("encoding_format").and_then(Value::as_str) == Some("base64");
    let data: Vec<Value> = inputs(ask.body.get("input").unwrap_or(&Value::Null))
        .into_iter()
        .enumerate()
        .map(|(index, input)| {
            let vector = vector(&ask.model, input, dimensions);
            let embedding = match in_base64 {
                true => json!(
                    STANDARD.encode(
                        vector
                            .iter()
                            .flat_map(|value| value.to_le_bytes())
                            .collect::<Vec<u8>>()
                    )
                ),
                false => json!(vector),
            };
            json!({"object": "embedding", "index": index, "embedding": embedding})
        })
        .collect();
    json!({
        "object": "list",
        "data": data,
        "model": ask.model,
        "usage": {"prompt_tokens": ask.input_tokens, "total_tokens": ask.input_tokens},
    })
    .to_string()
}

/// The inputs one by one: a list of numbers is a single input of tokens.
fn inputs(input: &Value) -> Vec<&Value> {
    match input {
        Value::Array(list) if !list.iter().all(Value::is_number) => list.iter().collect(),
        one => vec![one],
    }
}

fn vector(model: &str, input: &Value, dimensions: u64) -> Vec<f32> {
    let mut draw = Seed::of(&[model.as_bytes(), input.to_string().as_bytes()]).part(0);
    let raw: Vec<f32> = (0..dimensions)
        .map(|_| {
            let small = i16::from_be_bytes((draw.next() as u16).to_be_bytes());
            f32::from(small) / 32_768.0
        })
        .collect();
    let length = raw
        .iter()
        .map(|value| value * value)
        .sum::<f32>()
        .sqrt()
        .max(f32::MIN_POSITIVE);
    raw.into_iter().map(|value| value / length).collect()
}
