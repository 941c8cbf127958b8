//! What follows from a spent budget, and from one that is spent too fast.

use std::time::Duration;

use serde_json::{Value, json};

use crate::kit::{Home, Running, call, text};

/// A server with an agent `writer` whose calls cost ten cents each.
struct Desk {
    home: Home,
    token: String,
    _server: Running,
}

impl Desk {
    fn new(budget: &str) -> Desk {
        // These tests ask until something has happened.
        let home = Home::new()
            .with_admin()
            .with("IRON_RATE_LIMITS_USER_PER_MINUTE", "0")
            .with("IRON_RATE_LIMITS_USER_PER_HOUR", "0");
        let server = home.serve();
        home.sign_in();
        let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let run = |line: &str| {
            let line = words(line);
            let line: Vec<&str> = line.iter().map(String::as_str).collect();
            home.json(&line)
        };
        run("providers create --name sim --type simulated");
        run("models price sim/chat --input 0 --output 0 --per-query 0.10");
        let agent = run(&format!(
            "agents create --name writer --budget {budget} --provider sim --token"
        ));
        let token = text(&agent, "/ic_token/token").to_owned();
        Desk {
            home,
            token,
            _server: server,
        }
    }

    fn run(&self, line: &str) -> Value {
        let words: Vec<&str> = line.split(' ').collect();
        self.home.json(&words)
    }

    fn call(&self) -> String {
        call(&self.home.address, &self.token, "sim/chat")
    }

    /// Waits until the agent is in this state; gives it.
    fn until(&self, state: &str) -> Value {
        self.wait(|| {
            let agent = self.run("agents get writer");
            (text(&agent, "/runtime_state") == state).then_some(agent)
        })
    }

    /// Waits until there are this many events; gives them, the oldest first.
    fn events(&self, count: usize) -> Vec<Value> {
        self.wait(|| {
            let events = self.run("limits events writer --after 0");
            let events = events.pointer("/data").and_then(Value::as_array)?.clone();
            (events.len() >= count).then_some(events)
        })
    }

