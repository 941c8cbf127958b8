//! A gateway on a port, and a client that can do what no SDK would.

use std::net::SocketAddr;

use axum::Router;
use iron_gateway::Config;
use iron_llm::{ProviderConfig, ProviderKind};
use iron_net::egress::{AddressRules, Answer, BaseUrl, Egress, EgressOptions, Outgoing, Timeouts};
use iron_primitives::ProviderId;
use iron_runtime::authority::Route;
use iron_testkit::{FakeUpstream, Shape, TestEnvironment};
use serde_json::Value;
use tokio::net::TcpListener;

use crate::kit::{World, route};

pub(crate) struct Front {
    pub(crate) world: World,
    pub(crate) address: SocketAddr,
    client: Egress,
}

/// A whole answer.
pub(crate) struct Got {
    pub(crate) status: u16,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: String,
}

impl Got {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("JSON: {}", self.body))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

impl Front {
    pub(crate) async fn new(routes: Vec<Route>) -> Front {
        Front::with(routes, Config::default()).await
    }

    pub(crate) async fn with(routes: Vec<Route>, config: Config) -> Front {
        Front::around(World::new(routes), config).await
    }

    /// A gateway in a world of its own.
    pub(crate) async fn around(world: World, config: Config) -> Front {
        let router: Router = iron_gateway::router(world.runtime.clone(), config);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async move { axum::serve(listener, router).await });
        let client = Egress::new(EgressOptions::default()).expect("a client");
        Front {
            world,
            address,
            client,
        }
    }

    /// Sends as the agent and gives the head.
    pub(crate) async fn open(&self, outgoing: Outgoing) -> Answer {
        let wait = std::time::Duration::from_secs(20);
        let wait = Timeouts {
            first_byte: wait,
            idle: wait,
        };
        self.client.send(outgoing, wait).await.expect("an answer")
    }

    pub(crate) fn outgoing(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Outgoing {
        let base = format!("http://{}", self.address);
        let base = BaseUrl::parse(&base, AddressRules::default()).expect("loopback");
        let mut all = http::HeaderMap::new();
        for (name, value) in headers {
            let name: http::HeaderName = name.parse().expect("a name");
            all.append(name, value.parse().expect("a value"));
        }
        Outgoing {
            method: method.parse().expect("a method"),
            uri: base.join(path).expect("a path"),
            headers: all,
            body: bytes::Bytes::copy_from_slice(body),
        }
    }

    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Got {
        let mut answer = self.open(self.outgoing(method, path, headers, body)).await;
        let body = answer.collect(64 << 20).await.expect("a body");
        Got {
            status: answer.status.as_u16(),
            headers: answer.headers.clone(),
            body: String::from_utf8_lossy(&body).into_owned(),
        }
    }

    /// `POST` as the agent, as OpenAI's SDK does it.
    pub(crate) async fn post(&self, path: &str, body: &str) -> Got {
        let bearer = format!("Bearer {}", self.world.token());
        self.send("POST", path, &[("authorization", &bearer)], body.as_bytes())
            .await
    }

    /// As Anthropic's SDK does it.
    pub(crate) async fn post_anthropic(&self, path: &str, body: &str) -> Got {
        let headers = [
            ("x-api-key", self.world.token()),
            ("anthropic-version", "2023-06-01"),
        ];
        self.send("POST", path, &headers, body.as_bytes()).await
    }

    pub(crate) async fn get(&self, path: &str) -> Got {
        let bearer = format!("Bearer {}", self.world.token());
        self.send("GET", path, &[("authorization", &bearer)], b"")
            .await
    }
}

/// The one provider of a front.
pub(crate) fn provider() -> ProviderId {
    TestEnvironment::seeded(9).environment.new_id()
}

/// A front with one fake provider of this kind.
pub(crate) async fn behind(kind: ProviderKind) -> (FakeUpstream, Front) {
    behind_configured(kind, ProviderConfig::default()).await
}

/// The same with what only some kinds have.
pub(crate) async fn behind_configured(
    kind: ProviderKind,
    config: ProviderConfig,
) -> (FakeUpstream, Front) {
    let shape = match kind {
        ProviderKind::Anthropic => Shape::Anthropic,
        ProviderKind::AzureOpenAi => Shape::Azure,
        ProviderKind::Together => Shape::Together,
        ProviderKind::HuggingFace => Shape::HuggingFace,
        ProviderKind::Ai21 => Shape::Ai21,
        ProviderKind::Cohere => Shape::Cohere,
        ProviderKind::Google => Shape::Google,
        ProviderKind::Vertex => Shape::Vertex,
        ProviderKind::AwsBedrock => Shape::Bedrock,
        ProviderKind::Replicate => Shape::Replicate,
        ProviderKind::OpenAi | ProviderKind::Local | ProviderKind::Simulated => Shape::OpenAi,
    };
    let fake = FakeUpstream::start(shape).await.expect("a fake provider");
    let config = match kind {
        ProviderKind::Vertex => ProviderConfig {
            project: Some("fake-project".to_owned()),
            location: Some("europe-west4".to_owned()),
            ..config
        },
        ProviderKind::AwsBedrock => ProviderConfig {
            region: Some("eu-central-1".to_owned()),
            ..config
        },
        _ => config,
    };
    let route = Route {
        config,
        ..route(kind, &fake.base_url(), provider())
    };
    let front = Front::new(vec![route]).await;
    front.world.set_key(provider(), &fake.key());
    fake.set_time(front.world.environment.now().seconds());
    (fake, front)
}

/// A front with the built-in provider.
pub(crate) async fn simulated() -> Front {
    Front::new(vec![route(ProviderKind::Simulated, "", provider())]).await
}
