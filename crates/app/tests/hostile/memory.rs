//! Memory under a burst of everything at once.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::kit::{House, Speaks};
use crate::provider::{Step, head, json, stream};

/// What a hostile burst may make the process larger by, in KiB: the room for bodies and answers
/// under way (512 MiB each), and half of it again for what the allocator keeps between bursts.
const MOST_GROWTH_KIB: u64 = 1_536 * 1_024;
/// What may be left of it for good. Idle threads give back their share after ten seconds.
const MOST_LEFT_KIB: u64 = 200 * 1_024;
/// How long the memory has for that.
const PATIENCE: Duration = Duration::from_secs(60);

/// Sends a body so many times at once; the statuses of the answers.
async fn all_at_once(house: &Arc<House>, callers: usize, body: &Arc<str>) -> Vec<u16> {
    let mut callers: JoinSet<u16> = (0..callers)
        .map(|_| {
            let (house, body) = (house.clone(), body.clone());
            async move { house.send(Speaks::OpenAi, &body).await.status }
        })
        .collect();
    let mut statuses = Vec::new();
    while let Some(status) = callers.join_next().await {
        statuses.push(status.expect("a caller does not panic"));
    }
    statuses
}

/// What the process holds, in KiB, once it is no more than this, or when patience is at its end.
async fn what_stays(house: &House, wanted_kib: u64) -> u64 {
    let until = Instant::now() + PATIENCE;
    loop {
        let now = house.server.memory_kib("VmRSS:");
        if now <= wanted_kib || Instant::now() >= until {
            return now;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

fn chat(words: usize, stream: bool) -> Arc<str> {
    let content = "x".repeat(words);
    let body = format!(
        r#"{{"model":"gpt-4o-mini","max_tokens":5,"stream":{stream},"messages":[{{"role":"user","content":"{content}"}}]}}"#
    );
    body.into()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_burst_leaves_memory_bounded() {
    let house = Arc::new(House::with("openai").await);
    house.ask(Speaks::OpenAi, false, json("{}")).await;
    let before = house.server.memory_kib("VmRSS:");
    let mebibyte = || Step::Forever(vec![b'x'; 1 << 20], Duration::ZERO);
    let json_head = head("200 OK", "content-type: application/json\r\n");
    let mut endless = stream(b"data: ");
    endless.push(mebibyte());
    let bursts = [
        (
            "answers without end",
            64,
            chat(5, false),
            vec![json_head, mebibyte()],
        ),
        ("lines without end", 64, chat(5, true), endless),
        ("large bodies", 48, chat(30 << 20, false), json("[]")),
    ];
    for (what, callers, body, script) in bursts {
        house.provider.plays(script);
        let statuses = all_at_once(&house, callers, &body).await;
        assert!(
            statuses.iter().all(|status| *status >= 400),
            "{what}: {statuses:?}"
        );
    }
    let peak = house.server.memory_kib("VmHWM:");
    let after = what_stays(&house, before + MOST_LEFT_KIB).await;
    println!("memory in KiB: {before} before, {peak} at most, {after} after");
    assert!(
        peak <= before + MOST_GROWTH_KIB,
        "{before} before, {peak} at most"
    );
    assert!(
        after <= before + MOST_LEFT_KIB,
        "{before} before, {after} after"
    );
    let got = house
        .ask(
            Speaks::OpenAi,
            false,
            json(r#"{"choices":[],"usage":null}"#),
        )
        .await;
    assert_eq!(got.status, 200, "{}", got.body);
}
