//! How providers have done.

use axum::extract::State;
use iron_identity::Permission;
use iron_primitives::{ProviderId, Timestamp};
use iron_runtime::{Circuit, PeerView};
use iron_sdk::providers::{ProviderCircuit, ProviderHealth, ProviderModelHealth};

use crate::answer::Answer;
use crate::caller::Caller;
use crate::failure::Failure;
use crate::input::PathId;
use crate::state::Api;

/// How a provider has done, as the server that is asked has seen it.
#[utoipa::path(get, path = "/providers/{provider_id}/health", tag = "providers",
    params(("provider_id" = ProviderId, Path, description = "The provider")), responses(
    (status = 200, description = "How it has done", body = ProviderHealth),
))]
pub(crate) async fn get_provider_health(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<ProviderId>,
) -> Result<Answer<ProviderHealth>, Failure> {
    let authorised = caller.may(Permission::ProviderRead)?;
    let provider = api.providers.get(&authorised, id).await?;
    let seen = (api.sight)(authorised.tenant, provider.id);
    Ok(Answer(health(&seen, api.environment.now())))
}

fn health(seen: &[PeerView], now: Timestamp) -> ProviderHealth {
    let worst = seen.iter().map(|peer| peer.circuit).max_by_key(badness);
    let total: u32 = seen.iter().map(|peer| peer.lately.total()).sum();
    let failures: u32 = seen.iter().map(|peer| peer.lately.bad).sum();
    let opened = seen.iter().filter_map(|peer| peer.open_for).max();
    let uptime = seen.iter().map(uptime).reduce(f64::min);
    ProviderHealth {
        circuit: word(worst.unwrap_or(Circuit::Closed)),
        error_rate: f64::from(failures) / f64::from(total.max(1)),
        p95_ms: seen.iter().filter_map(p95_ms).max(),
        uptime_percentage: uptime.unwrap_or(100.0),
        opened_at: opened.map(|open_for| now.minus(open_for)),
        models: seen.iter().map(|peer| model(peer, now)).collect(),
        checked_at: now,
    }
}

fn model(peer: &PeerView, now: Timestamp) -> ProviderModelHealth {
    ProviderModelHealth {
        model: peer.model.to_string(),
        circuit: word(peer.circuit),
        calls: peer.lately.total(),
        failures: peer.lately.bad,
        in_flight: peer.in_flight,
        p95_ms: p95_ms(peer),
        paused_until: peer.paused_for.map(|wait| now.plus(wait)),
        reopens_at: peer.reopens_in.map(|wait| now.plus(wait)),
    }
}

const fn badness(circuit: &Circuit) -> u8 {
    match circuit {
        Circuit::Closed => 0,
        Circuit::HalfOpen => 1,
        Circuit::Open => 2,
    }
}

const fn word(circuit: Circuit) -> ProviderCircuit {
    match circuit {
        Circuit::Closed => ProviderCircuit::Closed,
        Circuit::Open => ProviderCircuit::Open,
        Circuit::HalfOpen => ProviderCircuit::HalfOpen,
    }
}

fn p95_ms(peer: &PeerView) -> Option<u64> {
    let millis = peer.p95?.as_micros().div_ceil(1_000);
    u64::try_from(millis).ok()
}

fn uptime(peer: &PeerView) -> f64 {
    if peer.known_for.is_zero() {
        return 100.0;
    }
    let down = peer.down_for.as_secs_f64() / peer.known_for.as_secs_f64();
    (1.0 - down.min(1.0)) * 100.0
}
