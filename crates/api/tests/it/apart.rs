//! Two tenants on one server: whatever is done in one of them, no answer to the other changes by a
//! byte, and what belongs to the one is to the other as if it had never existed, down to the
//! statements that the database is asked.

mod seen;
mod statements;

use std::collections::BTreeSet;

use http::Method;
use iron_store::{Db, both_engines};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use tracing::instrument::WithSubscriber as _;

use crate::authorisation::{Operation, case, filled, operations};
use crate::kit::{Reply, User, World};
use seen::{Seen, difference};
use statements::Statements;

/// Every name that is given in the first tenant begins so.
const MARK: &str = "zebra";
/// They would end the session that acts.
const LEAVING: [&str; 4] = [
    "logout",
    "end_session",
    "change_password",
    "reset_user_password",
];
/// How often the first tenant acts, and how often each time.
const ROUNDS: usize = 12;
const ACTS: usize = 24;

/// Something that is done in the first tenant: an operation, what it is done to, and a name.
type Act = (prop::sample::Index, prop::sample::Index, String);

fn any_acts() -> impl Strategy<Value = Vec<Act>> {
    let name = "[a-z]{1,12}".prop_map(|tail| format!("{MARK}{tail}"));
    let act = (
        any::<prop::sample::Index>(),
        any::<prop::sample::Index>(),
        name,
    );
    prop::collection::vec(act, ACTS)
}

/// Two tenants, each with something of everything.
struct Pair {
    world: World,
    first: User,
    second: User,
    operations: Vec<Operation>,
}

impl Pair {
    async fn begin(db: Db) -> Pair {
        let world = World::new(db).await;
        let root = world.admin().await;
        let mut bosses = Vec::new();
        for slug in ["alpha", "bravo"] {
            let body = json!({"name": slug, "slug": slug, "admin_email": "boss@example.com"});
            let tenant = world.create(&root, "/api/v1/tenants", body).await;
            bosses.push(world.live_in(&tenant, slug).await);
        }
        let (second, first) = (bosses.pop().unwrap(), bosses.pop().unwrap());
        let mut operations = operations();
        operations.retain(|one| one.for_people() && one.path.starts_with("/api/v1/"));
        let mut pair = Pair {
            world,
            first,
            second,
            operations,
        };
        pair.world.settle().await;
        pair
    }

    /// The path of an operation with what `choose` gives in place of its parameters, and the body
    /// of its case in the same way.
    fn asked(&self, one: &Operation, mut choose: impl FnMut(&str) -> String) -> (String, String) {
        let mut path = one
            .path
            .replace("{model}", "gpt-4o-mini")
            .replace("{version}", "1")
            .replace("{name}", "shipped%2Freaders");
        while let Some(begin) = path.find('{') {
            let end = begin + path[begin..].find('}').unwrap() + 1;
            let parameter = path[begin..end].to_owned();
            path = path.replacen(&parameter, &choose(&parameter), 1);
        }
        let mut body = case(&one.name).1.to_owned();
        for (word, parameter) in [("\"AGENT\"", "{agent_id}"), ("\"TEAM\"", "{team_id}")] {
            if body.contains(word) {
                body = body.replace(word, &format!("\"{}\"", choose(parameter)));
            }
        }
        (path, body)
    }

    async fn send(&self, user: &User, method: &Method, path: &str, body: &str) -> Reply {
        let call = self.world.call(method.clone(), path).by(user);
        match body {
            "" => call.send().await,
            body => call.raw("application/json", body.to_owned()).send().await,
        }
    }

    /// An id of a kind that nothing has.
    fn unknown(&self, parameter: &str) -> String {
        filled(&self.world, parameter, self.world.new_id())
    }

    /// One of the ids for this parameter, or one that nothing has.
    fn one_of(&self, ids: &BTreeSet<String>, parameter: &str, which: usize) -> String {
        let unknown = self.unknown(parameter);
        let kind = unknown.rsplit_once('_').unwrap().0;
        let fit = |id: &&String| {
            id.rsplit_once('_')
                .is_some_and(|(prefix, _)| prefix == kind)
        };
        let fitting: Vec<_> = ids.iter().filter(fit).collect();
        match fitting.len() {
            0 => unknown,
            number => fitting.get(which % number).unwrap().to_string(),
        }
    }

