use super::*;

fn azure(version: Option<&str>) -> ProviderConfig {
    let deployments = [("prod", "gpt-4o"), ("europe", "eu/gpt-5.1")];
    ProviderConfig {
        api_version: version.map(str::to_owned),
        deployments: deployments
            .map(|(name, model)| (name.to_owned(), model.to_owned()))
            .into(),
        ..ProviderConfig::default()
    }
}

#[test]
fn a_caller_names_the_deployment_or_the_model_behind_it() {
    let config = azure(None);
    for (asked, sent, priced) in [
        ("prod", "prod", "gpt-4o"),
        ("gpt-4o", "prod", "gpt-4o"),
        ("gpt-5.1", "europe", "eu/gpt-5.1"),
        ("gpt-4o-mini", "gpt-4o-mini", "gpt-4o-mini"),
    ] {
        assert_eq!(config.served(asked), Served { sent, priced });
    }
}

#[test]
fn an_address_is_the_same_with_and_without_its_version() {
    for text in ["/v1/", "/v1", "/", ""] {
        assert_eq!(root_of(ProviderKind::Local, text), "", "{text}");
    }
    for text in ["", "/", "/openai", "/openai/v1/"] {
        assert_eq!(root_of(ProviderKind::AzureOpenAi, text), "", "{text}");
    }
    assert_eq!(root_of(ProviderKind::Ai21, "/studio/v1"), "/studio");
}

#[test]
fn azure_has_two_forms_of_addresses() {
    let azure_path = |version, dialect| {
        azure(version)
            .path(ProviderKind::AzureOpenAi, dialect, "prod", false)
            .into_owned()
    };
    let (chat, responses) = (Dialect::OpenAiChat, Dialect::OpenAiResponses);
    assert_eq!(azure_path(None, chat), "/openai/v1/chat/completions");
    assert_eq!(
        azure_path(Some("2024-10-21"), chat),
        "/openai/deployments/prod/chat/completions?api-version=2024-10-21"
    );
    assert_eq!(
        azure_path(Some("2025-03-01-preview"), responses),
        "/openai/responses?api-version=2025-03-01-preview"
    );
}

#[test]
fn what_would_lead_elsewhere_is_refused() {
    let kind = ProviderKind::AzureOpenAi;
    assert_eq!(azure(Some("2024-10-21")).check(kind), Ok(()));
    for version in ["", "2024", "2024-10-21&x=y", "2024-10-21-preview-preview"] {
        assert!(azure(Some(version)).check(kind).is_err(), "{version}");
    }
    for name in ["", "..", "a/b", "a?b", "ä", &"x".repeat(65)] {
        assert!(!ProviderConfig::can_name(kind, name), "{name}");
        let mut config = azure(None);
        config
            .deployments
            .insert(name.to_owned(), "gpt-4o".to_owned());
        assert!(config.check(kind).is_err(), "{name}");
    }
    assert!(azure(None).check(ProviderKind::OpenAi).is_err());
}

#[test]
fn bedrock_is_asked_in_its_region_by_the_name_encoded_once() {
    let kind = ProviderKind::AwsBedrock;
    let aws = |region: &str| ProviderConfig {
        region: Some(region.to_owned()),
        ..ProviderConfig::default()
    };
    for (region, address) in [
        (
            "eu-central-1",
            "https://bedrock-runtime.eu-central-1.amazonaws.com",
        ),
        (
            "cn-north-1",
            "https://bedrock-runtime.cn-north-1.amazonaws.com.cn",
        ),
    ] {
        assert_eq!(aws(region).check(kind), Ok(()));
        assert_eq!(aws(region).default_base_url(kind).as_deref(), Some(address));
    }
    let path = |model, stream| aws("us-east-1").path(kind, Dialect::Converse, model, stream);
    assert_eq!(
        path("us.anthropic.claude-haiku-4-5-20251001-v1:0", false),
        "/model/us.anthropic.claude-haiku-4-5-20251001-v1%3A0/converse"
    );
    assert_eq!(
        path(
            "arn:aws:bedrock:us-east-1:123456789012:inference-profile/x",
            true
        ),
        "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Ainference-profile%2Fx/converse-stream"
    );
    for region in [
        "",
        "eu",
        "eu-central",
        "evil.example/",
        "EU-central-1",
        "a-b-c-d-1",
        "us--1",
    ] {
        assert!(aws(region).check(kind).is_err(), "{region}");
    }
    for name in [
        "",
        "..",
        "a?b",
        "a b",
        "a%2f",
        "us-east-1/deepseek.v3.2",
        &"x".repeat(257),
    ] {
        assert!(!ProviderConfig::can_name(kind, name), "{name}");
    }
    assert!(aws("eu-west-1").check(ProviderKind::OpenAi).is_err());
    assert!(aws("eu-west-1").check(ProviderKind::AzureOpenAi).is_err());
    assert!(aws("eu-west-1").check(ProviderKind::Vertex).is_err());
}

