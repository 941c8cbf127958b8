//! What a runtime sends of its journal.

use std::collections::BTreeSet;

use axum::extract::State;
use iron_audit::{Sent, Shipment};
use iron_journal::Position;
use iron_net::problem::Problem;
use iron_primitives::{AgentId, ErrorKind, RuntimeId};
use iron_sdk::runtimes::{RecordsTaken, ShipRecords};

use crate::answer::Answer;
use crate::caller::Runner;
use crate::failure::Failure;
use crate::input::{PathId, Upload};
use crate::state::Api;

/// Takes records in the order of the runtime's journal, each once. What does not begin where the
/// last ended changes nothing; the answer says where to go on.
#[utoipa::path(post, path = "/runtimes/{runtime_id}/records", tag = "runtimes",
    request_body = ShipRecords,
    params(("runtime_id" = RuntimeId, Path, description = "The runtime")), responses(
    (status = 200, description = "How far records have been taken", body = RecordsTaken),
))]
pub(crate) async fn ship_records(
    State(api): State<Api>,
    runner: Runner,
    PathId(id): PathId<RuntimeId>,
    Upload(body): Upload<ShipRecords>,
) -> Result<Answer<RecordsTaken>, Failure> {
    let runtime = runner.enrolled(id)?;
    let instance = super::money::instance_of(runtime)?;
    let sent = body.records.into_iter().map(|record| Sent {
        envelope: record.envelope,
        mac: record.mac,
        next: Position::from_u64(record.next),
    });
    let ends = (Position::from_u64(body.from), Position::from_u64(body.to));
    let shipment = Shipment::read(
        runtime.tenant,
        instance,
        body.incarnation,
        ends,
        sent.collect(),
    );
    let called: BTreeSet<String> = shipment.agents().iter().map(AgentId::to_string).collect();
    let reached = api
        .far
        .runtimes
        .within_reach(runtime, &called, true)
        .await?;
    let agents = reached.iter().filter_map(|id| id.parse().ok()).collect();
    let others = api.far.projections.clone();
    match api.audit.take(shipment, &agents, others).await {
        Ok(position) => Ok(Answer(RecordsTaken {
            position: position.to_u64(),
        })),
        Err(iron_audit::Error::Superseded) => {
            let message = "a newer process of this runtime sends its records already";
            Err(Problem::new(ErrorKind::InvalidState, message).into())
        }
        Err(error) => Err(error.into()),
    }
}
