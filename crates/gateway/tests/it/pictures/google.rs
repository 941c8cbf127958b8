//! Pictures of Google.

use super::*;

#[tokio::test]
async fn google_draws_for_clients_of_openai_and_for_its_own() {
    let (fake, front) = behind(ProviderKind::Google).await;
    let model = "gemini-2.5-flash-image";
    charge(&fake, ProviderKind::Google, model);
    let body = json!({"model": model, "prompt": "a bird", "size": "1024x1024"});
    let got = draw(&front, &body).await;
    assert_eq!(got.status, 200, "{}", got.body);
    let answer = got.json();
    assert!(answer["data"][0]["b64_json"].is_string(), "{answer}");
    let record = last(&front).await;
    assert_eq!(record.cost_nanos, fake.billed_nanos());
    assert_eq!(record.tokens.output_image, 1_290);
    let attempt = &record.attempts[0];
    assert_eq!(attempt.settlement, Settlement::Actual);
    // All that the model can write, at the price of pictures.
    assert!(attempt.hold.amount_nanos > 32_768 * 30_000);
    let native = json!({"contents": [{"role": "user", "parts": [{"text": "a bird"}]}],
        "generationConfig": {"responseModalities": ["TEXT", "IMAGE"], "maxOutputTokens": 9,
            "imageConfig": {"aspectRatio": "16:9"}}});
    let before = fake.billed_nanos();
    let headers = [("x-goog-api-key", front.world.token())];
    let path = format!("/providers/google/v1beta/models/{model}:generateContent");
    let native = native.to_string();
    let got = front.send("POST", &path, &headers, native.as_bytes()).await;
    assert_eq!(got.status, 200, "{}", got.body);
    let record = last(&front).await;
    assert_eq!(record.cost_nanos, fake.billed_nanos() - before);
    assert!(record.attempts[0].hold.amount_nanos > 32_768 * 30_000);
    let asked = fake.requests().len();
    // A model that does not draw, a model that draws for a chat, and edits.
    let chat = json!({"model": model, "messages": [{"role": "user", "content": "a bird"}]});
    let got = front.post("/v1/chat/completions", &chat.to_string()).await;
    assert_eq!(got.status, 400, "{}", got.body);
    let got = draw(
        &front,
        &json!({"model": "gemini-2.5-flash", "prompt": "a bird"}),
    )
    .await;
    assert_eq!(got.status, 400, "{}", got.body);
    let fields = [("model", model), ("prompt", "more")];
    let got = change(&front, EDITS, &fields, &["image"]).await;
    assert_eq!(got.status, 400, "{}", got.body);
    assert!(got.body.contains("/v1/images/edits"), "{}", got.body);
    let path = "/providers/google/v1beta/models/gemini-2.5-flash:generateContent";
    let got = front.send("POST", path, &headers, native.as_bytes()).await;
    assert_eq!(got.status, 400, "{}", got.body);
    assert_eq!(fake.requests().len(), asked);
}

#[tokio::test]
async fn imagen_costs_the_pictures_that_it_made() {
    let (fake, front) = behind(ProviderKind::Google).await;
    let unit = UnitPrice::from_picos(40_000_000_000);
    fake.set_prices(Prices {
        input: unit,
        cached: unit,
        output: UnitPrice::FREE,
    });
    let body = json!({"model": "imagen-3.0-generate-001", "prompt": "a bird", "n": 3});
    for made in [3, 2] {
        fake.behave_once(Behaviour {
            fault: Fault::OverloadedAfter(made),
            ..Behaviour::default()
        });
        let before = fake.billed_nanos();
        let got = draw(&front, &body).await;
        assert_eq!(got.status, 200, "{}", got.body);
        let record = last(&front).await;
        assert_eq!(record.tokens.images, made as u64);
        assert_eq!(record.cost_nanos, fake.billed_nanos() - before);
        assert_eq!(record.attempts[0].hold.amount_nanos, 120_000_000);
    }
    // Natively four are made unless another number is said.
    let headers = [("x-goog-api-key", front.world.token())];
    let path = "/providers/google/v1beta/models/imagen-3.0-generate-001:predict";
    let native = |parameters: Value| {
        json!({"instances": [{"prompt": "a bird"}], "parameters": parameters}).to_string()
    };
    let body = native(json!({"aspectRatio": "1:1"}));
    let got = front.send("POST", path, &headers, body.as_bytes()).await;
    assert_eq!(got.status, 200, "{}", got.body);
    let record = last(&front).await;
    assert_eq!(record.cost_nanos, 160_000_000);
    assert_eq!(record.attempts[0].hold.amount_nanos, 160_000_000);
    let asked = fake.requests().len();
    let body = native(json!({"upscale": "x4"}));
    let got = front.send("POST", path, &headers, body.as_bytes()).await;
    assert_eq!(got.status, 400, "{}", got.body);
    assert!(got.body.contains("upscale"), "{}", got.body);
    let sent = fake.requests();
    assert_eq!(sent.len(), asked);
    assert_eq!(
        sent[0].path,
        "/v1beta/models/imagen-3.0-generate-001:predict"
    );
}
