//! Windows that several servers share, on a real Redis.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use iron_net::rate::{
    Allowance, AllowanceLimiter, Pace, PaceLimit, PaceLimiter, Quota, RateLimiter, SharedObserver,
    SharedRates, Standing, Verdict,
};
use iron_primitives::{BootInstant, Secret, Timestamp};
use iron_testkit::RedisServer;
use tokio::task::JoinHandle;

const START: BootInstant = BootInstant::from_nanos(7_200_000_000_000);
const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
/// Longer than any pause of a busy machine: what is shown here are counts, not speed.
const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Default)]
struct Heard {
    shared: AtomicBool,
    alone: AtomicU64,
}

impl SharedObserver for Heard {
    fn shared(&self, yes: bool) {
        self.shared.store(yes, Ordering::SeqCst);
    }

    fn alone(&self) {
        self.alone.fetch_add(1, Ordering::SeqCst);
    }
}

/// One of the servers.
struct Server {
    here: RateLimiter<&'static str>,
    shared: SharedRates,
    heard: Arc<Heard>,
    keeping: JoinHandle<()>,
}

impl Server {
    async fn with(redis: &RedisServer) -> Server {
        let heard = Arc::new(Heard::default());
        let shared = SharedRates::at(&Secret::new(redis.url()), PATIENCE, heard.clone()).unwrap();
        let server = Server {
            here: RateLimiter::new(Quota::default()),
            keeping: tokio::spawn(shared.clone().keep()),
            shared,
            heard,
        };
        server.until_counting(true).await;
        server
    }

