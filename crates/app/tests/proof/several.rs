//! Three servers and a router on one database: nested budgets, kills, freezes, a database that
//! crashes or is out of reach, messages that are lost or come twice.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use iron_store::testing::PostgresSchema;
use iron_testkit::{Behaviour, FakeUpstream, Shape};
use serde_json::{Value, json};

use crate::books::{
    NANOS_PER_MICRO, assert_never_over, at_rest, field, get, recorded_nanos, report,
};
use crate::courier::Courier;
use crate::crowd::{Crowd, body, spend};
use crate::http;
use crate::router_process::{Router, verified};
use crate::server::{Agent, Provider, Server, Variables};
use crate::wire::{Wire, host_of};

const SERVERS: usize = 3;
/// The hexadecimal digits of one byte of it.
const MASTER_KEY: &str = "5a";

/// How much is at stake, in dollars, and how often everything goes wrong. A small budget binds
/// before the project does, a large one never: together the agents may spend twice as much as
/// their project.
struct Size {
    agents: usize,
    /// Of each agent.
    clients: u64,
    small: f64,
    large: f64,
    project: f64,
    /// Slow enough for the money to last as long as the mishaps.
    answer_ms: u64,
    rounds: usize,
}

const SHORT: Size = Size {
    agents: 6,
    clients: 6,
    small: 0.04,
    large: 0.16,
    project: 0.30,
    answer_ms: 250,
    rounds: 1,
};

/// With `IRON_PROOF=full`: twenty agents, for minutes.
const FULL: Size = Size {
    agents: 20,
    clients: 3,
    small: 0.03,
    large: 0.10,
    project: 0.65,
    answer_ms: 500,
    rounds: 4,
};

impl Size {
    fn chosen() -> Size {
        match std::env::var("IRON_PROOF").is_ok_and(|word| word == "full") {
            true => FULL,
            false => SHORT,
        }
    }

    const fn is_small(&self, agent: usize) -> bool {
        agent < self.agents / 2
    }

    const fn budget_of(&self, agent: usize) -> f64 {
        if self.is_small(agent) {
            self.small
        } else {
            self.large
        }
    }
}

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
    /// The database itself crashes and comes back.
    DatabaseCrashes,
    RouterKilled,
    /// From its server.
    RouterCutOff,
}

const MISHAPS: [Mishap; 11] = [
    Mishap::Killed,
    Mishap::CutOff,
    Mishap::RouterKilled,
    Mishap::Killed,
    Mishap::Frozen,
    Mishap::DatabaseCrashes,
    Mishap::RouterCutOff,
    Mishap::Killed,
    Mishap::DatabaseAway,
    Mishap::Frozen,
    Mishap::CutOff,
];

/// Crashes the database and starts it again, where the tests have one of their own; whether they
/// do. It has forgotten all connections then, and nothing that it has confirmed.
fn crash_the_database() -> bool {
    let Ok(command) = std::env::var("IRON_TEST_POSTGRES_CRASH") else {
        return false;
    };
    let done = std::process::Command::new("sh")
        .arg("-c")
        .arg(command)
        .output();
    let done = done.expect("a shell");
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(
        done.status.success(),
        "the database did not come back: {said}"
    );
    true
}

/// Three servers, each with a wire of its own to their common database, and a router whose
/// messages to the first of them go by a careless courier.
struct Town {
    servers: Vec<Server>,
    wires: Vec<Wire>,
    router: Router,
    courier: Courier,
    admin: String,
    schema: PostgresSchema,
}

