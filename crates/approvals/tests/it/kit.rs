//! A tenant with channels, and receivers to which they lead.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};
use iron_approvals::{
    Channel, ChannelFilter, ChannelKind, Channels, Courier, Delivery, DeliveryFilter,
    DeliveryStatus, MIGRATIONS, NewChannel, Notice, Seal, SealFailure, Topic,
};
use iron_audit::{Audit, Authorised, Credential, Grounds, Reach, RequestFacts, Role};
use iron_net::egress::{AddressRules, Egress, EgressOptions};
use iron_primitives::{Secret, TenantId, UserId};
use iron_store::{Db, Page, Tx};
use iron_telemetry::Metrics;
use iron_testkit::TestEnvironment;
use tokio::task::JoinHandle;

/// Turns what it seals round and remembers where it stood.
struct Mirror;

#[async_trait]
impl Seal for Mirror {
    async fn seal(
        &self,
        _tx: &mut Tx,
        tenant: TenantId,
        id: &str,
        version: i64,
        secret: &Secret,
    ) -> Result<Vec<u8>, SealFailure> {
        let text = format!("{tenant}/{id}/{version}/{}", secret.expose());
        Ok(text.bytes().rev().collect())
    }

    async fn unseal(
        &self,
        tenant: TenantId,
        id: &str,
        version: i64,
        sealed: &[u8],
    ) -> Result<Secret, SealFailure> {
        let text = String::from_utf8(sealed.iter().rev().copied().collect()).unwrap();
        let place = format!("{tenant}/{id}/{version}/");
        Ok(Secret::new(text.strip_prefix(&place).unwrap().to_owned()))
    }
}

pub(crate) struct World {
    pub(crate) db: Db,
    pub(crate) channels: Channels,
    pub(crate) time: TestEnvironment,
    pub(crate) metrics: Metrics,
    pub(crate) tenant: TenantId,
}

impl World {
    pub(crate) async fn new(db: Db) -> World {
        db.migrate(&[iron_audit::MIGRATIONS, MIGRATIONS])
            .await
            .unwrap();
        let time = TestEnvironment::seeded(5);
        let environment = time.environment.clone();
        let audit = Audit::new(db.clone(), environment.new_id(), environment.clone());
        let rules = AddressRules::default();
        let seal = Arc::new(Mirror);
        World {
            channels: Channels::new(db.clone(), audit, seal, rules, environment.clone()),
            tenant: environment.new_id(),
            metrics: Metrics::new(),
            db,
            time,
        }
    }

    pub(crate) fn admin(&self) -> Authorised {
        self.caller(self.time.environment.new_id(), Role::Admin, Reach::Tenant)
    }

    pub(crate) fn caller(&self, user: UserId, role: Role, reach: Reach) -> Authorised {
        let environment = &self.time.environment;
        Authorised::attest(Grounds {
            tenant: self.tenant,
            user,
            role,
            credential: Credential::Session(environment.new_id()),
            reach,
            platform_admin: false,
            request: RequestFacts {
                request_id: environment.new_id(),
                method: "POST".to_owned(),
                endpoint: "/api/v1/notification-channels".to_owned(),
                ip: None,
                user_agent: None,
                trace_id: None,
            },
        })
    }

    /// Makes a channel of this kind that leads there; gives the secret of a webhook too.
    pub(crate) async fn channel(
        &self,
        kind: ChannelKind,
        name: &str,
        url: &str,
    ) -> (Channel, Option<Secret>) {
        let new = NewChannel {
            name: name.to_owned(),
            kind,
            topics: None,
            filter: ChannelFilter::default(),
            enabled: true,
            url: Some(Secret::new(url.to_owned())),
            mail: None,
            password: None,
            actions: None,
        };
        let admin = self.admin();
        let mut tx = self.db.begin().await.unwrap();
        let made = self.channels.create(&mut tx, &admin, new);
        let made = made.await.unwrap();
        tx.commit().await.unwrap();
        made
    }

    pub(crate) async fn announce(&self, title: &str) {
        let notice = Notice::new(Topic::BudgetExceeded, title).fact("limit", "$5.00");
        let mut tx = self.db.begin().await.unwrap();
        let announced = self.channels.announce(&mut tx, self.tenant, &notice);
        announced.await.unwrap();
        tx.commit().await.unwrap();
        self.channels.wake();
    }

    pub(crate) fn courier(&self) -> Courier {
        let egress = Egress::new(EgressOptions::default()).unwrap();
        Courier::new(self.channels.clone(), egress, self.metrics.clone())
    }

    /// A server's courier at work.
    pub(crate) fn server(&self) -> JoinHandle<()> {
        tokio::spawn(self.courier().run())
    }

    pub(crate) async fn deliveries(&self, channel: &Channel) -> Vec<Delivery> {
        let filter = DeliveryFilter::default();
        let page = Page {
            page: 1,
            per_page: 100,
        };
        let admin = self.admin();
        let found = self.channels.deliveries(&admin, channel.id, &filter, page);
        found.await.unwrap().items
    }

    /// Waits until every delivery of a channel stands so.
    pub(crate) async fn all_are(&self, channel: &Channel, status: DeliveryStatus) -> Vec<Delivery> {
        for _ in 0..600 {
            let found = self.deliveries(channel).await;
            if found.iter().all(|one| one.status == status) {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{:?}", self.deliveries(channel).await);
    }
}

/// What a receiver was sent.
#[derive(Debug, Clone)]
pub(crate) struct Heard {
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

/// What a receiver says.
#[derive(Debug, Clone)]
pub(crate) enum Says {
    Status(u16),
    Patience(&'static str),
    Nothing,
}

/// Somebody who is told; says what it was told to say, then 200 for good.
#[derive(Clone)]
pub(crate) struct Receiver {
    pub(crate) url: String,
    heard: Arc<Mutex<Vec<Heard>>>,
    script: Arc<Mutex<VecDeque<Says>>>,
}

impl Receiver {
    pub(crate) async fn new(script: impl IntoIterator<Item = Says>) -> Receiver {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let receiver = Receiver {
            url: format!("http://{}/hook", listener.local_addr().unwrap()),
            heard: Arc::default(),
            script: Arc::new(Mutex::new(script.into_iter().collect())),
        };
        let router = Router::new().fallback(answer).with_state(receiver.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        receiver
    }

    pub(crate) fn heard(&self) -> Vec<Heard> {
        self.heard.lock().unwrap().clone()
    }

    /// Waits until it was spoken to so often.
    pub(crate) async fn hears(&self, times: usize) -> Vec<Heard> {
        for _ in 0..600 {
            let heard = self.heard();
            if heard.len() >= times {
                return heard;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("heard {} of {times}", self.heard().len());
    }
}

async fn answer(State(receiver): State<Receiver>, headers: HeaderMap, body: String) -> Response {
    receiver.heard.lock().unwrap().push(Heard { headers, body });
    let says = receiver.script.lock().unwrap().pop_front();
    match says {
        None => StatusCode::OK.into_response(),
        Some(Says::Status(status)) => StatusCode::from_u16(status).unwrap().into_response(),
        Some(Says::Patience(seconds)) => {
            let head = [("retry-after", seconds)];
            (StatusCode::TOO_MANY_REQUESTS, head, "rate_limited").into_response()
        }
        Some(Says::Nothing) => std::future::pending().await,
    }
}
