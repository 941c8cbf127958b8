use super::*;

fn of(kind: ProviderKind, method: &str, path: &str) -> Result<Passage, PassageError> {
    let config = ProviderConfig {
        project: Some("acme".to_owned()),
        location: Some("global".to_owned()),
        ..ProviderConfig::default()
    };
    Passage::of(kind, &config, method, path, Some("alt=sse"))
}

fn call(dialect: Dialect) -> Result<Passage, PassageError> {
    let address = None;
    Ok(Passage::Call { dialect, address })
}

fn gemini(model: &str, stream: bool) -> Result<Passage, PassageError> {
    let model = model.to_owned();
    Ok(Passage::Call {
        dialect: Dialect::Gemini,
        address: Some(Address { model, stream }),
    })
}

#[test]
fn the_providers_own_routes_are_the_ones_of_their_dialects() {
    use ProviderKind::{Anthropic, AzureOpenAi, Google, OpenAi, Together, Vertex};
    let chat = || call(Dialect::OpenAiChat);
    assert_eq!(of(OpenAi, "POST", "/v1/chat/completions"), chat());
    let speech = call(Dialect::OpenAiSpeech);
    assert_eq!(of(OpenAi, "POST", "/v1/audio/speech"), speech);
    assert_eq!(
        of(AzureOpenAi, "POST", "/openai/v1/chat/completions"),
        chat()
    );
    let messages = call(Dialect::AnthropicMessages);
    assert_eq!(of(Anthropic, "POST", "/v1/messages"), messages);
    let asked = of(Anthropic, "POST", "/v1/messages/count_tokens");
    assert_eq!(asked, Ok(Passage::CountTokens));
    let flash = "gemini-2.5-flash";
    for version in ["v1beta", "v1"] {
        let path = format!("/{version}/models/{flash}:generateContent");
        assert_eq!(of(Google, "POST", &path), gemini(flash, false));
    }
    let path = format!("/v1beta/models/{flash}:streamGenerateContent");
    assert_eq!(of(Google, "POST", &path), gemini(flash, true));
    for place in ["", "/projects/acme/locations/global"] {
        let path = format!("/v1beta1{place}/publishers/google/models/{flash}:generateContent");
        assert_eq!(of(Vertex, "POST", &path), gemini(flash, false), "{path}");
    }
    for (path, dialect) in [
        ("/v2/chat", Dialect::Cohere),
        ("/v2/embed", Dialect::CohereEmbed),
        ("/v2/rerank", Dialect::Rerank),
    ] {
        assert_eq!(
            of(ProviderKind::Cohere, "POST", path),
            call(dialect),
            "{path}"
        );
        assert_eq!(of(OpenAi, "POST", path), Ok(Passage::Priced), "{path}");
    }
    for (tail, dialect) in [
        ("chat/completions", Dialect::OpenAiChat),
        ("embeddings", Dialect::OpenAiEmbeddings),
        ("audio/speech", Dialect::OpenAiSpeech),
    ] {
        let path = format!("/openai/deployments/prod/{tail}");
        let address = Some(Address {
            model: "prod".to_owned(),
            stream: false,
        });
        let expected = Ok(Passage::Call { dialect, address });
        assert_eq!(of(AzureOpenAi, "POST", &path), expected, "{path}");
        assert_eq!(of(OpenAi, "POST", &path), Ok(Passage::Priced), "{path}");
    }
    // Not spoken there, so it is a route like any other.
    for (kind, path) in [(OpenAi, "/v1/messages"), (Together, "/v1/responses")] {
        assert_eq!(of(kind, "POST", path), Ok(Passage::Priced), "{path}");
    }
    assert_eq!(
        of(OpenAi, "GET", "/v1/chat/completions"),
        Ok(Passage::Priced)
    );
}

#[test]
fn stored_responses_and_lists_of_models_are_known() {
    use ProviderKind::{Google, OpenAi, Simulated, Vertex};
    for (method, path, action) in [
        ("GET", "/v1/responses/resp_1", Kept::Retrieve),
        ("DELETE", "/v1/responses/resp_1", Kept::Delete),
        ("POST", "/v1/responses/resp_1/cancel", Kept::Cancel),
    ] {
        let id = "resp_1".to_owned();
        let stored = Passage::Stored { id, action };
        assert_eq!(of(OpenAi, method, path), Ok(stored));
    }
    for (kind, method, path) in [
        (OpenAi, "GET", "/v1/models"),
        (OpenAi, "GET", "/v1/models/ft:gpt-4o:acme"),
        (Google, "GET", "/v1beta/models"),
        (Google, "GET", "/v1beta/models/gemini-2.5-flash"),
        (
            Google,
            "POST",
            "/v1beta/models/gemini-2.5-flash:countTokens",
        ),
        (
            Vertex,
            "POST",
            "/v1/publishers/google/models/gemini-2.5-flash:countTokens",
        ),
    ] {
        assert_eq!(of(kind, method, path), Ok(Passage::Free), "{path}");
    }
    for (kind, method, path) in [
        (OpenAi, "DELETE", "/v1/models/ft:gpt-4o:acme"),
        (Simulated, "GET", "/v1/models"),
        (Google, "POST", "/v1beta/models/imagen-4:predicts"),
        (Google, "POST", "/v1beta/modelsx"),
        (OpenAi, "GET", "/v1/responses/resp_1/input_items"),
    ] {
        assert_eq!(of(kind, method, path), Ok(Passage::Priced), "{path}");
    }
}