    async fn until_counting(&self, yes: bool) {
        for _ in 0..1_200 {
            if self.shared.is_counting() == yes && self.heard.shared.load(Ordering::SeqCst) == yes {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("counting together is not {yes}");
    }

    async fn ask(&self, who: &'static str, quota: Quota) -> (Verdict, Option<Standing>) {
        let caller = (who, who.to_owned());
        self.here
            .check_shared(&self.shared, caller, quota, START, NOW)
            .await
    }

    async fn admits(&self, who: &'static str, quota: Quota) -> bool {
        matches!(self.ask(who, quota).await.0, Verdict::Admitted { .. })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.keeping.abort();
    }
}

const fn hourly(per_hour: u32) -> Quota {
    Quota {
        per_minute: 0,
        per_hour,
        burst: 100,
    }
}

#[tokio::test]
async fn two_servers_share_the_windows_of_a_caller() {
    let redis = RedisServer::start().expect("a Redis");
    let (one, two) = (Server::with(&redis).await, Server::with(&redis).await);
    for left in (0..6).rev() {
        let server = if left % 2 == 0 { &one } else { &two };
        let (verdict, standing) = server.ask("ada", hourly(6)).await;
        assert_eq!(
            verdict,
            Verdict::Admitted {
                wait: Duration::ZERO
            }
        );
        let standing = standing.expect("a window");
        assert_eq!((standing.limit, standing.remaining), (6, left));
        assert!(standing.resets_at > NOW);
    }
    for server in [&one, &two] {
        let (verdict, standing) = server.ask("ada", hourly(6)).await;
        let Verdict::Refused { retry_after } = verdict else {
            panic!("{verdict:?}");
        };
        assert!(
            retry_after <= Duration::from_secs(61 * 60),
            "{retry_after:?}"
        );
        assert!(
            retry_after > Duration::from_secs(30 * 60),
            "{retry_after:?}"
        );
        assert_eq!(standing.map(|standing| standing.remaining), Some(0));
        assert!(server.admits("grace", hourly(6)).await);
    }
    // A limit that is raised counts what came before.
    assert!(two.admits("ada", hourly(7)).await);
    assert!(!one.admits("ada", hourly(7)).await);
    assert_eq!(one.heard.alone.load(Ordering::SeqCst), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_requests_at_once_exactly_as_many_pass_as_the_window_holds() {
    let redis = RedisServer::start().expect("a Redis");
    let servers = [Server::with(&redis).await, Server::with(&redis).await];
    let servers = servers.map(Arc::new);
    let asking = (0..300).map(|number| {
        let server = servers[number % 2].clone();
        tokio::spawn(async move { server.admits("ada", hourly(90)).await })
    });
    let asking: Vec<_> = asking.collect();
    let mut admitted = 0;
    for one in asking {
        admitted += u32::from(one.await.unwrap());
    }
    assert_eq!(admitted, 90);
}

#[tokio::test]
async fn bursts_are_smoothed_over_all_servers() {
    let redis = RedisServer::start().expect("a Redis");
    let (one, two) = (Server::with(&redis).await, Server::with(&redis).await);
    let narrow = Quota {
        per_minute: 10_000,
        per_hour: 0,
        burst: 1,
    };
    // Nobody waits here: the schedule runs ahead of the clock until it is a second ahead.
    let mut longest = Duration::ZERO;
    for number in 0..100_000 {
        let server = if number % 2 == 0 { &one } else { &two };
        match server.ask("ada", narrow).await.0 {
            Verdict::Admitted { wait } => longest = longest.max(wait),
            Verdict::Refused { retry_after } => {
                assert!(retry_after > Duration::from_secs(1), "{retry_after:?}");
                assert!(longest <= Duration::from_secs(1), "{longest:?}");
                assert!(longest > Duration::from_millis(900), "{longest:?}");
                return;
            }
        }
    }
    panic!("nobody was refused; the longest wait was {longest:?}");
}

#[tokio::test]
async fn without_redis_each_server_goes_on_by_itself_and_comes_back_by_itself() {
    let mut redis = RedisServer::start().expect("a Redis");
    let (one, two) = (Server::with(&redis).await, Server::with(&redis).await);
    for server in [&one, &one, &two] {
        assert!(server.admits("ada", hourly(4)).await);
    }
    redis.kill().unwrap();
    one.until_counting(false).await;
    two.until_counting(false).await;
    // Each remembers what it has admitted itself.
    for (server, left) in [(&one, 2), (&two, 3)] {
        for _ in 0..left {
            assert!(server.admits("ada", hourly(4)).await);
        }
        let (verdict, standing) = server.ask("ada", hourly(4)).await;
        assert!(matches!(verdict, Verdict::Refused { .. }), "{verdict:?}");
        assert_eq!(standing.map(|standing| standing.limit), Some(4));
    }
    assert_eq!(one.heard.alone.load(Ordering::SeqCst), 3);
    redis.restart().unwrap();
    one.until_counting(true).await;
    two.until_counting(true).await;
    for server in [&one, &two, &one, &two] {
        assert!(server.admits("ada", hourly(4)).await);
    }
    assert!(!one.admits("ada", hourly(4)).await);
    assert_eq!(one.heard.alone.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn a_redis_that_was_emptied_counts_anew() {
    let redis = RedisServer::start().expect("a Redis");
    let server = Server::with(&redis).await;
    assert!(server.admits("ada", hourly(1)).await);
    assert!(!server.admits("ada", hourly(1)).await);
    assert_eq!(redis.say("SCRIPT FLUSH").unwrap(), "+OK");
    assert!(!server.admits("ada", hourly(1)).await);
    assert_eq!(redis.say("FLUSHALL").unwrap(), "+OK");
    assert!(server.admits("ada", hourly(1)).await);
    assert!(!server.admits("ada", hourly(1)).await);
    assert_eq!(server.heard.alone.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_redis_that_may_not_write_does_not_count() {
    let redis = RedisServer::start().expect("a Redis");
    let server = Server::with(&redis).await;
    let nowhere = "REPLICAOF 127.0.0.1 1";
    assert_eq!(redis.say(nowhere).unwrap(), "+OK");
    server.until_counting(false).await;
    assert!(server.admits("ada", hourly(1)).await);
    assert!(!server.admits("ada", hourly(1)).await);
    assert_eq!(redis.say("REPLICAOF NO ONE").unwrap(), "+OK");
    server.until_counting(true).await;
}

#[tokio::test]
async fn a_server_starts_before_its_redis() {
    let mut redis = RedisServer::start().expect("a Redis");
    redis.kill().unwrap();
    let heard = Arc::new(Heard::default());
    let shared = SharedRates::at(&Secret::new(redis.url()), PATIENCE, heard.clone()).unwrap();
    let server = Server {
        here: RateLimiter::new(Quota::default()),
        keeping: tokio::spawn(shared.clone().keep()),
        shared,
        heard,
    };
    assert!(server.admits("ada", hourly(1)).await);
    redis.restart().unwrap();
    server.until_counting(true).await;
    assert!(
        server.admits("ada", hourly(1)).await,
        "Redis knows of nothing"
    );
    assert!(!server.admits("ada", hourly(1)).await);
}

#[test]
fn an_address_that_is_none_is_refused_without_being_repeated() {
    let heard = Arc::new(Heard::default());
    let url = Secret::new("http://:hunter2@nowhere".to_owned());
    let error = SharedRates::at(&url, PATIENCE, heard)
        .unwrap_err()
        .to_string();
    assert!(!error.contains("hunter2"), "{error}");
}

#[tokio::test]
async fn two_servers_share_the_pace_of_a_group_in_requests_and_in_weight() {
    let redis = RedisServer::start().expect("a Redis");
    let (one, two) = (Server::with(&redis).await, Server::with(&redis).await);
    let [here, there] = [&one, &two].map(|server| PaceLimiter::new(Some(server.shared.clone())));
    let few = Pace {
        requests: 2,
        weight: 0,
    };
    for limiter in [&here, &there] {
        let standing = limiter.enter("few", few, START, NOW).await;
        assert!(standing.expect("room").is_some());
    }
    for limiter in [&here, &there] {
        let excess = limiter.enter("few", few, START, NOW).await;
        let excess = excess.expect_err("no room on any server");
        assert_eq!(excess.limit, PaceLimit::Requests);
        assert_eq!((excess.standing.limit, excess.standing.remaining), (2, 0));
    }
    let light = Pace {
        requests: 0,
        weight: 100,
    };
    assert!(here.enter("light", light, START, NOW).await.is_ok());
    here.weigh("light", light, 60, START).await;
    assert!(there.enter("light", light, START, NOW).await.is_ok());
    // What has been used counts, whatever the limit says.
    there.weigh("light", light, 70, START).await;
    for limiter in [&here, &there] {
        let excess = limiter.enter("light", light, START, NOW).await;
        assert_eq!(excess.expect_err("too heavy").limit, PaceLimit::Weight);
    }
    // Alone, each knows what it has let in itself.
    drop(redis);
    for server in [&one, &two] {
        server.until_counting(false).await;
    }
    assert!(here.enter("light", light, START, NOW).await.is_ok());
}

#[tokio::test]
async fn two_servers_share_the_allowance_of_a_day() {
    let redis = RedisServer::start().expect("a Redis");
    let (one, two) = (Server::with(&redis).await, Server::with(&redis).await);
    let [here, there] =
        [&one, &two].map(|server| AllowanceLimiter::new(Some(server.shared.clone())));
    let daily = Allowance {
        per_minute: 5,
        per_day: 2,
        ..Allowance::default()
    };
    for limiter in [&here, &there] {
        let standing = limiter.use_once("tool", daily, START, NOW).await;
        assert!(standing.expect("room").is_some());
    }
    for limiter in [&here, &there] {
        let full = limiter.use_once("tool", daily, START, NOW).await;
        let full = full.expect_err("no room on any server");
        assert_eq!((full.limit, full.remaining), (2, 0));
        assert!(full.resets_at.since(NOW) > Duration::from_secs(80_000));
    }
}
