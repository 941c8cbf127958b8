//! Files in prompts: each goes where it lies, under the name that it has there.

use iron_gateway::Config;
use iron_llm::ProviderKind::{Anthropic, OpenAi};
use iron_testkit::{FakeUpstream, Shape};
use serde_json::{Value, json};

use crate::files::{BORDER, Desk, form, names, neighbour, start};
use crate::front::{Front, behind, provider};
use crate::kit::{World, route};

#[tokio::test]
async fn a_prompt_names_files_of_its_agent_and_the_provider_its_own() {
    let (fake, front) = behind(OpenAi).await;
    let id = Desk::of(&front, OpenAi).stored("a.pdf").await;
    let chat = |id: &str| {
        json!({"model": "gpt-4o-mini", "max_tokens": 9, "messages": [{"role": "user", "content": [
            {"type": "text", "text": id}, {"type": "file", "file": {"file_id": id}}]}]})
    };
    let got = front
        .post("/v1/chat/completions", &chat(&id).to_string())
        .await;
    assert_eq!(got.status, 200, "{}", got.body);
    let sent: Value = serde_json::from_slice(&fake.requests()[1].body).expect("JSON");
    let content = &sent["messages"][0]["content"];
    assert_eq!(content[1]["file"]["file_id"], "file-fake0001");
    assert_eq!(content[0]["text"], json!(id), "a text is a text");
    let responses = json!({"model": "gpt-4o-mini", "max_output_tokens": 20, "store": false,
        "input": [{"role": "user", "content": [{"type": "input_file", "file_id": id}]}]});
    let got = front.post("/v1/responses", &responses.to_string()).await;
    assert_eq!(got.status, 200, "{}", got.body);
    for wrong in ["file-fake0001", "file-", "", &id.replace("file-", "file-A")] {
        let got = front
            .post("/v1/chat/completions", &chat(wrong).to_string())
            .await;
        assert_eq!(got.status, 404, "{wrong}: {}", got.body);
    }
    let neighbour = format!("Bearer {}", neighbour(&front));
    let headers = [("authorization", neighbour.as_str())];
    let body = chat(&id).to_string();
    let got = front
        .send("POST", "/v1/chat/completions", &headers, body.as_bytes())
        .await;
    assert_eq!(got.status, 404, "{}", got.body);
    let records = front.world.records().await;
    // As much as fits into the context of the model is held.
    assert!(records[1].attempts[0].hold.amount_nanos > 128_000 * 150);
}

#[tokio::test]
async fn a_message_names_files_of_its_agent_wherever_it_may() {
    let (fake, front) = behind(Anthropic).await;
    let id = Desk::of(&front, Anthropic).stored("a.pdf").await;
    let message = |id: &str, kind: &str| {
        json!({"model": "claude-haiku-4-5", "max_tokens": 9, "messages": [{"role": "user",
            "content": [{"type": kind, "source": {"type": "file", "file_id": id}},
                {"type": "tool_use", "id": "t", "name": "n", "input": {"file_id": "of a tool"}}]}]})
    };
    // What the fake makes of the tool's own argument is its affair: only what it was sent counts.
    for kind in ["document", "image"] {
        for path in ["/v1/messages", "/v1/messages/count_tokens"] {
            front
                .post_anthropic(path, &message(&id, kind).to_string())
                .await;
            let seen = fake.requests().pop().expect("a request");
            let sent: Value = serde_json::from_slice(&seen.body).expect("JSON");
            let content = &sent["messages"][0]["content"];
            assert_eq!(content[0]["source"]["file_id"], "file_fake0001", "{path}");
            assert_eq!(content[1]["input"]["file_id"], "of a tool");
        }
        let got = front
            .post_anthropic("/v1/messages", &message("file_x", kind).to_string())
            .await;
        assert_eq!(got.status, 404, "{}", got.body);
    }
}

#[tokio::test]
async fn a_file_is_read_where_it_lies_and_nowhere_else() {
    let (fake, other) = (start(Shape::OpenAi).await, start(Shape::OpenAi).await);
    let world = World::new(Vec::new());
    let second = world.environment.new_id();
    let named = |fake: &FakeUpstream, id, name: &str| {
        let mut route = route(OpenAi, &fake.base_url(), id);
        route.name = name.to_owned();
        route
    };
    let routes = vec![
        named(&fake, provider(), "one"),
        named(&other, second, "two"),
    ];
    world.change(|agent| agent.routes = routes);
    world.set_key(provider(), &fake.key());
    world.set_key(second, &other.key());
    let front = Front::around(world, Config::default()).await;
    let desk = Desk::of(&front, OpenAi);
    let body = form("a", "user_data", "text");
    let kind = [("content-type", BORDER)];
    let got = desk
        .send("POST", "/providers/two/v1/files", &kind, &body)
        .await;
    let id = got.json()["id"].as_str().expect("an id").to_owned();
    assert_eq!((fake.requests().len(), other.requests().len()), (0, 1));
    assert_eq!(names(&desk.get("/v1/files").await.json()), ["a"]);
    assert_eq!(
        names(&desk.get("/providers/one/v1/files").await.json()),
        [""; 0]
    );
    assert_eq!(
        desk.get(&format!("/providers/one/v1/files/{id}"))
            .await
            .status,
        404
    );
    assert_eq!(
        desk.get(&format!("/providers/two/v1/files/{id}"))
            .await
            .status,
        200
    );
    let chat = json!({"model": "gpt-4o-mini", "max_tokens": 9, "messages": [{"role": "user",
        "content": [{"type": "file", "file": {"file_id": id}}]}]});
    let got = front.post("/v1/chat/completions", &chat.to_string()).await;
    assert_eq!(got.status, 200, "{}", got.body);
    assert_eq!((fake.requests().len(), other.requests().len()), (0, 3));
    let got = front
        .post("/providers/one/v1/chat/completions", &chat.to_string())
        .await;
    assert_eq!(got.status, 404, "{}", got.body);
}
