//! Files at OpenAI and at Anthropic: an agent's own, and nobody else's.

mod guarded;

use std::sync::Arc;

use iron_gateway::Config;
use iron_guard::{Action, InjectionActions, PiiActions, Profile, SecretActions};
use iron_llm::ProviderKind::{self, Anthropic, OpenAi};
use iron_primitives::{TokenKind, TokenValue};
use iron_runtime::authority::Privacy;
use iron_runtime::record::Outcome;
use iron_testkit::{Behaviour, FakeUpstream, Fault, Shape};
use serde_json::{Value, json};

use crate::front::{Front, Got, behind, provider};
use crate::kit::{World, route};

pub(crate) const BORDER: &str = "multipart/form-data; boundary=frontier";

pub(crate) fn form(name: &str, purpose: &str, content: &str) -> String {
    let part = |head: &str, text: &str| {
        format!("--frontier\r\nContent-Disposition: form-data; {head}\r\n\r\n{text}\r\n")
    };
    let purpose = part("name=\"purpose\"", purpose);
    let file = part(&format!("name=\"file\"; filename=\"{name}\""), content);
    format!("{purpose}{file}--frontier--\r\n")
}

/// An agent in front of files of one kind.
pub(crate) struct Desk<'a> {
    pub(crate) front: &'a Front,
    pub(crate) kind: ProviderKind,
    pub(crate) token: String,
}

impl Desk<'_> {
    pub(crate) fn of(front: &Front, kind: ProviderKind) -> Desk<'_> {
        let token = front.world.token().to_owned();
        Desk { front, kind, token }
    }

    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        more: &[(&str, &str)],
        body: &str,
    ) -> Got {
        let bearer = format!("Bearer {}", self.token);
        let mut headers = match self.kind {
            Anthropic => vec![
                ("x-api-key", self.token.as_str()),
                ("anthropic-version", "2023-06-01"),
                ("anthropic-beta", "files-api-2025-04-14"),
            ],
            _ => vec![("authorization", bearer.as_str())],
        };
        headers.extend(more);
        self.front
            .send(method, path, &headers, body.as_bytes())
            .await
    }

    pub(crate) async fn upload(&self, name: &str, purpose: &str, content: &str) -> Got {
        let form = form(name, purpose, content);
        self.send("POST", "/v1/files", &[("content-type", BORDER)], &form)
            .await
    }

    pub(crate) async fn stored(&self, name: &str) -> String {
        let got = self.upload(name, "user_data", "a text").await;
        assert_eq!(got.status, 200, "{}", got.body);
        got.json()["id"].as_str().expect("an id").to_owned()
    }

    pub(crate) async fn get(&self, path: &str) -> Got {
        self.send("GET", path, &[], "").await
    }
}

/// Another agent of the same tenant with the same providers: its token.
pub(crate) fn neighbour(front: &Front) -> String {
    let environment = &front.world.environment;
    let token = TokenValue::generate(TokenKind::Ic, environment);
    let mut plane = front.world.authority.plane();
    let known = plane.principals.get(&front.world.digest());
    let mut principal = known.cloned().expect("known").expect("an agent");
    principal.path.agent = environment.new_id();
    principal.token = environment.new_id();
    plane.principals.insert(token.digest(), Ok(principal));
    token.secret().expose().to_owned()
}

pub(crate) fn names(list: &Value) -> Vec<&str> {
    let data = list["data"].as_array().expect("a list");
    data.iter()
        .filter_map(|file| file["filename"].as_str())
        .collect()
}

