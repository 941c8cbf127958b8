//! A fake provider as a process, for tests that are not written in Rust.
//!
//! `fake-upstream SHAPE` (`openai`, `anthropic`, `azure_openai`, …) prints its base URL and serves until it is killed.
//! `POST /_fake/behave` takes a behaviour, `GET /_fake/bills` tells what was charged.

#![expect(
    clippy::print_stdout,
    reason = "the caller reads the address from here"
)]

use iron_testkit::{FakeUpstream, Shape};

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let word = std::env::args().nth(1).unwrap_or_default();
    let shape = Shape::ALL.iter().find(|(name, _)| *name == word);
    let Some((_, shape)) = shape.copied() else {
        let words = Shape::ALL.map(|(name, _)| name).join(", ");
        return Err(std::io::Error::other(format!("say one of {words}")));
    };
    let fake = FakeUpstream::start(shape).await?;
    println!("{} {}", fake.base_url(), fake.key());
    std::future::pending().await
}