    /// Everything that a tenant can look at, and the ids that are in it.
    async fn view(
        &self,
        user: &User,
        own: &BTreeSet<String>,
    ) -> (Vec<(String, Seen)>, BTreeSet<String>) {
        let (mut seen, mut ids) = (Vec::new(), BTreeSet::new());
        for one in self
            .operations
            .iter()
            .filter(|one| one.method == Method::GET)
        {
            for which in 0..2 {
                let mut names = Vec::new();
                let (path, _) = self.asked(one, |parameter| {
                    let id = self.one_of(own, parameter, which);
                    names.push(id.clone());
                    id
                });
                let reply = self.send(user, &one.method, &path, "").await;
                if reply.status == 200 {
                    note_ids(&reply.body, &mut ids);
                }
                seen.push((one.name.clone(), Seen::of(&reply, &names)));
                if !one.path.contains('{') {
                    break;
                }
            }
        }
        (seen, ids)
    }

    /// What is done in the first tenant, to what is there and to what is in the second.
    async fn act(&self, acts: &[Act], ids: &BTreeSet<String>) -> usize {
        let doing: Vec<_> = self.operations.iter().collect();
        let doing: Vec<_> = doing
            .into_iter()
            .filter(|one| one.method != Method::GET && !LEAVING.contains(&one.name.as_str()))
            .collect();
        let mut done = 0;
        for (operation, which, name) in acts {
            let one = operation.get(&doing);
            let choose = |parameter: &str| self.one_of(ids, parameter, which.index(usize::MAX));
            let (path, body) = self.asked(one, choose);
            let body = body
                .replace("\"n\"", &format!("\"{name}\""))
                .replace("new@", &format!("{name}@"));
            let reply = self.send(&self.first, &one.method, &path, &body).await;
            assert!(
                reply.status.as_u16() < 500,
                "{} {path}: {}",
                one.name,
                reply.text
            );
            done += usize::from(reply.status.is_success());
        }
        done
    }

    /// The answer to the second tenant, what it was asked, and the statements that answered it.
    async fn tried(&self, one: &Operation, choose: impl Fn(&str) -> String) -> (Seen, Vec<String>) {
        let mut names = Vec::new();
        let (path, body) = self.asked(one, |parameter| {
            let id = choose(parameter);
            names.push(id.clone());
            id
        });
        let statements = Statements::default();
        let asking = self.send(&self.second, &one.method, &path, &body);
        let reply = asking.with_subscriber(statements.clone()).await;
        (Seen::of(&reply, &names), statements.taken())
    }
}

/// Every text that is an id.
fn note_ids(value: &Value, ids: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => {
            let tail = text.rsplit_once('_').map_or("", |(_, tail)| tail);
            if tail.len() == 36
                && tail
                    .bytes()
                    .all(|one| one == b'-' || one.is_ascii_hexdigit())
            {
                ids.insert(text.clone());
            }
        }
        Value::Array(items) => items.iter().for_each(|item| note_ids(item, ids)),
        Value::Object(fields) => fields.values().for_each(|field| note_ids(field, ids)),
        _ => {}
    }
}