#[tokio::test]
async fn a_file_is_stored_told_about_read_and_deleted_by_its_agent() {
    let (fake, front) = behind(OpenAi).await;
    front
        .world
        .change(|agent| agent.guardrails.profile = Arc::new(blind()));
    let desk = Desk::of(&front, OpenAi);
    let content = "line\n".repeat(40_000);
    let got = desk.upload("a.txt", "user_data", &content).await;
    assert_eq!(got.status, 200, "{}", got.body);
    let file = got.json();
    let id = file["id"].as_str().expect("an id");
    assert!(id.starts_with("file-") && !id.contains("fake"), "{id}");
    assert_eq!(
        (&file["bytes"], &file["filename"]),
        (&json!(200_000), &json!("a.txt"))
    );
    let path = format!("/v1/files/{id}");
    assert_eq!(desk.get(&path).await.json(), file);
    let read = desk.get(&format!("{path}/content")).await;
    assert_eq!((read.status, read.body == content), (200, true));
    assert_eq!(
        read.header("content-type"),
        Some("application/octet-stream")
    );
    let got = desk.send("DELETE", &path, &[], "").await;
    assert_eq!(
        got.json(),
        json!({"id": id, "object": "file", "deleted": true})
    );
    assert_eq!(desk.get(&path).await.status, 404);
    assert_eq!(names(&desk.get("/v1/files").await.json()), [""; 0]);
    let sent = fake.requests();
    let kinds = sent[0].header("content-type");
    assert_eq!(kinds, Some(BORDER), "the form passes as it is");
    assert_eq!(sent[2].path, "/v1/files/file-fake0001/content");
    let records = front.world.records().await;
    let routes: Vec<&str> = records.iter().map(|record| &*record.dialect).collect();
    assert_eq!(
        routes[..3],
        ["files_upload", "files_retrieve", "files_content"]
    );
    assert!(records.iter().all(|record| record.cost_nanos == 0));
}

#[tokio::test]
async fn files_are_found_in_pages_by_their_owner_alone() {
    for kind in [OpenAi, Anthropic] {
        let (_fake, front) = behind(kind).await;
        let desk = Desk::of(&front, kind);
        let mut ids = Vec::new();
        for name in ["a", "b", "c"] {
            ids.push(desk.stored(name).await);
        }
        let all = desk.get("/v1/files").await.json();
        assert_eq!(names(&all), ["c", "b", "a"]);
        assert_eq!(
            (&all["first_id"], &all["last_id"]),
            (&json!(ids[2]), &json!(ids[0]))
        );
        assert_eq!(all["has_more"], false);
        let page = desk.get("/v1/files?limit=2").await.json();
        assert_eq!(
            (names(&page), &page["has_more"]),
            (vec!["c", "b"], &json!(true))
        );
        let after = match kind {
            Anthropic => "after_id",
            _ => "after",
        };
        let rest = desk
            .get(&format!("/v1/files?{after}={}", ids[1]))
            .await
            .json();
        assert_eq!(
            (names(&rest), &rest["has_more"]),
            (vec!["a"], &json!(false))
        );
        if kind == Anthropic {
            let newer = desk
                .get(&format!("/v1/files?limit=1&before_id={}", ids[0]))
                .await;
            assert_eq!(names(&newer.json()), ["b"]);
            let next = page["next_page"].as_str().expect("there is more");
            let rest = desk.get(&format!("/v1/files?page={next}")).await.json();
            assert_eq!(
                (names(&rest), &rest["next_page"]),
                (vec!["a"], &Value::Null)
            );
        } else {
            assert_eq!(
                names(&desk.get("/v1/files?order=asc").await.json()),
                ["a", "b", "c"]
            );
            let none = desk.get("/v1/files?purpose=batch").await;
            assert_eq!(names(&none.json()), [""; 0]);
        }
        let other = Desk {
            token: neighbour(&front),
            ..Desk::of(&front, kind)
        };
        assert_eq!(names(&other.get("/v1/files").await.json()), [""; 0]);
        for path in [
            format!("/v1/files/{}", ids[0]),
            format!("/v1/files/{}/content", ids[0]),
        ] {
            assert_eq!(other.get(&path).await.status, 404);
        }
        let path = format!("/v1/files/{}", ids[0]);
        assert_eq!(other.send("DELETE", &path, &[], "").await.status, 404);
        let original = match kind {
            Anthropic => "/v1/files/file_fake0001",
            _ => "/v1/files/file-fake0001",
        };
        assert_eq!(
            desk.get(original).await.status,
            404,
            "the provider's own id is none"
        );
        assert_eq!(desk.get(&path).await.status, 200);
    }
}

/// A profile that looks for nothing, so that files pass while they come.
fn blind() -> Profile {
    let action = Action::Ignore;
    Profile {
        max_input_chars: 0,
        injection: InjectionActions::NONE,
        pii: PiiActions {
            types: None,
            action,
        },
        secrets: SecretActions { action },
        ..Profile::default()
    }
}

pub(crate) async fn start(shape: Shape) -> FakeUpstream {
    FakeUpstream::start(shape).await.expect("a fake provider")
}