    fn wait<T>(&self, mut look: impl FnMut() -> Option<T>) -> T {
        for _ in 0..300 {
            if let Some(found) = look() {
                return found;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!(
            "it does not come: {}\n{}",
            self.run("agents get writer"),
            self.home.complaints()
        );
    }
}

#[test]
fn a_spent_budget_pauses_the_agent_and_a_higher_one_lets_it_go_on() {
    let desk = Desk::new("0.30");
    for _ in 0..3 {
        assert!(desk.call().starts_with("HTTP/1.1 200"));
    }
    let agent = desk.until("paused");
    let reason = text(&agent, "/pause_reason");
    assert!(reason.contains("its budget of $0.30 is spent"), "{reason}");
    let refused = desk.call();
    assert!(refused.starts_with("HTTP/1.1 429"), "{refused}");
    assert!(refused.contains("BUDGET_EXCEEDED"), "{refused}");

    let events = desk.events(5);
    let percentages: Vec<_> = events
        .iter()
        .filter_map(|event| event.pointer("/percentage"))
        .collect();
    assert_eq!(json!(percentages), json!([50, 80, 90, 95, 100]));
    let last = events.last().unwrap();
    assert_eq!(last.pointer("/used"), Some(&json!(0.3)), "{last}");
    assert_eq!(last.pointer("/kind"), Some(&json!("limit")));
    desk.home.audited(&["--action", "budget.exhausted"]);
    desk.home.audited(&["--action", "budget.warning"]);
    desk.home.audited(&["--action", "agent.pause"]);

    desk.run("limits set writer --budget 1.00");
    let agent = desk.until("running");
    assert_eq!(agent.pointer("/pause_reason"), None, "{agent}");
    assert!(desk.call().starts_with("HTTP/1.1 200"));
}

#[test]
fn what_a_person_has_paused_stays_paused_when_there_is_money_again() {
    let desk = Desk::new("0.10");
    assert!(desk.call().starts_with("HTTP/1.1 200"));
    desk.until("paused");
    desk.run("agents pause writer --reason holidays");
    desk.run("limits set writer --budget 1.00");
    // The first of what comes later has been done, so this would have been done too.
    desk.run("limits set writer --budget 0.20 --soft-limits 40 --force");
    desk.wait(|| {
        let events = desk.run("limits events writer --kind warning --after 0");
        let last = events.pointer("/data")?.as_array()?.last()?.clone();
        (last.pointer("/percentage") == Some(&json!(40))).then_some(())
    });
    let agent = desk.run("agents get writer");
    assert_eq!(text(&agent, "/runtime_state"), "paused", "{agent}");
    assert_eq!(text(&agent, "/pause_reason"), "holidays");
    assert!(desk.call().starts_with("HTTP/1.1 409"));
}

#[test]
fn an_agent_that_spends_too_fast_is_killed_and_a_person_sees_why() {
    let desk = Desk::new("5.00");
    let set = desk.run("limits set writer --budget 5.00 --max-per-minute 0.25");
    assert_eq!(set.pointer("/max_spend_per_minute"), Some(&json!(0.25)));
    for _ in 0..3 {
        desk.call();
    }
    let agent = desk.until("stopped");
    let reason = text(&agent, "/pause_reason");
    assert!(reason.contains("$0.30 within a minute"), "{reason}");
    assert!(desk.call().starts_with("HTTP/1.1 409"));
    let events = desk.events(1);
    assert_eq!(json!(events).pointer("/0/kind"), Some(&json!("runaway")));
    desk.home.audited(&["--action", "budget.runaway"]);
    desk.home.audited(&["--action", "agent.kill"]);
    desk.run("agents start writer");
    let agent = desk.until("running");
    assert_eq!(agent.pointer("/pause_reason"), None, "{agent}");
}

#[test]
fn at_its_limit_an_agent_can_be_killed_instead() {
    let desk = Desk::new("0.10");
    desk.run("limits set writer --budget 0.10 --hard-action kill");
    assert!(desk.call().starts_with("HTTP/1.1 200"));
    let agent = desk.until("stopped");
    assert!(text(&agent, "/pause_reason").contains("is spent"));
}

#[test]
fn a_budget_begins_anew_when_its_schedule_says() {
    let desk = Desk::new("5.00");
    let cli = |words: &[&str]| desk.home.json(words);
    let monday = ["--cron", "0 9 * * MON", "--timezone", "Europe/Berlin"];
    let mut words = vec!["limits", "set", "writer", "--budget", "5.00"];
    words.extend(monday);
    let set = cli(&words);
    let schedule = json!({"cron": "0 9 * * MON", "timezone": "Europe/Berlin"});
    assert_eq!(set.pointer("/period"), Some(&json!("custom")), "{set}");
    assert_eq!(set.pointer("/schedule"), Some(&schedule), "{set}");
    let shown = desk.home.iron(&["agents", "get", "writer"]).assert();
    let shown = String::from_utf8_lossy(&shown.success().get_output().stdout).into_owned();
    assert!(shown.contains("0 9 * * MON (Europe/Berlin)"), "{shown}");
    assert!(desk.call().starts_with("HTTP/1.1 200"));
    for wrong in [
        &["--period", "custom"][..],
        &["--period", "daily", "--cron", "0 9 * * MON"],
        &["--period", "yearly"],
        &["--timezone", "UTC"],
    ] {
        let mut words = vec!["limits", "set", "writer", "--budget", "5.00"];
        words.extend(wrong);
        desk.home.iron(&words).assert().code(2);
    }
    let mut pool = vec![
        "pools", "create", "shared", "--budget", "9", "--period", "custom",
    ];
    pool.extend(monday);
    assert_eq!(cli(&pool).pointer("/schedule"), Some(&schedule));
    let daily = cli(&["agents", "update", "writer", "--period", "daily"]);
    assert_eq!(daily.pointer("/period"), Some(&json!("daily")), "{daily}");
    assert_eq!(daily.pointer("/schedule"), None, "{daily}");
}
