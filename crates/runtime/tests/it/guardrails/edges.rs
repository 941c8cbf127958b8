//! What else enters and leaves beside requests and answers: errors, routes that cost nothing,
//! events that cannot be read.

use http::Method;
use iron_runtime::call::{Errand, Passing};
use iron_testkit::Fault;

use super::*;

fn fails(fake: &FakeUpstream, fault: Fault) {
    fake.behave(Behaviour {
        fault,
        ..Behaviour::default()
    });
}

fn stopping(words: &str, action: Action) -> Profile {
    Profile {
        patterns: vec![pattern("words", words, action)],
        ..Profile::default()
    }
}

const REFUSED: Fault = Fault::Status {
    status: 400,
    retry_after: None,
};

/// An errand on a route of the provider itself.
async fn ask(
    world: &World,
    dialect: Dialect,
    method: Method,
    path: &str,
    query: Option<&str>,
    body: &str,
) -> Result<String, Refusal> {
    let provider: Vec<_> = world.authority.plane().keys.keys().copied().collect();
    let mut request = world.request(dialect, body);
    request.passing = Some(Box::new(Passing {
        provider: *provider.first().expect("a provider"),
        method,
        path: path.to_owned(),
        query: query.map(str::to_owned),
        address: None,
    }));
    let bearer = world.runtime.authenticate(Some(world.token())).await?;
    let reply = world.runtime.run(bearer, request, Errand::Free).await?;
    Ok(text(reply).await)
}

#[tokio::test]
async fn the_words_of_an_error_are_judged_like_those_of_an_answer() {
    let (fake, world) = openai(stopping("fake provider", Action::Redact)).await;
    fails(&fake, REFUSED);
    let answer = world.call(Dialect::OpenAiChat, &chat("go on", false)).await;
    let reply = answer.expect("an error of the provider");
    assert_eq!(reply.status, 400);
    let body = text(reply).await;
    assert!(body.contains("the [REDACTED] refuses"), "{body}");
    assert_eq!(
        findings(&world.record().await),
        [("output", "custom.words", "redact")]
    );
}

#[tokio::test]
async fn an_error_whose_words_are_blocked_keeps_its_status_and_its_shape() {
    for (shape, kind, dialect) in [
        (Shape::OpenAi, ProviderKind::OpenAi, Dialect::OpenAiChat),
        (
            Shape::Anthropic,
            ProviderKind::Anthropic,
            Dialect::AnthropicMessages,
        ),
    ] {
        let (fake, world) = guarded(shape, kind, stopping("fake provider", Action::Block)).await;
        fails(&fake, REFUSED);
        let mut body: Value = serde_json::from_str(&chat("go on", false)).expect("JSON");
        if kind == ProviderKind::Anthropic {
            body["model"] = json!("claude-sonnet-4-5");
        }
        let reply = world
            .call(dialect, &body.to_string())
            .await
            .expect("an error");
        assert_eq!(reply.status, 400);
        let body: Value = serde_json::from_str(&text(reply).await).expect("JSON");
        let words = body.pointer("/error/message").and_then(Value::as_str);
        assert!(words.expect("words").contains("withheld"), "{body}");
        let record = world.record().await;
        assert_eq!(record.outcome, Outcome::ProviderError);
        assert_eq!(findings(&record), [("output", "custom.words", "block")]);
    }
}

#[tokio::test]
async fn an_error_in_an_answer_that_began_well_is_judged_too() {
    let (fake, world) = openai(stopping("server", Action::Redact)).await;
    fails(&fake, Fault::ErrorInOk);
    let answer = world.call(Dialect::OpenAiChat, &chat("go on", false)).await;
    let body = text(answer.expect("an error")).await;
    assert!(body.contains("the [REDACTED] had an error"), "{body}");
    fails(&fake, Fault::OverloadedAfter(2));
    let answer = world.call(Dialect::OpenAiChat, &chat("go on", true)).await;
    let body = text(answer.expect("a stream")).await;
    assert!(
        body.contains("The [REDACTED] is currently overloaded"),
        "{body}"
    );
}

