//! How a runtime enrols, and what it reports and asks of money.

use std::collections::BTreeSet;

use axum::extract::State;
use iron_budget::Enrolment;
use iron_fleet::{Binding, Error, Runtime};
use iron_net::problem::Problem;
use iron_primitives::{ErrorKind, InstanceId, RuntimeId, Scope};
use iron_sdk::exchange::{Exchange, ExchangeReply};
use iron_sdk::runtimes::{EnrollRuntime, RuntimeEnrolled};

use crate::answer::Answer;
use crate::caller::Runner;
use crate::failure::Failure;
use crate::input::{Input, PathId, Upload};
use crate::state::Api;

/// A process of a runtime begins: the leases of those before it are fenced, and it is numbered.
/// The first time binds the key to the data folder.
#[utoipa::path(post, path = "/runtimes/enroll", tag = "runtimes", request_body = EnrollRuntime,
    responses((status = 200, description = "The process", body = RuntimeEnrolled)))]
pub(crate) async fn enroll_runtime(
    State(api): State<Api>,
    runner: Runner,
    Input(body): Input<EnrollRuntime>,
) -> Result<Answer<RuntimeEnrolled>, Failure> {
    let runtime = runner.runtime();
    let far = &api.far;
    // The instance of a server, or of another runtime, is nobody else's to take.
    if runtime.instance.is_none() && far.ledger.knows(body.instance_id).await? {
        return Err(Error::OtherFolder.into());
    }
    let binding = Binding {
        instance: body.instance_id,
        public_key: body.public_key,
        sealing_key: body.sealing_key,
        program: body.version,
    };
    let mut tx = api.db.begin().await?;
    far.runtimes.bind(&mut tx, runtime, &binding).await?;
    tx.commit().await?;
    let enrolment = Enrolment {
        instance: body.instance_id,
        boot_id: body.boot_id,
        at_least: body.at_least,
        seen: body.seen,
    };
    let incarnation = far.ledger.enrol(&enrolment).await?;
    tracing::info!(runtime = runtime.name, instance = %body.instance_id, "a runtime has enrolled");
    Ok(Answer(RuntimeEnrolled {
        id: runtime.id,
        incarnation,
        lease_seconds: far.ledger.lends_for().as_secs(),
    }))
}

/// Books what leases of the runtime have used, and lends more, on budgets that stand above agents
/// whose tokens it has presented. Asked twice, it happens once.
#[utoipa::path(post, path = "/runtimes/{runtime_id}/exchange", tag = "runtimes",
    request_body = Exchange,
    params(("runtime_id" = RuntimeId, Path, description = "The runtime")), responses(
    (status = 200, description = "The state of its leases", body = ExchangeReply),
))]
pub(crate) async fn exchange_leases(
    State(api): State<Api>,
    runner: Runner,
    PathId(id): PathId<RuntimeId>,
    Upload(mut exchange): Upload<Exchange>,
) -> Result<Answer<ExchangeReply>, Failure> {
    let runtime = runner.enrolled(id)?;
    let instance = runtime.instance;
    if instance != Some(exchange.from.instance) {
        return Err(not_yours("another instance").into());
    }
    keep_within_reach(&api, runtime, &mut exchange).await?;
    let reply = api.far.authority.exchange(exchange).await;
    Ok(Answer(reply.map_err(super::ask::silent)?))
}

/// Takes out what the runtime has no business with. What is another tenant's is no mistake, and
/// refused; a budget that no agent of its stands under any more may be one of timing.
async fn keep_within_reach(
    api: &Api,
    runtime: &Runtime,
    exchange: &mut Exchange,
) -> Result<(), Failure> {
    let tenants = exchange.reports.iter().map(|report| report.tenant);
    let mut tenants = tenants.chain(exchange.wants.iter().map(|want| want.tenant));
    if tenants.any(|tenant| tenant != runtime.tenant) {
        return Err(not_yours("another tenant").into());
    }
    let names = |scopes: &mut dyn Iterator<Item = Scope>| -> BTreeSet<String> {
        scopes.map(|scope| scope.to_string()).collect()
    };
    let reported = names(&mut exchange.reports.iter().map(|report| report.scope));
    let wanted = names(&mut exchange.wants.iter().map(|want| want.scope));
    let runtimes = &api.far.runtimes;
    // What was lent once is reported, however long ago its agents have called.
    let reported = runtimes.within_reach(runtime, &reported, true).await?;
    let wanted = runtimes.within_reach(runtime, &wanted, false).await?;
    let before = exchange.reports.len() + exchange.wants.len();
    let reports = &mut exchange.reports;
    reports.retain(|report| reported.contains(&report.scope.to_string()));
    let wants = &mut exchange.wants;
    wants.retain(|want| wanted.contains(&want.scope.to_string()));
    let dropped = before - exchange.reports.len() - exchange.wants.len();
    if dropped > 0 {
        // Whoever is not heard of all leases must not be believed that the others were not used.
        exchange.complete = false;
        exchange.witnessed.clear();
        tracing::warn!(
            runtime = runtime.name,
            dropped,
            "a runtime named budgets that none of its agents stands under"
        );
    }
    Ok(())
}

fn not_yours(whose: &str) -> Problem {
    let message = format!("the exchange names leases of {whose}");
    Problem::new(ErrorKind::InsufficientPermissions, message)
}

/// The instance of a runtime that has enrolled.
pub(super) fn instance_of(runtime: &Runtime) -> Result<InstanceId, Problem> {
    runtime.instance.ok_or_else(|| {
        let message = "the runtime has not enrolled; `POST /api/v1/runtimes/enroll` first";
        Problem::new(ErrorKind::InvalidState, message)
    })
}
