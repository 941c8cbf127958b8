//! A fake provider as a process, for tests that are not written in Rust.
//!
//! `fake-upstream openai|anthropic` prints its base URL and serves until it is killed.
//! `POST /_fake/behave` takes a behaviour, `GET /_fake/bills` tells what was charged.

#![expect(
    clippy::print_stdout,
    reason = "the caller reads the address from here"
)]

use iron_testkit::{FakeUpstream, Shape};

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let shape = match std::env::args().nth(1).as_deref() {
        Some("openai") => Shape::OpenAi,
        Some("anthropic") => Shape::Anthropic,
        _ => return Err(std::io::Error::other("say `openai` or `anthropic`")),
    };
    let fake = FakeUpstream::start(shape).await?;
    println!("{} {}", fake.base_url(), fake.key());
    std::future::pending().await
}