#[test]
fn a_role_is_named_whole_and_taken_on_in_the_region() {
    let kind = ProviderKind::AwsBedrock;
    let with = |arn: Option<&str>, external: Option<&str>| ProviderConfig {
        region: Some("eu-west-1".to_owned()),
        role_arn: arn.map(str::to_owned),
        external_id: external.map(str::to_owned),
        ..ProviderConfig::default()
    };
    let arn = "arn:aws:iam::123456789012:role/path/iron";
    let config = with(Some(arn), Some("acme"));
    assert_eq!(config.check(kind), Ok(()));
    let (role, address) = config.role().expect("a role");
    assert_eq!(
        (role.arn.as_str(), address.as_str()),
        (arn, "https://sts.eu-west-1.amazonaws.com")
    );
    assert!(with(None, Some("acme")).check(kind).is_err());
    assert!(with(Some(arn), Some("with space")).check(kind).is_err());
    for wrong in [
        "",
        "role",
        "arn:aws:iam::12:role/x",
        "arn:aws:iam::123456789012:user/x",
        "arn:x:iam::123456789012:role/x",
        "arn:aws:iam::123456789012:role/",
    ] {
        assert!(with(Some(wrong), None).check(kind).is_err(), "{wrong}");
    }
}

#[test]
fn a_model_of_bedrock_is_priced_in_its_region_first() {
    let names = |region: &str, model| -> Vec<String> {
        let config = ProviderConfig {
            region: Some(region.to_owned()),
            ..ProviderConfig::default()
        };
        let names = config.price_names(ProviderKind::AwsBedrock, model);
        names.into_iter().map(Cow::into_owned).collect()
    };
    assert_eq!(
        names("eu-west-2", "zai.glm-5"),
        ["eu-west-2/zai.glm-5", "zai.glm-5"]
    );
    assert_eq!(
        names("us-gov-west-1", "zai.glm-5"),
        ["us-gov-west-1/zai.glm-5"]
    );
    assert_eq!(names("us-gov-west-1", "us-gov.xai.grok-4.6").len(), 2);
}

#[test]
fn vertex_is_asked_in_its_project_and_place() {
    let vertex = |location: &str| ProviderConfig {
        project: Some("acme-prod".to_owned()),
        location: Some(location.to_owned()),
        ..ProviderConfig::default()
    };
    let kind = ProviderKind::Vertex;
    for (location, address) in [
        ("global", "https://aiplatform.googleapis.com"),
        ("eu", "https://aiplatform.eu.rep.googleapis.com"),
        (
            "europe-west4",
            "https://europe-west4-aiplatform.googleapis.com",
        ),
    ] {
        let config = vertex(location);
        assert_eq!(config.check(kind), Ok(()));
        assert_eq!(config.default_base_url(kind).as_deref(), Some(address));
    }
    assert_eq!(
        vertex("global").path(kind, Dialect::Gemini, "gemini-2.5-flash", true),
        "/v1/projects/acme-prod/locations/global/publishers/google/models/gemini-2.5-flash:streamGenerateContent?alt=sse"
    );
    for location in ["", "a/b", "evil.example", "US"] {
        assert!(vertex(location).check(kind).is_err(), "{location}");
    }
    assert!(ProviderConfig::default().check(kind).is_err());
    assert!(vertex("global").check(ProviderKind::AzureOpenAi).is_err());
}
