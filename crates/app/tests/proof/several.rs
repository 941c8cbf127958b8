//! Three servers on one database: nested budgets, kills, freezes, a database that goes away.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use iron_store::testing::PostgresSchema;
use iron_testkit::{Behaviour, FakeUpstream, Shape};
use serde_json::{Value, json};

use crate::books::{NANOS_PER_MICRO, assert_never_over, at_rest, field, get, recorded_nanos};
use crate::crowd::{Crowd, body, spend};
use crate::http;
use crate::server::{Agent, Provider, Server, Variables};
use crate::wire::{Wire, host_of};

const SERVERS: usize = 3;
const AGENTS: usize = 6;
/// In dollars; one binds before the project does, the other never. Together the agents may spend
/// twice as much as their project.
const SMALL: f64 = 0.04;
const LARGE: f64 = 0.16;
const PROJECT_BUDGET: f64 = 0.30;
const PROJECT_NANOS: i64 = 300_000_000;
/// Slow enough for the money to last as long as the mishaps.
const ANSWER_MS: u64 = 250;

/// What goes wrong.
#[derive(Debug, Clone, Copy)]
enum Mishap {
    Killed,
    /// For longer than leases live: it wakes up with money that is no longer its own.
    Frozen,
    /// From the database, alone.
    CutOff,
    /// The database is away for all.
    DatabaseAway,
}

const MISHAPS: [Mishap; 8] = [
    Mishap::Killed,
    Mishap::CutOff,
    Mishap::Killed,
    Mishap::Frozen,
    Mishap::DatabaseAway,
    Mishap::Killed,
    Mishap::Frozen,
    Mishap::CutOff,
];

/// Three servers, each with a wire of its own to their common database.
struct Town {
    servers: Vec<Server>,
    wires: Vec<Wire>,
    schema: PostgresSchema,
}

impl Town {
    async fn found() -> Town {
        let schema = PostgresSchema::create().await.expect("a schema");
        let master_key = "5a".repeat(32);
        let (mut servers, mut wires) = (Vec::new(), Vec::new());
        for _ in 0..SERVERS {
            let wire = Wire::to(host_of(&schema.url())).await;
            let variables: Variables = vec![
                ("IRON_DATABASE_URL", wire.url(&schema.url())),
                ("IRON_MASTER_KEY", master_key.clone()),
                ("IRON_LEASES_SECONDS", "2".to_owned()),
                ("IRON_LEASES_GRACE_SECONDS", "1".to_owned()),
            ];
            servers.push(Server::start_with(variables).await);
            wires.push(wire);
        }
        Town {
            servers,
            wires,
            schema,
        }
    }

    fn addresses(&self) -> Vec<String> {
        let addresses = self.servers.iter().map(|server| server.address.clone());
        addresses.collect()
    }

    /// One thing goes wrong with one of the servers, and is put right again.
    async fn suffer(&mut self, mishap: Mishap, at: usize) {
        let seconds = |seconds: f64| tokio::time::sleep(Duration::from_secs_f64(seconds));
        match mishap {
            Mishap::Killed => self.servers[at].kill_and_restart().await,
            Mishap::Frozen => {
                self.servers[at].signal("STOP");
                seconds(3.5).await;
                self.servers[at].signal("CONT");
            }
            Mishap::CutOff => {
                self.wires[at].cut();
                seconds(3.0).await;
                self.wires[at].mend();
            }
            Mishap::DatabaseAway => {
                self.wires.iter().for_each(Wire::cut);
                seconds(1.5).await;
                self.wires.iter().for_each(Wire::mend);
            }
        }
    }

    /// What each server says to one more call of each agent, and what is out.
    async fn why_not(&self, admin: &str, agents: &[Agent]) -> Vec<String> {
        let leases = "/api/v1/leases?per_page=100&status=active";
        let mut said = vec![get(&self.servers[0], admin, leases).await.to_string()];
        for server in &self.servers {
            for agent in agents {
                let head = format!(
                    "POST /v1/chat/completions HTTP/1.1\r\nauthorization: Bearer {}",
                    agent.token
                );
                let asked = body(200, false).to_string();
                let answer = http::request(&server.address, &head, &asked, None).await;
                said.push(answer.map_or(String::new(), |answer| answer.body));
            }
        }
        said
    }

    async fn end(self) {
        drop(self.servers);
        self.schema.drop().await.expect("the schema goes");
    }
}

/// What the agent of this number may spend.
const fn budget_of(number: usize) -> f64 {
    if number < AGENTS / 2 { SMALL } else { LARGE }
}

