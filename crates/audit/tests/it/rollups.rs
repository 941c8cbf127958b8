//! Sums of calls by whatever they are told apart.

use std::collections::BTreeMap;

use iron_audit::{Dimension, Reach, RollupFilter, RollupQuery, Sketch, Spread, Sums, UsageOf};
use iron_journal::canonical;
use iron_primitives::{AgentId, Money, ProviderId, RequestId, TeamId, Timestamp, UserId};
use iron_store::{Db, both_engines, sql};
use serde_json::{Value, json};

use crate::kit::{Server, World};

const HOUR: i64 = 3_600_000_000;
const DIMENSIONS: [Dimension; 11] = [
    Dimension::Agent,
    Dimension::User,
    Dimension::Team,
    Dimension::Project,
    Dimension::Environment,
    Dimension::Provider,
    Dimension::Model,
    Dimension::Operation,
    Dimension::Outcome,
    Dimension::ErrorType,
    Dimension::Tenant,
];

/// Numbers that repeat.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: i64) -> i64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        i64::try_from((self.0 >> 33) % u64::try_from(most).unwrap()).unwrap()
    }

    fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[usize::try_from(self.below(i64::try_from(of.len()).unwrap())).unwrap()]
    }
}

/// Whoever calls, and what was told of it.
struct Town {
    agents: Vec<(AgentId, UserId, Option<TeamId>)>,
    providers: Vec<ProviderId>,
    dice: Dice,
    /// When each request began, what it cost, and how long it took if it was one of a model.
    told: Vec<(i64, i64, Option<i64>)>,
}

impl Town {
    fn new(world: &World, seed: u64) -> Town {
        let environment = &world.environment;
        let team = environment.new_id();
        let agent = |number| {
            let team = (number % 2 == 0).then_some(team);
            (environment.new_id(), environment.new_id(), team)
        };
        Town {
            agents: (0..4).map(agent).collect(),
            providers: (0..3).map(|_| environment.new_id()).collect(),
            dice: Dice(seed),
            told: Vec::new(),
        }
    }

    /// What all records have: somewhere in the last hundred days.
    fn facts(&mut self, world: &World) -> (Value, i64) {
        let now = world.environment.now().micros();
        let (agent, user, team) = *self.dice.one(&self.agents);
        let at = now - self.dice.below(100 * 24 * HOUR);
        let call: RequestId = world.environment.new_id();
        let token: iron_primitives::IcTokenId = world.environment.new_id();
        let mut facts = json!({
            "agent": agent, "user": user, "call": call, "token": token, "format": 1,
            "started_at_us": at,
        });
        if let Some(team) = team {
            facts["team"] = json!(team);
        }
        if self.dice.below(3) > 0 {
            facts["environment"] = json!(self.dice.one(&["prod", "dev"]));
        }
        (facts, at)
    }

    fn call(&mut self, world: &World) -> Value {
        let (mut body, at) = self.facts(world);
        let mut cost = 0;
        let attempts: Vec<Value> = (0..self.dice.below(4))
            .map(|number| {
                let settled = self.dice.below(2) * self.dice.below(3_000_000_000);
                cost += settled;
                json!({
                    "provider": self.dice.one(&self.providers), "number": number + 1,
                    "settled_nanos": settled, "dispatched_at_us": at,
                    "ended": self.dice.one(&["done", "timed_out"]),
                })
            })
            .collect();
        let took = self.dice.below(30_000_000);
        let outcome = *self
            .dice
            .one(&["completed", "completed", "refused", "provider_error"]);
        let more = json!({
            "kind": "call", "attempts": attempts, "cost_nanos": cost, "ended_at_us": at + took,
            "outcome": outcome, "model": self.dice.one(&["large", "small"]), "status": 200,
            "dialect": self.dice.one(&["openai_chat", "openai_embeddings", "gemini_images", "batch"]),
            "tokens": {"input": self.dice.below(900), "cache_read": self.dice.below(90),
                       "output": self.dice.below(500), "reasoning": self.dice.below(9)},
        });
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        if outcome == "refused" {
            body["refusal"] = json!({"code": "BUDGET_EXCEEDED", "reason": "budget"});
        }
        self.told.push((at, cost, Some(took)));
        body
    }

    fn tool(&mut self, world: &World) -> Value {
        let (mut body, at) = self.facts(world);
        let cost = self.dice.below(2) * self.dice.below(50_000_000);
        let effect = *self.dice.one(&["allow", "allow", "deny"]);
        let more = json!({
            "kind": "tool", "mode": "client", "tool": "crm/find", "cost_nanos": cost,
            "decision": {"effect": effect, "code": "POLICY_DENIED", "rules": []},
            "ended_at_us": at + 5,
        });
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        self.told.push((at, cost, None));
        body
    }

    /// Leaves so many records, some of them twice.
    async fn live(&mut self, world: &World, server: &mut Server, records: usize) {
        for number in 0..records {
            let body = match self.dice.below(4) {
                0 => self.tool(world),
                _ => self.call(world),
            };
            append(world, server, &body);
            if number % 50 == 0 {
                server.settle().await;
                append(world, server, &body);
            }
        }
        server.settle().await;
    }

