//! Settings and configurations on the real binary: applied and taken back while it works.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::kit::{Home, get, text};

const STRICT: &str =
    "rate_limits:\n  anonymous_per_minute: 1000000\nsecurity:\n  session_idle_minutes: 15\n";
const WRONG: &str = "security:\n  session_idle_minutes: 1\n  colour: red\n";

fn home() -> Home {
    Home::new()
        .with_admin()
        .with("IRON_RATE_LIMITS_USER_PER_MINUTE", "0")
        .with("IRON_RATE_LIMITS_USER_PER_HOUR", "0")
        .with("IRON_RATE_LIMITS_ANONYMOUS_PER_MINUTE", "0")
        .with("IRON_RATE_LIMITS_ANONYMOUS_PER_HOUR", "0")
}

fn prints(home: &Home, arguments: &[&str]) -> String {
    let output = home.iron(arguments).assert().success();
    String::from_utf8_lossy(&output.get_output().stdout).into_owned()
}

#[test]
fn a_configuration_is_applied_and_rolled_back_while_the_server_works() {
    let home = home();
    let _server = home.serve();
    home.sign_in();
    std::fs::write(home.path("system.yaml"), STRICT).unwrap();
    let (stop, address) = (AtomicBool::new(false), &home.address);
    std::thread::scope(|scope| {
        let ask = || {
            let (mut answered, mut limited) = (0_u32, 0_u32);
            while !stop.load(Ordering::Relaxed) {
                let answer = get(address, "/api/v1/openapi.json").expect("an answer");
                assert!(answer.starts_with("HTTP/1.1 200"), "{answer:.200}");
                answered += 1;
                limited += u32::from(answer.contains("x-ratelimit-limit: 1000000"));
            }
            (answered, limited)
        };
        let askers = [scope.spawn(ask), scope.spawn(ask)];
        for _ in 0..3 {
            let applied = home.json(&["config", "apply", "system.yaml", "--system"]);
            assert_eq!(text(&applied, "/level"), "system");
            let back = (applied["version"].as_i64().unwrap() - 1)
                .max(1)
                .to_string();
            let shown = home.json(&["settings", "system"]);
            assert_eq!(shown["settings"]["security"]["session_idle_minutes"], 15);
            home.json(&[
                "settings",
                "system",
                "--unset",
                "rate_limits",
                "--unset",
                "security",
            ]);
            home.json(&["config", "rollback", &back, "--system"]);
        }
        stop.store(true, Ordering::Relaxed);
        for asker in askers {
            let (answered, limited) = asker.join().expect("every request was answered");
            assert!(
                answered > 0 && limited > 0,
                "{answered}, of them {limited} limited"
            );
        }
    });
}

#[test]
fn a_mistake_is_told_with_its_place_and_nothing_is_applied() {
    let home = home();
    let _server = home.serve();
    home.sign_in();
    std::fs::write(home.path("wrong.yaml"), WRONG).unwrap();
    let refused = home
        .iron(&["config", "validate", "wrong.yaml"])
        .assert()
        .failure();
    let said = String::from_utf8_lossy(&refused.get_output().stderr).into_owned();
    for place in [
        "wrong.yaml:2:3: `security.session_idle_minutes`",
        "wrong.yaml:3:3: `security.colour`",
    ] {
        assert!(said.contains(place), "{said}");
    }
    home.iron(&["config", "apply", "wrong.yaml"])
        .assert()
        .failure();
    home.iron(&["config", "apply", "missing.yaml"])
        .assert()
        .failure();
    home.iron(&["settings", "user", "--set", "display.timezone"])
        .assert()
        .failure();
    assert!(prints(&home, &["config", "get"]).contains("everything is inherited"));
    let applied = prints(
        &home,
        &[
            "settings",
            "tenant",
            "--set",
            "security.session_idle_minutes=12",
        ],
    );
    assert!(
        applied.contains("12") && applied.contains("tenant"),
        "{applied}"
    );
    let yaml = prints(&home, &["config", "get"]);
    assert_eq!(yaml, "security:\n  session_idle_minutes: 12\n");
    let history = prints(&home, &["config", "history"]);
    assert!(history.contains("inherited -> 12"), "{history}");
}

/// A setting of one server, seen by the other within the second that is promised and what a
/// machine with much to do adds to it.
fn seen(home: &Home, minutes: i64) {
    let until = Instant::now() + Duration::from_secs(20);
    let idle = |session: &Value| -> Option<i64> {
        let at = |field: &str| {
            text(session, field)
                .parse::<iron_primitives::Timestamp>()
                .ok()
        };
        Some(
            at("/idle_expires_at")?
                .since(at("/last_seen_at")?)
                .as_secs() as i64
                / 60,
        )
    };
    loop {
        let sessions = home.json(&["auth", "sessions"]);
        let found = sessions.pointer("/data/0").and_then(idle);
        if found == Some(minutes) {
            return;
        }
        assert!(Instant::now() < until, "not {minutes} minutes: {sessions}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn what_is_set_on_one_server_holds_on_the_other() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let schema = runtime
        .block_on(iron_store::testing::PostgresSchema::create())
        .unwrap();
    let server = || {
        home()
            .with("IRON_DATABASE_URL", &schema.url())
            .with("IRON_MASTER_KEY", &"7".repeat(64))
    };
    let (one, other) = (server(), server());
    {
        let _first = one.serve();
        let _second = other.serve();
        one.sign_in();
        other.sign_in();
        seen(&other, 30);
        one.json(&[
            "settings",
            "tenant",
            "--set",
            "security.session_idle_minutes=7",
        ]);
        seen(&other, 7);
        other.json(&[
            "settings",
            "tenant",
            "--unset",
            "security.session_idle_minutes",
        ]);
        seen(&one, 30);
    }
    runtime.block_on(schema.drop()).unwrap();
}
