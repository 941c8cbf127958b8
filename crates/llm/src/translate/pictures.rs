//! Pictures of Google for clients of OpenAI's generations: Gemini's models that draw are asked to
//! generate content, Imagen's are asked for predictions (ai.google.dev, image generation and Imagen,
//! by excerpts, 2026-11).

use serde_json::{Map, Value, json};

use super::fields::{Fields, to_bytes};
use super::{Error, Note, ReplyError};
use crate::google;
use crate::kind::Dialect;
use iron_primitives::Timestamp;

/// The most pictures that Imagen makes at once.
const MOST_OF_IMAGEN: u64 = 4;
/// Sizes that OpenAI names, by the ratio of their sides.
const SIZES: [(&str, &str); 7] = [
    ("1024x1024", "1:1"),
    ("1024x1536", "2:3"),
    ("1536x1024", "3:2"),
    ("1024x1792", "9:16"),
    ("1792x1024", "16:9"),
    ("896x1280", "3:4"),
    ("1280x896", "4:3"),
];
/// Ratios that Imagen makes.
const OF_IMAGEN: [&str; 5] = ["1:1", "3:4", "4:3", "9:16", "16:9"];

/// A request for pictures.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) model: String,
    prompt: String,
    count: u64,
    ratio: Option<&'static str>,
}

/// Reads OpenAI's request.
pub(super) fn read(mut fields: Fields, notes: &mut Vec<Note>) -> Result<Request, Error> {
    let direction = fields.direction();
    if direction.upstream() != Dialect::GeminiImages {
        return Err(Error::Untranslatable {
            feature: direction.client().path().to_owned(),
            direction,
        });
    }
    let model = fields.required_string("model")?;
    let prompt = fields.required_string("prompt")?;
    let count = fields.whole("n")?.unwrap_or(1);
    let most = match google::predicts_pictures(&model) {
        true => MOST_OF_IMAGEN,
        false => 1,
    };
    if !(1..=most).contains(&count) {
        return Err(fields.refuse(&format!("n beyond {most}")));
    }
    let ratio = ratio(&mut fields, &model)?;
    fields.only("quality", &["auto"])?;
    fields.only("background", &["auto"])?;
    fields.only("moderation", &["auto"])?;
    fields.only("response_format", &["b64_json"])?;
    fields.only("output_format", &["png"])?;
    if fields.boolean("stream")? == Some(true) {
        return Err(fields.refuse("stream"));
    }
    if fields.take("user").is_some() {
        notes.push(Note {
            field: "user",
            becomes: "part of the call's record: the provider has no field for it",
        });
    }
    fields.finish()?;
    Ok(Request {
        model,
        prompt,
        count,
        ratio,
    })
}

fn ratio(fields: &mut Fields, model: &str) -> Result<Option<&'static str>, Error> {
    let size = fields.string("size")?.filter(|size| size != "auto");
    let Some(size) = size else { return Ok(None) };
    let known = SIZES.iter().find(|(name, _)| *name == size);
    let ratio = known.map(|(_, ratio)| *ratio);
    let fits = |ratio: &&str| !google::predicts_pictures(model) || OF_IMAGEN.contains(ratio);
    match ratio.filter(fits) {
        Some(ratio) => Ok(Some(ratio)),
        None => Err(fields.refuse("size")),
    }
}

/// Writes the body.
pub(super) fn write(request: &Request, model: &str) -> Vec<u8> {
    let body = match google::predicts_pictures(model) {
        true => predict(request),
        false => generate(request),
    };
    to_bytes(&body)
}

fn generate(request: &Request) -> Value {
    let mut config = Map::new();
    config.insert("responseModalities".to_owned(), json!(["IMAGE"]));
    if let Some(ratio) = request.ratio {
        config.insert("imageConfig".to_owned(), json!({ "aspectRatio": ratio }));
    }
    json!({
        "contents": [{ "role": "user", "parts": [{ "text": request.prompt }] }],
        "generationConfig": config,
    })
}

fn predict(request: &Request) -> Value {
    let mut parameters = json!({ "sampleCount": request.count });
    if let (Some(ratio), Some(map)) = (request.ratio, parameters.as_object_mut()) {
        map.insert("aspectRatio".to_owned(), ratio.into());
    }
    json!({ "instances": [{ "prompt": request.prompt }], "parameters": parameters })
}