    fn cost(&self) -> Money {
        Money::from_nanos(self.told.iter().map(|(_, cost, _)| cost).sum())
    }
}

fn append(world: &World, server: &Server, body: &Value) {
    let body = canonical::to_vec(body).unwrap();
    server.journal.append_record(world.tenant, &body).unwrap();
}

fn ever(world: &World) -> Vec<(Timestamp, Timestamp)> {
    let now = world.environment.now().micros();
    vec![(
        Timestamp::from_micros(now - 101 * 24 * HOUR),
        Timestamp::from_micros(now + HOUR),
    )]
}

fn total(rows: &[iron_audit::RollupRow]) -> Sums {
    let mut total = Sums::default();
    rows.iter().for_each(|row| total.add(&row.sums));
    total
}

fn near(found: Option<f64>, exact: i64) -> bool {
    found.is_some_and(|found| (found - exact as f64).abs() <= Sketch::ERROR * exact as f64)
}

fn quantile(mut values: Vec<i64>, part: f64) -> i64 {
    values.sort_unstable();
    let rank = (part * values.len() as f64).ceil() as usize;
    values[rank - 1]
}

/// Everything that the rollups say, by all dimensions.
async fn all(world: &World) -> BTreeMap<String, (Sums, Sketch, Sketch)> {
    let mut found = BTreeMap::new();
    for by in DIMENSIONS {
        let query = RollupQuery {
            slots: ever(world),
            by: vec![by],
            filter: RollupFilter::default(),
        };
        let admin = world.admin();
        let costs = world
            .audit
            .rollup_spreads(&admin, &query, Spread::Costs)
            .await
            .unwrap();
        let durations = world
            .audit
            .rollup_spreads(&admin, &query, Spread::Durations)
            .await
            .unwrap();
        for row in world.audit.rollup_sums(&admin, &query).await.unwrap() {
            let place = (row.slot, row.group.clone());
            let spread = |of: &std::collections::HashMap<_, Sketch>| {
                of.get(&place).cloned().unwrap_or_default()
            };
            let name = format!("{by:?} {:?}", row.group);
            found.insert(name, (row.sums, spread(&costs), spread(&durations)));
        }
    }
    found
}

