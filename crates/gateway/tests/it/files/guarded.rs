//! Files before the guardrails of their agent.

use std::sync::Arc;

use iron_guard::{Action, Pattern, Profile, Unread};
use iron_runtime::authority::Guardrails;

use super::*;

/// An agent whose guardrails look for numbers of employees and codes, and what its provider keeps.
async fn guarded(unread: Unread) -> (FakeUpstream, Front) {
    let (fake, front) = behind(OpenAi).await;
    let pattern = |name: &str, pattern: &str, action| Pattern {
        name: name.to_owned(),
        pattern: pattern.to_owned(),
        score: 1.0,
        action,
        matches: Vec::new(),
        misses: Vec::new(),
    };
    let profile = Profile {
        patterns: vec![
            pattern("employee", "EMP-[0-9]{6}", Action::Redact),
            pattern("launch", "launch code [0-9]+", Action::Block),
        ],
        unread,
        ..Profile::default()
    };
    front.world.change(|principal| {
        principal.guardrails = Guardrails {
            profile_id: None,
            version: 2,
            profile: Arc::new(profile),
        };
    });
    (fake, front)
}

#[tokio::test]
async fn a_text_is_stored_as_guardrails_let_it_pass_and_json_stays_json() {
    let (_fake, front) = guarded(Unread::Allow).await;
    let desk = Desk::of(&front, OpenAi);
    for (name, content, kept) in [
        ("a.csv", "id,who\n1,EMP-123456\n", "id,who\n1,[REDACTED]\n"),
        (
            "a.jsonl",
            "{\"who\": \"\\u0045MP-123456\"}\n{\"who\": \"x\"}\n",
            "{\"who\": \"[REDACTED]\"}\n{\"who\": \"x\"}\n",
        ),
        ("a.md", "# nothing\r\n", "# nothing\r\n"),
    ] {
        let got = desk.upload(name, "user_data", content).await;
        assert_eq!(got.status, 200, "{}", got.body);
        let id = got.json()["id"].as_str().expect("an id").to_owned();
        let read = desk.get(&format!("/v1/files/{id}/content")).await;
        assert_eq!(read.body, kept);
    }
    let records = front.world.records().await;
    let found = |at: usize| {
        records[at]
            .guard
            .as_ref()
            .map(|guard| guard.findings[0].channel.clone())
    };
    assert_eq!(found(0).as_deref(), Some("document"));
}

#[tokio::test]
async fn a_text_that_may_not_pass_is_not_stored_whatever_it_says_of_itself() {
    let (_fake, front) = guarded(Unread::Allow).await;
    let desk = Desk::of(&front, OpenAi);
    for (name, content) in [
        ("a.bin", "the launch code 4711"),
        ("launch code 4711.txt", "nothing"),
        ("EMP-123456.txt", "nothing"),
    ] {
        let got = desk.upload(name, "user_data", content).await;
        assert_eq!(got.status, 403, "{}", got.body);
        assert!(!got.body.contains("4711"), "{}", got.body);
    }
    assert!(
        desk.get("/v1/files").await.json()["data"]
            .as_array()
            .expect("a list")
            .is_empty()
    );
}

#[tokio::test]
async fn what_cannot_be_read_is_stored_where_the_profile_lets_such_pass() {
    let long = "x".repeat(9 * 1024 * 1024);
    for (unread, status) in [(Unread::Allow, 200), (Unread::Refuse, 403)] {
        let (_fake, front) = guarded(unread).await;
        let desk = Desk::of(&front, OpenAi);
        for content in ["a\0b", &long] {
            let got = desk.upload("a.txt", "user_data", content).await;
            assert_eq!(got.status, status, "{}", got.body);
        }
    }
}

#[tokio::test]
async fn what_is_read_at_a_provider_is_judged_like_an_answer() {
    let (_fake, front) = guarded(Unread::Allow).await;
    let desk = Desk::of(&front, OpenAi);
    front.world.change(|principal| {
        let kept = principal.guardrails.profile.clone();
        principal.guardrails.profile = Arc::new(Profile {
            patterns: Vec::new(),
            ..(*kept).clone()
        });
    });
    let got = desk.upload("a.txt", "user_data", "it was EMP-123456").await;
    let id = got.json()["id"].as_str().expect("an id").to_owned();
    let read = desk.get(&format!("/v1/files/{id}/content")).await;
    assert_eq!(read.body, "it was EMP-123456");
    front.world.change(|principal| {
        principal.guardrails.version = 3;
        principal.guardrails.profile = Arc::new(Profile {
            block: vec!["EMP-[0-9]{6}".to_owned()],
            ..Profile::default()
        });
    });
    let agent = front.world.path.agent;
    front
        .world
        .runtime
        .apply(iron_runtime::authority::Change::Agent(agent));
    let read = desk.get(&format!("/v1/files/{id}/content")).await;
    assert_eq!(read.status, 403, "{}", read.body);
}
