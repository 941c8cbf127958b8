//! Pictures: what they are held for, and that the bill is the record's.

use iron_llm::{PriceBook, ProviderConfig, ProviderKind, ServiceTier};
use iron_primitives::UnitPrice;
use iron_runtime::record::{CallRecord, Settlement};
use iron_testkit::{Behaviour, FakeUpstream, Fault, Prices, UsageReport};
use serde_json::{Value, json};

use crate::front::{Front, Got, behind, behind_configured};

mod google;

const GENERATIONS: &str = "/v1/images/generations";
const EDITS: &str = "/v1/images/edits";

/// The fake charges what the book says of the model.
fn charge(fake: &FakeUpstream, kind: ProviderKind, model: &str) {
    let book = PriceBook::builtin();
    let model = book.lookup(kind, model).expect("priced");
    let rates = model.price.rates(ServiceTier::Standard, 0);
    fake.set_prices(Prices {
        input: rates.input,
        cached: rates.of_input_image(),
        output: rates.of_output_image(),
    });
}

async fn last(front: &Front) -> CallRecord {
    let records = front.world.records().await;
    records.last().expect("a record").clone()
}

async fn draw(front: &Front, body: &Value) -> Got {
    front.post(GENERATIONS, &body.to_string()).await
}

fn form(fields: &[(&str, &str)], files: &[&str]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, value) in fields {
        let part = format!(
            "--border\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
        );
        body.extend(part.into_bytes());
    }
    for name in files {
        let part = format!(
            "--border\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"a.png\"\r\n\
             Content-Type: image/png\r\n\r\npicture\r\n"
        );
        body.extend(part.into_bytes());
    }
    body.extend(b"--border--\r\n");
    body
}

async fn change(front: &Front, path: &str, fields: &[(&str, &str)], files: &[&str]) -> Got {
    let bearer = format!("Bearer {}", front.world.token());
    let headers = [
        ("authorization", bearer.as_str()),
        ("content-type", "multipart/form-data; boundary=border"),
    ];
    front
        .send("POST", path, &headers, &form(fields, files))
        .await
}

#[tokio::test]
async fn pictures_cost_their_tokens_and_no_more_than_was_held() {
    let (fake, front) = behind(ProviderKind::OpenAi).await;
    for model in ["gpt-image-2", "gpt-image-1-mini", "gpt-image-2.5-sunburst"] {
        charge(&fake, ProviderKind::OpenAi, model);
        for (size, quality, n) in [
            ("1024x1024", "low", 1),
            ("1024x1536", "medium", 3),
            ("1536x1024", "high", 2),
            ("auto", "auto", 1),
        ] {
            let before = fake.billed_nanos();
            let body = json!({"model": model, "prompt": "a bird on a wire", "n": n,
                "size": size, "quality": quality, "output_format": "png"});
            let got = draw(&front, &body).await;
            assert_eq!(got.status, 200, "{}", got.body);
            assert_eq!(got.json()["data"].as_array().map(Vec::len), Some(n));
            let record = last(&front).await;
            assert_eq!(record.dialect, "openai_images");
            assert_eq!(record.cost_nanos, fake.billed_nanos() - before);
            assert_eq!(record.tokens.images, n as u64);
            let attempt = &record.attempts[0];
            assert_eq!(attempt.settlement, Settlement::Actual);
            let held = attempt.hold.amount_nanos;
            assert!(held >= record.cost_nanos, "{model} {size} {quality}");
            if size != "auto" && model != "gpt-image-2.5-sunburst" {
                assert!(held < record.cost_nanos * 2, "{model} {held}");
            }
        }
    }
}

#[tokio::test]
async fn a_stream_of_partial_pictures_settles_at_its_end() {
    let (fake, front) = behind(ProviderKind::OpenAi).await;
    charge(&fake, ProviderKind::OpenAi, "gpt-image-2");
    let body = json!({"model": "gpt-image-2", "prompt": "a bird", "stream": true,
        "partial_images": 2, "size": "1024x1024", "quality": "low"});
    let got = draw(&front, &body).await;
    assert_eq!(got.status, 200, "{}", got.body);
    assert_eq!(
        got.body.matches("image_generation.partial_image").count(),
        2
    );
    assert_eq!(got.body.matches("image_generation.completed").count(), 1);
    let record = last(&front).await;
    assert_eq!(record.cost_nanos, fake.billed_nanos());
    assert_eq!(record.tokens.output_image, 196 + 200);
    assert_eq!(record.attempts[0].settlement, Settlement::Actual);
    fake.behave_once(Behaviour {
        fault: Fault::CutAt(40),
        ..Behaviour::default()
    });
    draw(&front, &body).await;
    let record = last(&front).await;
    assert_eq!(record.attempts[0].settlement, Settlement::Estimated);
    assert_eq!(record.cost_nanos, record.attempts[0].hold.amount_nanos);
}