#[test]
fn files_are_known_where_agents_can_keep_them() {
    use ProviderKind::{Anthropic, OpenAi, Together};
    let id = || "file-1".to_owned();
    for (method, path, route) in [
        ("POST", "/v1/files", FileRoute::Upload),
        ("GET", "/v1/files", FileRoute::List),
        ("GET", "/v1/files/file-1", FileRoute::Retrieve(id())),
        ("DELETE", "/v1/files/file-1", FileRoute::Delete(id())),
        ("GET", "/v1/files/file-1/content", FileRoute::Content(id())),
    ] {
        for kind in [OpenAi, Anthropic] {
            let known = Passage::File(route.clone());
            assert_eq!(of(kind, method, path), Ok(known), "{method} {path}");
        }
        assert_eq!(of(Together, method, path), Ok(Passage::Priced), "{path}");
    }
    for (method, path) in [
        ("PUT", "/v1/files"),
        ("POST", "/v1/files/file-1"),
        ("GET", "/v1/files/file-1/content/more"),
        ("GET", "/v1/filesystem"),
    ] {
        assert_eq!(of(OpenAi, method, path), Ok(Passage::Priced), "{path}");
    }
}

#[test]
fn batches_are_known_where_every_line_can_be_bounded() {
    use ProviderKind::{Anthropic, OpenAi};
    let id = || "b_1".to_owned();
    for (kind, method, path, route) in [
        (OpenAi, "POST", "/v1/batches", BatchRoute::Create),
        (OpenAi, "GET", "/v1/batches", BatchRoute::List),
        (OpenAi, "GET", "/v1/batches/b_1", BatchRoute::Retrieve(id())),
        (
            OpenAi,
            "POST",
            "/v1/batches/b_1/cancel",
            BatchRoute::Cancel(id()),
        ),
        (
            Anthropic,
            "POST",
            "/v1/messages/batches",
            BatchRoute::Create,
        ),
        (
            Anthropic,
            "GET",
            "/v1/messages/batches/b_1",
            BatchRoute::Retrieve(id()),
        ),
        (
            Anthropic,
            "GET",
            "/v1/messages/batches/b_1/results",
            BatchRoute::Results(id()),
        ),
    ] {
        assert_eq!(of(kind, method, path), Ok(Passage::Batch(route)), "{path}");
    }
}

#[test]
fn what_no_price_bounds_is_refused_whatever_its_price() {
    for (kind, path) in [
        (ProviderKind::Together, "/v1/batches"),
        (ProviderKind::AzureOpenAi, "/v1/batches/batch_1/cancel"),
        (ProviderKind::OpenAi, "/v1/batches/batch_1/results"),
        (ProviderKind::Anthropic, "/v1/messages/batches/msgbatch_1"),
        (ProviderKind::OpenAi, "/v1/realtime/sessions"),
        (ProviderKind::OpenAi, "/v1/fine_tuning/jobs"),
        (ProviderKind::Together, "/v1/fine-tunes"),
        (ProviderKind::Cohere, "/v1/finetuning/finetuned-models"),
        (ProviderKind::OpenAi, "/v1/Batches"),
        (
            ProviderKind::Google,
            "/v1beta/models/gemini-2.5-flash:batchGenerateContent",
        ),
        (
            ProviderKind::Google,
            "/v1beta/models/veo-3:predictLongRunning",
        ),
    ] {
        let refused = of(kind, "POST", path);
        assert!(
            matches!(refused, Err(PassageError::Unbounded { .. })),
            "{path}: {refused:?}"
        );
    }
}