/// Agents of one project, each with a budget, under the budget of the project.
async fn settle_in(town: &Town, admin: &str, upstream: &FakeUpstream) -> (Vec<Agent>, String) {
    let (base_url, key) = (upstream.base_url(), upstream.key());
    let mut agents = Vec::new();
    for number in 0..AGENTS {
        let provider = Provider {
            kind: "openai",
            base_url: &base_url,
            key: &key,
            timeout_seconds: None,
        };
        let server = &town.servers[number % SERVERS];
        let name = format!("spender {number}");
        agents.push(
            server
                .agent_named(admin, &name, &provider, budget_of(number))
                .await,
        );
    }
    let first = &agents[0];
    let path = format!("/api/v1/agents/{}", first.id);
    let agent = get(&town.servers[0], admin, &path).await;
    let project = agent["project_id"].as_str().expect("a project").to_owned();
    let limit = format!("/api/v1/limits/projects/{project}/budget");
    let told = json!({"budget": PROJECT_BUDGET});
    let address = &town.servers[0].address;
    http::call(address, Some(admin), "PUT", &limit, &told).await;
    (agents, limit)
}

async fn everybody_spends(town: &[String], agents: &[Agent], patience: u32) -> u64 {
    let crowds = agents.iter().map(|agent| Crowd {
        addresses: town.to_vec(),
        token: agent.token.clone(),
        clients: 6,
        leaves_one_in: 16,
        max_tokens: 200,
        patience,
        at_most: Duration::from_secs(60),
    });
    let spending: Vec<_> = crowds.map(|crowd| tokio::spawn(spend(crowd))).collect();
    let mut answered = 0;
    for crowd in spending {
        let tally = crowd.await.expect("the crowd goes home");
        answered += tally.answered.load(Ordering::Relaxed);
    }
    answered
}

#[tokio::test(flavor = "multi_thread")]
async fn three_servers_on_one_database_never_overspend_nested_budgets() {
    let upstream = FakeUpstream::start(Shape::OpenAi)
        .await
        .expect("a fake provider");
    upstream.behave(Behaviour {
        output_tokens: 150,
        first_byte_delay_ms: ANSWER_MS,
        ..Behaviour::default()
    });
    let mut town = Town::found().await;
    let admin = town.servers[0].sign_in().await;
    let (agents, project) = settle_in(&town, &admin, &upstream).await;
    let addresses = town.addresses();

    // While things go wrong, nobody gives up: money that is frozen now comes back later.
    let over = AtomicBool::new(false);
    let mishaps = async {
        for (number, mishap) in MISHAPS.into_iter().enumerate() {
            tokio::time::sleep(Duration::from_millis(400)).await;
            town.suffer(mishap, number % SERVERS).await;
        }
        over.store(true, Ordering::Relaxed);
    };
    let spending = async {
        let mut answered = 0;
        while !over.load(Ordering::Relaxed) {
            answered += everybody_spends(&addresses, &agents, 3).await;
        }
        answered
    };
    let ((), mut answered) = tokio::join!(mishaps, spending);
    at_rest(&town.servers[0], &admin, &project).await;
    answered += everybody_spends(&addresses, &agents, 3).await;

    let billed = upstream.billed_nanos();
    let admin = town.servers[0].sign_in().await;
    let whole = at_rest(&town.servers[0], &admin, &project).await;
    let spent = field(&whole, "spent_micros");
    println!(
        "{SERVERS} servers, {AGENTS} agents, {MISHAPS:?}: billed {billed} n$, counted {spent} µ$ \
         of {}; {answered} answered",
        PROJECT_NANOS / NANOS_PER_MICRO
    );
    assert_never_over(billed, PROJECT_NANOS, spent);
    assert!(
        spent * NANOS_PER_MICRO >= PROJECT_NANOS / 100 * 95,
        "only {spent} µ$ of {PROJECT_NANOS} n$ was used: {:#?}",
        town.why_not(&admin, &agents).await
    );
    let (mut all, mut small) = (0, Vec::new());
    for (number, agent) in agents.iter().enumerate() {
        let path = format!("/api/v1/limits/agents/{}/budget", agent.id);
        let budget = at_rest(&town.servers[1], &admin, &path).await;
        let (micros, limit) = (
            field(&budget, "spent_micros"),
            field(&budget, "budget_micros"),
        );
        assert!(micros <= limit, "{micros} µ$ of {limit}");
        if number < AGENTS / 2 {
            small.push(micros * 100 / limit);
        }
        all += micros;
    }
    assert!(
        small.iter().any(|percent| *percent >= 95),
        "no small budget was used up: {small:?} %"
    );
    let rounding = i64::try_from(AGENTS).expect("few");
    assert!(
        (all - spent).abs() <= rounding,
        "{all} µ$ by agent, {spent} in all"
    );
    let records: Vec<Value> = town.servers.iter().flat_map(Server::call_records).collect();
    recorded_nanos(&records, spent);
    town.end().await;
}