#[tokio::test]
async fn what_is_too_large_no_form_or_refused_by_the_provider_is_not_kept() {
    let fake = start(Shape::OpenAi).await;
    let runtime = iron_runtime::Config {
        file_limit_bytes: 64 * 1024,
        ..iron_runtime::Config::default()
    };
    let routes = vec![route(OpenAi, &fake.base_url(), provider())];
    let front = Front::around(World::with(routes, runtime), Config::default()).await;
    front.world.set_key(provider(), &fake.key());
    let desk = Desk::of(&front, OpenAi);
    let got = desk.upload("a", "user_data", &"x".repeat(70_000)).await;
    assert_eq!(
        (got.status, fake.requests().len()),
        (413, 0),
        "{}",
        got.body
    );
    let got = desk
        .send("POST", "/v1/files", &[("content-type", "text/plain")], "x")
        .await;
    assert_eq!(got.status, 400, "{}", got.body);
    assert!(got.body.contains("multipart/form-data"), "{}", got.body);
    for (name, purpose) in [("a", "mischief"), ("a.txt", "batch")] {
        let got = desk.upload(name, purpose, "{}").await;
        assert_eq!(got.status, 400, "{}", got.body);
    }
    let got = desk.send("PUT", "/v1/files", &[], "").await;
    assert_eq!(got.status, 405, "{}", got.body);
    assert_eq!(names(&desk.get("/v1/files").await.json()), [""; 0]);
    front
        .world
        .change(|agent| agent.team_rules.privacy = Privacy::Moderate);
    front
        .world
        .runtime
        .apply(iron_runtime::authority::Change::Prices);
    let got = desk.upload("a.txt", "user_data", "x").await;
    assert_eq!(got.status, 400, "{}", got.body);
    assert!(got.body.contains("store nothing"), "{}", got.body);
}

#[tokio::test]
async fn a_file_that_breaks_off_is_not_taken_for_whole() {
    let (fake, front) = behind(OpenAi).await;
    front
        .world
        .change(|agent| agent.guardrails.profile = Arc::new(blind()));
    let desk = Desk::of(&front, OpenAi);
    let content = "x".repeat(100_000);
    let id = desk.upload("a", "user_data", &content).await.json()["id"].clone();
    fake.behave(Behaviour {
        fault: Fault::CutAt(50_000),
        ..Behaviour::default()
    });
    let path = format!("/v1/files/{}/content", id.as_str().expect("an id"));
    let bearer = format!("Bearer {}", front.world.token());
    let headers = [("authorization", bearer.as_str())];
    let mut answer = front
        .open(front.outgoing("GET", &path, &headers, b""))
        .await;
    assert_eq!(answer.status, 200);
    let body = answer.collect(1 << 20).await;
    assert!(body.is_err(), "{:?}", body.map(|body| body.len()));
}

#[tokio::test]
async fn a_file_that_cannot_be_noted_is_deleted_again() {
    for kind in [OpenAi, Anthropic] {
        let (fake, front) = behind(kind).await;
        let desk = Desk::of(&front, kind);
        desk.stored("a.txt").await;
        front.world.authority.plane().down = true;
        let got = desk.upload("b.txt", "user_data", "a text").await;
        assert_eq!(got.status, 503, "{}", got.body);
        let seen = fake.requests();
        let seen: Vec<_> = seen
            .iter()
            .map(|seen| (&*seen.method, &*seen.path))
            .collect();
        let [.., ("POST", "/v1/files"), ("DELETE", path)] = seen[..] else {
            panic!("{seen:?}");
        };
        assert!(path.starts_with("/v1/files/file"), "{path}");
    }
}

#[tokio::test]
async fn where_nobody_remembers_nothing_is_stored() {
    let (fake, front) = behind(OpenAi).await;
    front.world.authority.plane().keeps_nothing = true;
    let desk = Desk::of(&front, OpenAi);
    for got in [
        desk.upload("a", "user_data", "x").await,
        desk.get("/v1/files").await,
    ] {
        assert_eq!(got.status, 400, "{}", got.body);
        assert!(got.body.contains("routers keep no files"), "{}", got.body);
    }
    assert_eq!(fake.requests().len(), 0);
    let (_fake, front) = behind(ProviderKind::Together).await;
    let got = Desk::of(&front, OpenAi).upload("a", "user_data", "x").await;
    assert!(got.body.contains("type `openai`"), "{}", got.body);
    let records = front.world.records().await;
    assert_eq!(records[0].outcome, Outcome::Refused);
}
