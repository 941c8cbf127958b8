//! How a process of a router begins at its server.

use std::time::Duration;

use anyhow::{Context as _, Result};
use iron_net::sealing::SealingKey;
use iron_runtime::remote::RemoteAuthority;
use iron_sdk::Client;
use iron_sdk::client::Error;
use iron_sdk::runtimes::{EnrollRuntime, RuntimeEnrolled};

use crate::build;
use crate::server::plane::Ground;

/// The first pause after the server did not answer; the next ones double.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Enrols, and waits for as long as the server does not answer.
///
/// # Errors
/// If the server refuses: the key is not good, or belongs to another folder.
pub(super) async fn enrol(
    client: &Client,
    ground: &Ground,
    sealing: &SealingKey,
) -> Result<RuntimeEnrolled> {
    let enrolment = ground.enrolment();
    let body = EnrollRuntime {
        instance_id: enrolment.instance,
        boot_id: enrolment.boot_id,
        at_least: enrolment.at_least,
        seen: enrolment.seen,
        public_key: ground.journal.public_key().to_string(),
        sealing_key: sealing.public(),
        version: build::VERSION.to_owned(),
    };
    let mut pause = FIRST_PAUSE;
    loop {
        match client.enroll_runtime(&body).await {
            Ok(enrolled) => {
                tracing::info!(runtime = %enrolled.id, "enrolled");
                return Ok(enrolled);
            }
            Err(Error::Refused(refused)) if refused.status < 500 && refused.status != 429 => {
                return Err(Error::Refused(refused))
                    .context("the server does not enrol the router");
            }
            Err(error) => {
                tracing::warn!(
                    error = told(&error),
                    again_in_ms = pause.as_millis(),
                    "the server does not answer, so the router cannot enrol yet"
                );
            }
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// An error with all its causes: what the server says of a certificate is the last of them.
fn told(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}

/// Fetches the prices: without them every call would be refused.
pub(super) async fn first_prices(authority: &RemoteAuthority) {
    while let Err(error) = authority.refresh_prices().await {
        tracing::warn!(%error, "the server does not tell its prices yet");
        tokio::time::sleep(FIRST_PAUSE).await;
    }
}