impl Town {
    async fn found() -> Town {
        let schema = PostgresSchema::create().await.expect("a schema");
        let master_key = MASTER_KEY.repeat(32);
        let (mut servers, mut wires) = (Vec::new(), Vec::new());
        for _ in 0..SERVERS {
            let wire = Wire::to(host_of(&schema.url())).await;
            let variables: Variables = vec![
                ("IRON_DATABASE_URL", wire.url(&schema.url())),
                ("IRON_MASTER_KEY", master_key.clone()),
                ("IRON_LEASES_SECONDS", "2".to_owned()),
                ("IRON_LEASES_GRACE_SECONDS", "1".to_owned()),
                ("IRON_LEASES_ROUTER_SECONDS", "4".to_owned()),
            ];
            servers.push(Server::start_with(variables).await);
            wires.push(wire);
        }
        let admin = servers[0].sign_in().await;
        let courier = Courier::to(servers[0].address.clone()).await;
        let by = courier.address.to_string();
        let router = Router::start_by(&servers[0], &by, &admin, "edge").await;
        Town {
            servers,
            wires,
            router,
            courier,
            admin,
            schema,
        }
    }

    /// Wherever an agent may call.
    fn addresses(&self) -> Vec<String> {
        let servers = self.servers.iter().map(|server| server.address.clone());
        servers.chain([self.router.address.clone()]).collect()
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
            Mishap::DatabaseCrashes => {
                crash_the_database();
            }
            Mishap::RouterKilled => {
                self.router.kill();
                self.router.restart().await;
            }
            Mishap::RouterCutOff => {
                self.courier.away(true);
                seconds(2.5).await;
                self.courier.away(false);
            }
        }
    }

    /// The router keeps what it has leased for minutes without a call, so it ends. If its messages
    /// were lost until its patience was over, its next process tells what is in the journal.
    async fn router_gives_back(&mut self) {
        for _ in 0..5 {
            let before = self.router.log().len();
            assert!(self.router.ends_in_order().await, "{}", self.router.log());
            if !self.router.log()[before..].contains("could not be given back") {
                return;
            }
            self.router.restart().await;
        }
        panic!("it never gives back: {}", self.router.log());
    }

    /// What each server says to one more call of each agent, and what is out.
    async fn why_not(&self, agents: &[Agent]) -> Vec<String> {
        let leases = "/api/v1/leases?per_page=100&status=active";
        let mut said = vec![get(&self.servers[0], &self.admin, leases).await.to_string()];
        for server in &self.servers {
            for agent in agents {
                let head = format!(
                    "POST /v1/chat/completions HTTP/1.1\r\nauthorization: Bearer {}",
                    agent.token
                );
                let asked = body(200, false).to_string();
                let answer = http::request(&server.address, &head, &asked, None).await;
                said.extend(answer.filter(|it| it.status != 200).map(|it| it.body));
            }
        }
        said
    }

    async fn end(self) {
        drop((self.servers, self.router));
        self.schema.drop().await.expect("the schema goes");
    }
}

/// Agents of one project, each with a budget, under the budget of the project.
async fn settle_in(town: &Town, size: &Size, upstream: &FakeUpstream) -> (Vec<Agent>, String) {
    let (base_url, key) = (upstream.base_url(), upstream.key());
    let mut agents = Vec::new();
    for number in 0..size.agents {
        let provider = Provider {
            kind: "openai",
            base_url: &base_url,
            key: &key,
            timeout_seconds: None,
        };
        let (server, name) = (&town.servers[number % SERVERS], format!("spender {number}"));
        let made = server.agent_named(&town.admin, &name, &provider, size.budget_of(number));
        agents.push(made.await);
    }
    let path = format!("/api/v1/agents/{}", agents[0].id);
    let agent = get(&town.servers[0], &town.admin, &path).await;
    let project = agent["project_id"].as_str().expect("a project").to_owned();
    let limit = format!("/api/v1/limits/projects/{project}/budget");
    let told = json!({"budget": size.project});
    let address = &town.servers[0].address;
    http::call(address, Some(&town.admin), "PUT", &limit, &told).await;
    (agents, limit)
}