#[test]
fn a_path_has_one_spelling() {
    for path in [
        "v1/models",
        "/v1//models",
        "/v1/models/",
        "/v1/../admin",
        "/./v1",
        "/v1/%2e%2e/admin",
        "/v1/chat%2Fcompletions",
        "/v1/%63hat/completions",
        "/v1\\admin",
        "/v1/a;b",
        "/v1/mod\u{e8}les",
        &format!("/{}", "x".repeat(200)),
    ] {
        let refused = of(ProviderKind::OpenAi, "GET", path);
        assert!(
            matches!(refused, Err(PassageError::Path { .. })),
            "{path}: {refused:?}"
        );
    }
}

#[test]
fn other_projects_and_streams_that_are_no_events_are_refused() {
    let path = "/v1/projects/other/locations/global/publishers/google/models/g:generateContent";
    assert!(matches!(
        of(ProviderKind::Vertex, "POST", path),
        Err(PassageError::Elsewhere { .. })
    ));
    let path = "/v1/projects/other/locations/global/endpoints/1:predict";
    assert!(matches!(
        of(ProviderKind::Vertex, "POST", path),
        Err(PassageError::Elsewhere { .. })
    ));
    let config = ProviderConfig::default();
    let signed = Passage::of(
        ProviderKind::AwsBedrock,
        &config,
        "GET",
        "/async-invoke",
        Some("maxResults=5"),
    );
    assert!(matches!(signed, Err(PassageError::Path { .. })));
    let path = "/v1beta/models/gemini-2.5-flash:streamGenerateContent";
    for query in [None, Some("alt=json"), Some("x=1")] {
        let passage = Passage::of(ProviderKind::Google, &config, "POST", path, query);
        assert_eq!(passage, Err(PassageError::NotAsEvents));
    }
}

#[test]
fn an_entry_with_stars_covers_routes_segment_by_segment() {
    for (pattern, route, covered) in [
        ("POST /v1/moderations", "POST /v1/moderations", true),
        ("POST /v1/*/search", "POST /v1/vector/search", true),
        ("POST /v1/*", "POST /v1/vector/search", false),
        ("GET /v1/*", "POST /v1/files", false),
        ("*", "POST /v1/files", false),
        ("gpt-4o", "gpt-4o", false),
        ("* /v1/files", "POST /v1/files", false),
    ] {
        assert_eq!(covers(pattern, route), covered, "{pattern} {route}");
    }
    assert!(!is_route("meta-llama/Llama-3.3-70B-Instruct-Turbo"));
    assert!(is_route("POST /v1/moderations"));
}

#[test]
fn models_of_bedrock_are_named_escaped_or_not() {
    let bedrock = |path: &str| {
        let arn = "arn:aws:bedrock:eu-central-1:1:application-inference-profile/abc";
        let config = ProviderConfig {
            deployments: [(arn.to_owned(), "eu.anthropic.claude-x".to_owned())].into(),
            ..ProviderConfig::default()
        };
        Passage::of(ProviderKind::AwsBedrock, &config, "POST", path, None)
    };
    let call = |dialect, model: &str, stream| {
        let model = model.to_owned();
        let address = Some(Address { model, stream });
        Ok(Passage::Call { dialect, address })
    };
    let nova = "amazon.nova-lite-v1:0";
    for spelled in [nova, "amazon.nova-lite-v1%3A0", "amazon.nova-lite-v1%3a0"] {
        for (word, stream) in [("converse", false), ("converse-stream", true)] {
            let asked = bedrock(&format!("/model/{spelled}/{word}"));
            assert_eq!(asked, call(Dialect::Converse, nova, stream), "{spelled}");
        }
    }
    let profile = "arn:aws:bedrock:eu-central-1:1:application-inference-profile/abc";
    for model in ["global.anthropic.claude-x", profile] {
        let asked = bedrock(&format!("/model/{model}/invoke-with-response-stream"));
        assert_eq!(
            asked,
            call(Dialect::BedrockMessages, model, true),
            "{model}"
        );
    }
    let model = nova.to_owned();
    let unread = Err(PassageError::Unread { model });
    assert_eq!(bedrock(&format!("/model/{nova}/invoke")), unread);
    for model in ["amazon.titan-embed-text-v2:0", "eu.cohere.embed-v4:0"] {
        let asked = bedrock(&format!("/model/{model}/invoke"));
        assert_eq!(asked, call(Dialect::BedrockEmbed, model, false), "{model}");
        let streamed = bedrock(&format!("/model/{model}/invoke-with-response-stream"));
        assert!(matches!(streamed, Err(PassageError::Unread { .. })));
    }
    for path in [
        "/model/a%2Fb/converse",
        "/model/%252e/converse",
        "/model//converse",
    ] {
        let refused = bedrock(path);
        assert!(matches!(refused, Err(PassageError::Path { .. })), "{path}");
    }
    for path in ["/async-invoke", "/model/x/converse/../y"] {
        assert!(bedrock(path).is_err(), "{path}");
    }
}
