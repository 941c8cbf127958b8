//! What translation adds on the whole path: the same upstream, which speaks OpenAI chat, asked by a
//! client of its own dialect and by one of Anthropic messages, in turn.

use std::time::Duration;

use crate::load::{Plan, Shape, Target};
use crate::{Effort, governed, load, upstream};

/// Measures and prints.
pub(crate) async fn measure(iron: &str, effort: Effort) {
    let upstream = upstream::start(Duration::ZERO).await;
    let governed = governed::start(iron, "relaxed", &[&upstream]).await;
    let same = governed.targets()[0].clone();
    let translated = Target {
        speaks_messages: true,
        ..same.clone()
    };
    for (what, shape) in [
        ("whole answers", Shape::Whole),
        ("streams of 20 chunks", Shape::Stream { chunks: 20 }),
        ("streams of 200 chunks", Shape::Stream { chunks: 200 }),
    ] {
        let plan = Plan {
            shape,
            per_second: None,
            connections: 64,
            duration: Duration::from_secs(effort.saturated_seconds),
        };
        let mut spent = [(0.0, 0.0); 2];
        for _ in 0..effort.rounds {
            for (target, (cpu, calls)) in [&same, &translated].into_iter().zip(&mut spent) {
                let before = governed.process.cpu();
                let outcome = load::run(target, plan).await;
                *cpu += (governed.process.cpu() - before).as_secs_f64();
                *calls += outcome.latencies.len() as f64;
            }
        }
        let [same, translated] = spent.map(|(cpu, calls)| cpu * 1e6 / calls);
        println!(
            "{what}: {same:.0} µs of CPU each in the same dialect, {translated:.0} µs translated, {:.2} times",
            translated / same
        );
    }
}