async fn everybody_spends(town: &[String], agents: &[Agent], size: &Size) -> u64 {
    let crowds = agents.iter().map(|agent| Crowd {
        addresses: town.to_vec(),
        token: agent.token.clone(),
        clients: size.clients,
        leaves_one_in: 16,
        max_tokens: 200,
        patience: 3,
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

/// While things go wrong, nobody gives up: money that is frozen now comes back later.
async fn spend_through_mishaps(town: &mut Town, agents: &[Agent], size: &Size) -> u64 {
    let addresses = town.addresses();
    let over = AtomicBool::new(false);
    let mishaps = async {
        for (number, mishap) in (0..size.rounds).flat_map(|_| MISHAPS).enumerate() {
            tokio::time::sleep(Duration::from_millis(400)).await;
            town.suffer(mishap, number % SERVERS).await;
        }
        over.store(true, Ordering::Relaxed);
    };
    let spending = async {
        let mut answered = 0;
        while !over.load(Ordering::Relaxed) {
            answered += everybody_spends(&addresses, agents, size).await;
        }
        answered
    };
    tokio::join!(mishaps, spending).1
}

/// No agent is over, the small budgets were used, and the agents' spending adds up to this.
async fn assert_agents_add_up(town: &Town, agents: &[Agent], size: &Size, spent: i64) {
    let (mut all, mut small) = (0, Vec::new());
    for (number, agent) in agents.iter().enumerate() {
        let path = format!("/api/v1/limits/agents/{}/budget", agent.id);
        let budget = at_rest(&town.servers[1], &town.admin, &path).await;
        let (micros, limit) = (
            field(&budget, "spent_micros"),
            field(&budget, "budget_micros"),
        );
        assert!(micros <= limit, "{micros} µ$ of {limit}");
        if size.is_small(number) {
            small.push(micros * 100 / limit);
        }
        all += micros;
    }
    assert!(
        small.iter().any(|percent| *percent >= 95),
        "no small budget was used up: {small:?} %"
    );
    let rounding = i64::try_from(agents.len()).expect("few");
    assert!(
        (all - spent).abs() <= rounding,
        "{all} µ$ by agent, {spent} in all"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn three_servers_and_a_router_on_one_database_never_overspend_nested_budgets() {
    let size = Size::chosen();
    let upstream = FakeUpstream::start(Shape::OpenAi)
        .await
        .expect("a fake provider");
    upstream.behave(Behaviour {
        output_tokens: 150,
        first_byte_delay_ms: size.answer_ms,
        ..Behaviour::default()
    });
    let mut town = Town::found().await;
    let (agents, project) = settle_in(&town, &size, &upstream).await;

    let mut answered = spend_through_mishaps(&mut town, &agents, &size).await;
    town.router_gives_back().await;
    at_rest(&town.servers[0], &town.admin, &project).await;
    let servers: Vec<String> = town.addresses().drain(..SERVERS).collect();
    for _ in 0..5 {
        // Until nobody is let in any more.
        match everybody_spends(&servers, &agents, &size).await {
            0 => break,
            more => answered += more,
        }
    }

    let billed = upstream.billed_nanos();
    town.admin = town.servers[0].sign_in().await;
    let whole = at_rest(&town.servers[0], &town.admin, &project).await;
    let (spent, limit) = (
        field(&whole, "spent_micros"),
        field(&whole, "budget_micros"),
    );
    report(
        "three servers, a router, mishaps",
        &format!(
            "{} agents, {} mishaps, {answered} answered; {:?}",
            size.agents,
            size.rounds * MISHAPS.len(),
            town.courier.errands
        ),
        billed,
        spent,
        limit,
    );
    assert_never_over(billed, limit * NANOS_PER_MICRO, spent);
    assert!(
        spent >= limit / 100 * 95,
        "only {spent} µ$ of {limit} was used: {:#?}",
        town.why_not(&agents).await
    );
    assert_agents_add_up(&town, &agents, &size, spent).await;
    let servers = town.servers.iter().flat_map(Server::call_records);
    let records: Vec<Value> = servers.chain(town.router.call_records()).collect();
    recorded_nanos(&records, spent);
    let key: Variables = vec![("IRON_MASTER_KEY", MASTER_KEY.repeat(32))];
    for folder in town.servers.iter().map(Server::data_folder) {
        let (intact, said) = verified(&folder, &key);
        assert!(intact, "{said}");
    }
    let (intact, said) = town.router.verified();
    assert!(intact, "{said}");
    town.end().await;
}