#[tokio::test]
async fn what_goes_over_routes_that_cost_nothing_is_judged_both_ways() {
    let (fake, world) = openai(profile()).await;
    let post = |body: &'static str| {
        let path = "/v1/moderations";
        ask(&world, Dialect::OpenAiChat, Method::POST, path, None, body)
    };
    post(r#"{"input": "I am EMP-123456"}"#)
        .await
        .expect("an answer");
    assert_eq!(
        fake.requests()[0].body.to_vec(),
        br#"{"input": "I am [REDACTED]"}"#
    );
    let refusal = post(r#"{"input": "launch code 4711"}"#).await;
    assert_eq!(
        check(&refusal.expect_err("a refusal")),
        ("input", "user", "custom_pattern")
    );
    assert_eq!(fake.requests().len(), 1);

    world.change(|principal| {
        principal.guardrails.version = 4;
        principal.guardrails.profile = Arc::new(stopping("gpt-4o-mini", Action::Block));
    });
    let agent = world.path.agent;
    world
        .runtime
        .apply(iron_runtime::authority::Change::Agent(agent));
    let models = ask(
        &world,
        Dialect::OpenAiChat,
        Method::GET,
        "/v1/models",
        None,
        "",
    )
    .await;
    // An id is a word of the protocol.
    assert!(models.expect("a list").contains("gpt-4o-mini"));
    let owner = Arc::new(stopping("openai", Action::Block));
    world.change(|principal| {
        principal.guardrails.version = 5;
        principal.guardrails.profile = owner;
    });
    world
        .runtime
        .apply(iron_runtime::authority::Change::Agent(agent));
    let models = ask(
        &world,
        Dialect::OpenAiChat,
        Method::GET,
        "/v1/models",
        None,
        "",
    )
    .await;
    assert_eq!(
        check(&models.expect_err("a refusal")),
        ("output", "output", "custom_pattern")
    );
}

#[tokio::test]
async fn tokens_of_gemini_are_counted_of_what_may_be_sent() {
    let (fake, world) = guarded(Shape::Google, ProviderKind::Google, profile()).await;
    let body = r#"{"contents": [{"role": "user", "parts": [{"text": "I am EMP-123456"}]}]}"#;
    let path = "/v1beta/models/gemini-2.5-flash:countTokens";
    ask(&world, Dialect::Gemini, Method::POST, path, None, body)
        .await
        .expect("a count");
    let sent = String::from_utf8_lossy(&fake.requests()[0].body).into_owned();
    assert_eq!(sent, body.replace("EMP-123456", "[REDACTED]"));
}

#[tokio::test]
async fn what_would_be_replaced_in_an_address_is_refused() {
    let (fake, world) = openai(profile()).await;
    let get = |query| {
        let path = "/v1/models";
        ask(
            &world,
            Dialect::OpenAiChat,
            Method::GET,
            path,
            Some(query),
            "",
        )
    };
    get("of=%50roject+Hydra")
        .await
        .expect("an answer: it is only told");
    let refusal = get("of=%45MP-123456").await.expect_err("a refusal");
    assert_eq!(check(&refusal), ("input", "user", "custom_pattern"));
    assert_eq!(fake.requests().len(), 1);
}

#[tokio::test]
async fn sound_and_pictures_are_refused_before_they_cost_where_nothing_unread_may_pass() {
    let strict = Profile {
        unread: Unread::Refuse,
        ..profile()
    };
    let (fake, world) = openai(strict).await;
    let speech = json!({"model": "tts-1", "voice": "alloy", "input": "hello"});
    let answer = world.call(Dialect::OpenAiSpeech, &speech.to_string()).await;
    assert_eq!(
        check(&answer.expect_err("a refusal")),
        ("output", "output", "unread")
    );
    let record = world.record().await;
    assert_eq!(findings(&record), [("output", "audio", "block")]);
    assert!(fake.requests().is_empty());
}