both_engines! {
    async fn whatever_one_tenant_does_the_other_sees_the_same(db: Db) {
        let mut pair = Box::pin(Pair::begin(db)).await;
        let (_, own) = pair.view(&pair.second, &BTreeSet::new()).await;
        let (before, _) = pair.view(&pair.second, &own).await;
        let (_, mut ids) = pair.view(&pair.first, &BTreeSet::new()).await;
        let strange: Vec<_> = ids.intersection(&own).collect();
        assert!(own.len() > 10 && ids.len() > 10 && strange.is_empty(), "{strange:?}");
        let mut runner = TestRunner::deterministic();
        let mut done = 0;
        for _ in 0..ROUNDS {
            let acts = any_acts().new_tree(&mut runner).unwrap().current();
            let all: BTreeSet<_> = ids.union(&own).cloned().collect();
            done += pair.act(&acts, &all).await;
            pair.world.settle().await;
            let (after, _) = pair.view(&pair.second, &own).await;
            for ((name, then), (_, now)) in before.iter().zip(&after) {
                assert!(then == now, "{name}: {}\nafter {acts:?}", difference(then, now));
            }
            ids.extend(pair.view(&pair.first, &ids).await.1);
            let foreign = |id: &&String| after.iter().any(|(_, seen)| seen.text.contains(id.as_str()));
            assert_eq!(ids.iter().find(foreign), None);
            assert!(!after.iter().any(|(_, seen)| seen.text.contains(MARK)));
        }
        assert!(done > ROUNDS * ACTS / 8, "{done} of what was tried was done");
    }

    async fn what_another_tenant_has_is_as_if_it_never_was(db: Db) {
        let pair = Box::pin(Pair::begin(db)).await;
        let (_, theirs) = pair.view(&pair.first, &BTreeSet::new()).await;
        let (_, theirs) = pair.view(&pair.first, &theirs).await;
        let mut tried = 0;
        for one in &pair.operations {
            let aimed = one.path.contains("_id}") || case(&one.name).1.contains("AGENT") || case(&one.name).1.contains("TEAM");
            if !aimed {
                continue;
            }
            // The first use of what is deprecated is noted.
            pair.tried(one, |parameter| pair.unknown(parameter)).await;
            let (nobodys, asked) = pair.tried(one, |parameter| pair.unknown(parameter)).await;
            let (found, asked_too) = pair.tried(one, |parameter| pair.one_of(&theirs, parameter, 0)).await;
            assert_eq!(nobodys, found, "{}", one.name);
            assert_eq!(asked, asked_too, "{}", one.name);
            assert!((400..500).contains(&found.status), "{}: {found:?}", one.name);
            tried += 1;
        }
        assert!(tried > 60, "{tried} operations name something");
    }

    async fn who_is_at_home_elsewhere_is_unknown_here(db: Db) {
        let pair = Box::pin(Pair::begin(db)).await;
        let only = json!({"email": "only@example.com", "name": "o", "password": "long enough for them"});
        pair.world.create(&pair.first, "/api/v1/users", only).await;
        let mut answers = Vec::new();
        for email in ["only@example.com", "none@example.com"] {
            let body = json!({"email": email, "password": "long enough for them", "tenant": "bravo"});
            let statements = Statements::default();
            let login = pair.world.call(Method::POST, "/api/v1/auth/login").json(&body).send();
            let reply = login.with_subscriber(statements.clone()).await;
            answers.push((Seen::of(&reply, &[email.to_owned()]), statements.taken()));
        }
        let [home, nowhere] = answers.try_into().unwrap_or_else(|_| unreachable!());
        assert_eq!((home.0.status, &home), (401, &nowhere));
        // Names are each tenant's own.
        let same = json!({"email": "only@example.com", "name": "o", "password": "long enough for them"});
        pair.world.create(&pair.second, "/api/v1/users", same).await;
    }

    async fn what_one_tenant_sets_stays_when_another_sets_something(db: Db) {
        let pair = Box::pin(Pair::begin(db)).await;
        let set = |user, length: u32| {
            let call = pair.world.call(Method::PATCH, "/api/v1/settings/tenant").by(user);
            call.json(&json!({"security": {"password_min_length": length}})).send()
        };
        set(&pair.second, 20).await.ok();
        set(&pair.first, 10).await.ok();
        let short = json!({"email": "x@example.com", "name": "x", "password": "fifteen letters"});
        let make = |user| pair.world.call(Method::POST, "/api/v1/users").by(user).json(&short).send();
        let refused = make(&pair.second).await.is(400, "VALIDATION_ERROR");
        assert!(refused.field("password").contains("too short"), "{}", refused.text);
        assert_eq!(make(&pair.first).await.status, 201);
    }
}