both_engines! {
    async fn every_grouping_adds_up_to_what_was_recorded_to_the_nano_dollar(db: Db) {
        let world = World::new(db).await;
        let mut server = world.start().await;
        let mut town = Town::new(&world, 7);
        town.live(&world, &mut server, 600).await;
        let admin = world.admin();
        let recorded = sql("SELECT CAST(SUM(cost_nanos) AS BIGINT) AS cost, COUNT(*) AS requests FROM \
             (SELECT cost_nanos FROM call_records UNION ALL SELECT cost_nanos FROM tool_calls) AS records")
            .fetch_one(&world.db).await.unwrap();
        assert_eq!(recorded.get::<Money>("cost").unwrap(), town.cost());
        assert_eq!(recorded.get::<i64>("requests").unwrap(), 600);
        let counted = world.audit.usage(&admin, UsageOf::Tenant(world.tenant)).await.unwrap();
        assert_eq!(counted.total_cost, town.cost());
        for (index, one) in DIMENSIONS.into_iter().enumerate() {
            for other in DIMENSIONS.into_iter().skip(index) {
                let query = RollupQuery { slots: ever(&world), by: vec![one, other], ..RollupQuery::default() };
                let rows = world.audit.rollup_sums(&admin, &query).await.unwrap();
                let sum = total(&rows);
                assert_eq!((sum.cost, sum.requests), (town.cost(), 600), "{one:?} {other:?}");
            }
        }
        // What attempts have cost counts at the provider that billed them.
        let query = RollupQuery { slots: ever(&world), by: vec![Dimension::Provider], ..RollupQuery::default() };
        for row in world.audit.rollup_sums(&admin, &query).await.unwrap() {
            let Ok(provider) = row.group[0].parse::<ProviderId>() else { continue };
            let used = world.audit.usage(&admin, UsageOf::Provider(provider)).await.unwrap();
            assert_eq!(row.sums.cost, used.total_cost);
        }
    }

    async fn spans_hold_what_began_in_them_and_quantiles_are_right_to_two_per_cent(db: Db) {
        let world = World::new(db).await;
        let mut server = world.start().await;
        let mut town = Town::new(&world, 11);
        town.live(&world, &mut server, 400).await;
        let (admin, now) = (world.admin(), world.environment.now().micros());
        let hour = now - now.rem_euclid(HOUR);
        for _ in 0..20 {
            let start = hour - town.dice.below(100 * 24) * HOUR;
            let middle = start + town.dice.below(30 * 24) * HOUR;
            let end = middle + town.dice.below(200) * HOUR;
            let [start_at, middle_at, end_at] = [start, middle, end].map(Timestamp::from_micros);
            let query = RollupQuery { slots: vec![(start_at, middle_at), (middle_at, end_at)], ..RollupQuery::default() };
            let rows = world.audit.rollup_sums(&admin, &query).await.unwrap();
            let costs = world.audit.rollup_spreads(&admin, &query, Spread::Costs).await.unwrap();
            let durations = world.audit.rollup_spreads(&admin, &query, Spread::Durations).await.unwrap();
            for (slot, span) in [start..middle, middle..end].into_iter().enumerate() {
                let within: Vec<_> = town.told.iter().filter(|(at, _, _)| span.contains(at)).collect();
                let found = rows.iter().find(|row| row.slot == slot).map(|row| row.sums).unwrap_or_default();
                let cost: i64 = within.iter().map(|(_, cost, _)| cost).sum();
                assert_eq!((found.cost.nanos(), found.requests), (cost, i64::try_from(within.len()).unwrap()));
                if within.is_empty() { continue; }
                let all: Vec<i64> = within.iter().map(|(_, cost, _)| *cost).collect();
                assert_eq!((found.least, found.most), (all.iter().min().copied().map(Money::from_nanos), all.iter().max().copied().map(Money::from_nanos)));
                let spread = &costs[&(slot, Vec::new())];
                assert!(near(spread.quantile(0.5), quantile(all, 0.5)));
                let took: Vec<i64> = within.iter().filter_map(|(_, _, took)| *took).collect();
                for part in [0.5, 0.95, 0.99] {
                    if took.is_empty() { continue; }
                    assert!(near(durations[&(slot, Vec::new())].quantile(part), quantile(took.clone(), part)));
                }
            }
        }
    }

    async fn calls_from_before_are_summed_up_as_new_ones_are(db: Db) {
        let world = World::new(db).await;
        let mut server = world.start().await;
        Town::new(&world, 3).live(&world, &mut server, 300).await;
        let projected = all(&world).await;
        assert_eq!(world.audit.roll_up_rest().await.unwrap(), 0, "all are there");
        for forget in [
            "DELETE FROM rollups",
            "DELETE FROM rollup_dimensions",
            "UPDATE call_records SET rolled_up = 0, error_type = NULL",
            "UPDATE tool_calls SET rolled_up = 0",
        ] {
            sql(forget).execute(&world.db).await.unwrap();
        }
        assert!(all(&world).await.is_empty());
        let other = world.audit.clone();
        let (one, two) = tokio::join!(world.audit.roll_up_rest(), other.roll_up_rest());
        let mut added = one.unwrap() + two.unwrap();
        loop {
            match world.audit.roll_up_rest().await.unwrap() {
                0 => break,
                more => added += more,
            }
        }
        assert_eq!(added, 300, "each by one server");
        assert_eq!(all(&world).await, projected);
        // And new ones are added to them.
        let mut more = Town::new(&world, 4);
        more.live(&world, &mut server, 50).await;
        let cost = |found: &BTreeMap<String, (Sums, Sketch, Sketch)>| {
            let tenant = found.iter().find(|(name, _)| name.starts_with("Tenant"));
            tenant.unwrap().1.0.cost
        };
        assert_eq!(cost(&all(&world).await), cost(&projected).saturating_add(more.cost()));
    }

    async fn filters_and_reach_leave_out_what_they_should(db: Db) {
        let world = World::new(db).await;
        let mut server = world.start().await;
        let mut town = Town::new(&world, 5);
        town.live(&world, &mut server, 200).await;
        let ask = async |authorised, filter| {
            let query = RollupQuery { slots: ever(&world), by: vec![Dimension::Agent], filter };
            world.audit.rollup_sums(&authorised, &query).await.unwrap()
        };
        let (agent, user, team) = town.agents[0];
        let of_agent = RollupFilter { agent: Some(agent), ..RollupFilter::default() };
        let told = ask(world.admin(), of_agent.clone()).await;
        assert_eq!((told.len(), told[0].group[0].clone()), (1, agent.to_string()));
        assert_eq!(told, ask(world.reaching(Reach::Own(user)), RollupFilter::default()).await);
        let of_team = ask(world.reaching(Reach::Teams(vec![team.unwrap()])), RollupFilter::default()).await;
        assert_eq!(of_team.len(), 2);
        assert!(ask(world.reaching(Reach::Teams(Vec::new())), RollupFilter::default()).await.is_empty());
        assert!(ask(world.reaching(Reach::Own(world.environment.new_id())), of_agent).await.is_empty());
        let stranger = world.caller(world.environment.new_id(), user);
        assert!(ask(stranger, RollupFilter::default()).await.is_empty());
        let failed = RollupFilter { outcome: Some("failed".to_owned()), ..RollupFilter::default() };
        let failed = total(&ask(world.admin(), failed).await);
        assert_eq!((failed.requests, failed.failures), (failed.failures, failed.requests));
        let everything = total(&ask(world.admin(), RollupFilter::default()).await);
        assert_eq!(everything.failures, failed.requests);
        let tools = RollupFilter { operation: Some("tool".to_owned()), ..RollupFilter::default() };
        assert!(total(&ask(world.admin(), tools).await).requests > 0);
        let nobody = RollupFilter { agent: Some(world.environment.new_id()), ..RollupFilter::default() };
        assert!(ask(world.admin(), nobody).await.is_empty());
    }
}