#[tokio::test]
async fn edits_pay_for_the_pictures_that_they_see() {
    let (fake, front) = behind(ProviderKind::OpenAi).await;
    charge(&fake, ProviderKind::OpenAi, "gpt-image-2");
    let fields = [
        ("model", "gpt-image-2"),
        ("prompt", "more birds"),
        ("n", "2"),
        ("quality", "medium"),
        ("size", "1024x1024"),
    ];
    let files = ["image[]", "image[]", "mask"];
    let got = change(&front, EDITS, &fields, &files).await;
    assert_eq!(got.status, 200, "{}", got.body);
    let record = last(&front).await;
    assert_eq!(record.dialect, "openai_image_edits");
    assert_eq!(record.cost_nanos, fake.billed_nanos());
    assert_eq!(record.tokens.input_image, 3 * 2 * 1_120);
    assert!(record.attempts[0].hold.amount_nanos >= record.cost_nanos);
    let sent = fake.requests();
    assert!(String::from_utf8_lossy(&sent[0].body).contains("filename=\"a.png\""));
    let streamed = [&fields[..2], &[("stream", "true"), ("partial_images", "1")]].concat();
    let got = change(&front, EDITS, &streamed, &["image"]).await;
    assert!(got.body.contains("image_edit.completed"), "{}", got.body);
    for (fields, files) in [
        (&fields[..1], &["image"][..]),
        (&fields[..2], &[][..]),
        (&fields[1..], &["image"][..]),
    ] {
        let asked = fake.requests().len();
        let got = change(&front, EDITS, fields, files).await;
        assert_eq!(got.status, 400, "{}", got.body);
        assert_eq!(fake.requests().len(), asked);
    }
}

#[tokio::test]
async fn what_may_cost_more_than_is_known_is_refused_by_name() {
    let (fake, front) = behind(ProviderKind::OpenAi).await;
    for (field, value) in [
        ("thinking", json!("high")),
        ("width", json!(99)),
        ("image_loras", json!([])),
    ] {
        let mut body = json!({"model": "gpt-image-2", "prompt": "a bird"});
        body[field] = value;
        let got = draw(&front, &body).await;
        let known = matches!(field, "width");
        assert_eq!(got.status, if known { 200 } else { 400 }, "{}", got.body);
        assert!(known || got.body.contains(field), "{}", got.body);
    }
    // What it writes beside its pictures has no known end, and no list has a price of the others.
    for model in [
        "gpt-image-1.5",
        "chatgpt-image-latest",
        "dall-e-3",
        "gpt-4o",
    ] {
        let asked = fake.requests().len();
        let body = json!({"model": model, "prompt": "a bird"});
        let got = draw(&front, &body).await;
        assert_eq!(got.status, 400, "{}", got.body);
        assert!(got.body.contains(model), "{}", got.body);
        assert_eq!(fake.requests().len(), asked);
    }
    let (fake, front) = behind(ProviderKind::Anthropic).await;
    let body = json!({"model": "claude-sonnet-4-5", "prompt": "a bird"});
    let got = draw(&front, &body).await;
    assert_eq!(got.status, 400, "{}", got.body);
    assert!(fake.requests().is_empty());
}

#[tokio::test]
async fn an_answer_without_its_usage_costs_what_was_held() {
    let (fake, front) = behind(ProviderKind::OpenAi).await;
    fake.behave(Behaviour {
        usage: UsageReport::Missing,
        ..Behaviour::default()
    });
    let body = json!({"model": "gpt-image-2", "prompt": "a bird", "quality": "low"});
    let got = draw(&front, &body).await;
    assert_eq!(got.status, 200, "{}", got.body);
    let record = last(&front).await;
    assert_eq!(record.cost_nanos, record.attempts[0].hold.amount_nanos);
}

#[tokio::test]
async fn a_deployment_pays_for_each_picture_by_its_size_and_quality() {
    let config = ProviderConfig {
        deployments: [("art".to_owned(), "dall-e-3".to_owned())].into(),
        ..ProviderConfig::default()
    };
    let (fake, front) = behind_configured(ProviderKind::AzureOpenAi, config).await;
    for (fields, dollars_in_thousandths) in [
        (json!({"quality": "standard", "size": "1024x1024"}), 44),
        (json!({"quality": "hd", "size": "1792x1024"}), 132),
        (json!({"quality": "hd"}), 132),
        (json!({}), 132),
    ] {
        let unit = UnitPrice::from_picos(dollars_in_thousandths * 1_000_000_000);
        fake.set_prices(Prices {
            input: unit,
            cached: unit,
            output: UnitPrice::FREE,
        });
        let mut body = json!({"model": "dall-e-3", "prompt": "a bird", "n": 2});
        for (name, value) in fields.as_object().expect("fields") {
            body[name] = value.clone();
        }
        let before = fake.billed_nanos();
        let got = draw(&front, &body).await;
        assert_eq!(got.status, 200, "{}", got.body);
        let record = last(&front).await;
        assert_eq!(record.cost_nanos, fake.billed_nanos() - before);
        assert_eq!(record.cost_nanos, record.attempts[0].hold.amount_nanos);
    }
    // What was not made is not paid for.
    fake.behave_once(Behaviour {
        fault: Fault::OverloadedAfter(1),
        ..Behaviour::default()
    });
    let before = fake.billed_nanos();
    let body = json!({"model": "art", "prompt": "a bird", "n": 3});
    draw(&front, &body).await;
    let record = last(&front).await;
    assert_eq!(record.tokens.images, 1);
    assert_eq!(record.cost_nanos, fake.billed_nanos() - before);
    assert_eq!(record.attempts[0].hold.amount_nanos, record.cost_nanos * 3);
    assert_eq!(fake.requests()[0].path, "/openai/v1/images/generations");
}

#[tokio::test]
async fn a_server_of_ones_own_draws_for_nothing() {
    let (fake, front) = behind(ProviderKind::Local).await;
    let body = json!({"model": "sdxl", "prompt": "a bird", "steps": 40, "sampler": "ddim"});
    let got = draw(&front, &body).await;
    assert_eq!(got.status, 200, "{}", got.body);
    let got = change(
        &front,
        "/v1/images/variations",
        &[("model", "sdxl"), ("n", "2")],
        &["image"],
    )
    .await;
    assert_eq!(got.status, 200, "{}", got.body);
    assert_eq!(last(&front).await.cost_nanos, 0);
    assert_eq!(fake.requests().len(), 2);
}