/// The provider's answer as OpenAI's.
pub(super) fn answer(body: &[u8], now: Timestamp) -> Result<Vec<u8>, ReplyError> {
    let unreadable = |field| ReplyError::Unreadable { field };
    let answer: Value = serde_json::from_slice(body).map_err(|_| unreadable("body"))?;
    let data: Vec<Value> = google::pictures(&answer)
        .map(|picture| json!({ "b64_json": picture }))
        .collect();
    if data.is_empty() {
        // A filter of the provider took them out.
        let what = "no picture".to_owned();
        return Err(ReplyError::Unexpected { what });
    }
    let mut out = json!({ "created": now.seconds(), "data": data });
    let usage = answer.get("usageMetadata").and_then(google::usage);
    if let (Some(usage), Some(map)) = (usage, out.as_object_mut()) {
        let (input, output) = (usage.input_total(), usage.output_total());
        let told = json!({
            "input_tokens": input, "output_tokens": output,
            "total_tokens": input.saturating_add(output),
            "input_tokens_details": { "text_tokens": input, "image_tokens": 0 },
        });
        map.insert("usage".to_owned(), told);
    }
    Ok(to_bytes(&out))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kind::ProviderKind;
    use crate::translate::Plan;

    const NOW: Timestamp = Timestamp::from_seconds(1_795_305_600);

    fn plan(body: &Value) -> Result<Plan, Error> {
        let body = body.to_string();
        Plan::new(Dialect::OpenAiImages, ProviderKind::Google, body.as_bytes())
    }

    fn sent(body: &Value) -> Value {
        let sent = plan(body).expect("a plan").request(1).expect("a body");
        serde_json::from_slice(&sent).expect("JSON")
    }

    #[test]
    fn a_model_of_gemini_is_asked_to_generate_and_one_of_imagen_to_predict() {
        let body = json!({"model": "gemini-2.5-flash-image", "prompt": "a bird",
            "size": "1536x1024", "user": "u", "quality": "auto"});
        let expected = json!({
            "contents": [{"role": "user", "parts": [{"text": "a bird"}]}],
            "generationConfig": {"responseModalities": ["IMAGE"],
                "imageConfig": {"aspectRatio": "3:2"}}});
        assert_eq!(sent(&body), expected);
        let body = json!({"model": "imagen-4.0-generate-001", "prompt": "a bird", "n": 3,
            "size": "1792x1024"});
        let expected = json!({"instances": [{"prompt": "a bird"}],
            "parameters": {"sampleCount": 3, "aspectRatio": "16:9"}});
        assert_eq!(sent(&body), expected);
    }

    #[test]
    fn what_google_has_no_word_for_is_refused_by_name() {
        for (model, field, value) in [
            ("gemini-2.5-flash-image", "n", json!(2)),
            ("gemini-2.5-flash-image", "size", json!("9x9")),
            ("gemini-2.5-flash-image", "quality", json!("high")),
            ("gemini-2.5-flash-image", "stream", json!(true)),
            ("gemini-2.5-flash-image", "background", json!("transparent")),
            ("gemini-2.5-flash-image", "new_field", json!(1)),
            ("imagen-4.0-generate-001", "n", json!(5)),
            ("imagen-4.0-generate-001", "size", json!("1536x1024")),
        ] {
            let mut body = json!({"model": model, "prompt": "a bird"});
            body[field] = value;
            let refused = plan(&body).expect_err("refused").to_string();
            assert!(refused.contains(field), "{field}: {refused}");
        }
    }

    #[test]
    fn pictures_come_back_as_openais() {
        let body = json!({"model": "gemini-2.5-flash-image", "prompt": "a bird"});
        let given = |answer: Value| -> Result<Value, ReplyError> {
            let plan = plan(&body).expect("a plan");
            let given = plan.response(answer.to_string().as_bytes(), NOW)?;
            Ok(serde_json::from_slice(&given).expect("JSON"))
        };
        let parts = json!([{"text": "Here:"},
            {"inlineData": {"mimeType": "image/png", "data": "AAAA"}}]);
        let answer = given(json!({"candidates": [{"content": {"parts": parts},
            "finishReason": "STOP"}], "usageMetadata": {"promptTokenCount": 5,
            "candidatesTokenCount": 1290, "totalTokenCount": 1295}}));
        let answer = answer.expect("pictures");
        assert_eq!(answer["data"], json!([{"b64_json": "AAAA"}]));
        assert_eq!(answer["usage"]["output_tokens"], 1290);
        let imagen = json!({"predictions": [{"bytesBase64Encoded": "AA", "mimeType": "image/png"},
            {"bytesBase64Encoded": "BB"}]});
        let answer = given(imagen).expect("pictures");
        assert_eq!(
            answer["data"],
            json!([{"b64_json": "AA"}, {"b64_json": "BB"}])
        );
        assert!(answer.get("usage").is_none());
        let filtered = json!({"candidates": [{"finishReason": "IMAGE_SAFETY"}]});
        assert!(given(filtered).is_err());
    }
}
