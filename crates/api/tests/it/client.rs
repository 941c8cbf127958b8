//! The typed client against a real socket.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use axum::Router;
use http::StatusCode;
use iron_net::{ServerConfig, serve};
use iron_primitives::Secret;
use iron_sdk::agents::{AgentQuery, CreateAgent, UpdateAgent};
use iron_sdk::auth::Login;
use iron_sdk::client::{Client, Error};
use iron_store::{Db, both_engines};
use tokio::net::TcpListener;

use crate::kit::{ADMIN, PASSWORD, World};

async fn serving(router: Router) -> Client {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(serve(
        listener,
        router,
        ServerConfig::default(),
        std::future::pending(),
    ));
    Client::new(&address).unwrap()
}

async fn signed_in(world: &World) -> Client {
    let client = serving(world.router.clone()).await;
    let login = Login {
        email: ADMIN.to_owned(),
        password: PASSWORD.to_owned().into(),
        tenant: None,
        method: None,
        cookie: None,
    };
    let tokens = client.login(&login).await.unwrap();
    client.set_credential(tokens.access_token.map(iron_sdk::SecretText::into_secret));
    client
}

fn agent(name: &str) -> CreateAgent {
    serde_json::from_value(serde_json::json!({"name": name, "budget": 12.5})).unwrap()
}

both_engines! {
    async fn what_the_client_sends_is_what_the_server_reads(db: Db) {
        let world = World::new(db).await;
        let client = signed_in(&world).await;
        let made = client.create_agent(&agent("a")).await.unwrap();
        assert_eq!(made.budget.to_string(), "12.50");
        let change = UpdateAgent {
            name: Some("b".to_owned()),
            description: Some(None),
            tags: None,
            settings: None,
            budget: None,
            period: None,
            schedule: None,
            team_id: None,
        };
        let changed = client.update_agent(made.id, &change).await.unwrap();
        assert_eq!((changed.name.as_str(), changed.description), ("b", None));
        let query = AgentQuery { name: Some("B".to_owned()), ..AgentQuery::default() };
        let found = client.list_agents(&query).await.unwrap();
        assert_eq!(found.pagination.total, 1);
        assert_eq!(client.get_health().await.unwrap().status.as_str(), "healthy");
    }
}

both_engines! {
    async fn a_refusal_reads_as_one(db: Db) {
        let world = World::new(db).await;
        let client = signed_in(&world).await;
        client.create_agent(&agent("a")).await.unwrap();
        let error = client.create_agent(&agent("a")).await.unwrap_err();
        assert!(error.is_code("DUPLICATE_NAME"), "{error}");
        let error = client.create_agent(&agent("")).await.unwrap_err();
        let refused = error.refused().unwrap();
        assert!(refused.fields.contains_key("name") && refused.request_id.is_some());
        let nobody = client.get_agent(world.new_id()).await.unwrap_err();
        assert!(nobody.is_code("RESOURCE_NOT_FOUND"));
    }
}

#[tokio::test]
async fn reads_are_repeated_and_writes_are_not() {
    let calls = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&calls);
    let router = Router::new().fallback(move || {
        counted.fetch_add(1, Ordering::SeqCst);
        async {
            (
                StatusCode::SERVICE_UNAVAILABLE,
                r#"{"error":{"code":"SERVICE_UNAVAILABLE","message":"x"}}"#,
            )
        }
    });
    let client = serving(router).await;
    assert!(
        client
            .get_me()
            .await
            .unwrap_err()
            .is_code("SERVICE_UNAVAILABLE")
    );
    assert_eq!(calls.swap(0, Ordering::SeqCst), 3);
    assert!(client.create_agent(&agent("a")).await.is_err());
    assert_eq!(calls.load(Ordering::SeqCst), 1);
    let nowhere = Client::new("http://127.0.0.1:9").unwrap();
    assert!(matches!(
        nowhere.create_agent(&agent("a")).await,
        Err(Error::Unreachable(_))
    ));
}

both_engines! {
    async fn an_expired_token_is_refreshed_on_the_way(db: Db) {
        let world = World::new(db).await;
        let stale = world.admin().await;
        world.pass(3_601);
        let fresh = world.admin().await;
        let asked = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&asked);
        let client = serving(world.router.clone()).await
            .with_credential(Secret::new(stale.token))
            .with_refresher(Arc::new(move || {
                counted.fetch_add(1, Ordering::SeqCst);
                let token = fresh.token.clone();
                Box::pin(async move { Some(Secret::new(token)) })
            }));
        client.create_agent(&agent("a")).await.unwrap();
        client.get_me().await.unwrap();
        assert_eq!(asked.load(Ordering::SeqCst), 1);
    }
}
