//! Runtimes elsewhere, as admins make and end them.

pub(crate) mod ask;
pub(crate) mod money;
pub(crate) mod records;

use std::time::Duration;

use axum::extract::State;
use iron_fleet::Runtime;
use iron_identity::Permission;
use iron_primitives::RuntimeId;
use iron_sdk::lists::List;
use iron_sdk::runtimes::{
    CreateRuntime, RotateRuntimeKey, RuntimeCreated, RuntimeKeyRotated, RuntimeQuery,
    RuntimeStatus, RuntimeView, UpdateRuntime,
};
use iron_sdk::users::Reason;

use crate::answer::{Answer, Created, list, page};
use crate::caller::Caller;
use crate::failure::Failure;
use crate::input::{Input, Params, PathId};
use crate::state::Api;

/// How long a former key works where nothing else is said.
const USUAL_GRACE_MINUTES: u32 = 60;

/// Allows a new runtime; its key is shown this once.
#[utoipa::path(post, path = "/runtimes", tag = "runtimes", request_body = CreateRuntime,
    responses((status = 201, description = "The runtime with its key", body = RuntimeCreated)))]
pub(crate) async fn create_runtime(
    State(api): State<Api>,
    caller: Caller,
    Input(body): Input<CreateRuntime>,
) -> Result<Created<RuntimeCreated>, Failure> {
    let authorised = caller.may(Permission::RuntimeManage)?;
    let mut tx = api.db.begin().await?;
    let made = api.far.runtimes.create(&mut tx, &authorised, &body.name);
    let (runtime, key) = made.await?;
    tx.commit().await?;
    Ok(Created {
        location: format!("/api/v1/runtimes/{}", runtime.id),
        view: RuntimeCreated {
            id: runtime.id,
            name: runtime.name,
            key: key.into(),
            created_at: runtime.created_at,
        },
    })
}

/// Lists the runtimes of the tenant, the newest first.
#[utoipa::path(get, path = "/runtimes", tag = "runtimes", params(RuntimeQuery), responses(
    (status = 200, description = "The runtimes, without keys", body = List<RuntimeView>),
))]
pub(crate) async fn list_runtimes(
    State(api): State<Api>,
    caller: Caller,
    Params(query): Params<RuntimeQuery>,
) -> Result<Answer<List<RuntimeView>>, Failure> {
    let authorised = caller.may(Permission::RuntimeManage)?;
    let page = page(query.page, query.per_page);
    let found = api.far.runtimes.list(&authorised, page).await?;
    Ok(list(found, page, view))
}

/// One runtime.
#[utoipa::path(get, path = "/runtimes/{runtime_id}", tag = "runtimes",
    params(("runtime_id" = RuntimeId, Path, description = "The runtime")), responses(
    (status = 200, description = "The runtime, without its key", body = RuntimeView),
))]
pub(crate) async fn get_runtime(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<RuntimeId>,
) -> Result<Answer<RuntimeView>, Failure> {
    let authorised = caller.may(Permission::RuntimeManage)?;
    Ok(Answer(view(api.far.runtimes.get(&authorised, id).await?)))
}

/// Replaces the client certificates by which a runtime is known. While one takes the place of
/// another, both are named.
#[utoipa::path(patch, path = "/runtimes/{runtime_id}", tag = "runtimes",
    request_body = UpdateRuntime,
    params(("runtime_id" = RuntimeId, Path, description = "The runtime")), responses(
    (status = 200, description = "The runtime", body = RuntimeView),
))]
pub(crate) async fn update_runtime(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<RuntimeId>,
    Input(body): Input<UpdateRuntime>,
) -> Result<Answer<RuntimeView>, Failure> {
    let authorised = caller.may(Permission::RuntimeManage)?;
    let certificates = body.certificates.into_iter().collect();
    let mut tx = api.db.begin().await?;
    let changed = api
        .far
        .runtimes
        .certify(&mut tx, &authorised, id, certificates);
    let runtime = changed.await?;
    tx.commit().await?;
    Ok(Answer(view(runtime)))
}

/// Replaces the key of a runtime; the former one works for a while.
#[utoipa::path(post, path = "/runtimes/{runtime_id}/rotate", tag = "runtimes",
    request_body = RotateRuntimeKey,
    params(("runtime_id" = RuntimeId, Path, description = "The runtime")), responses(
    (status = 200, description = "The new key", body = RuntimeKeyRotated),
))]
pub(crate) async fn rotate_runtime_key(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<RuntimeId>,
    Input(body): Input<RotateRuntimeKey>,
) -> Result<Answer<RuntimeKeyRotated>, Failure> {
    let authorised = caller.may(Permission::RuntimeManage)?;
    let minutes = body.grace_minutes.unwrap_or(USUAL_GRACE_MINUTES);
    let grace = Duration::from_secs(u64::from(minutes) * 60);
    let mut tx = api.db.begin().await?;
    let rotated = api.far.runtimes.rotate(&mut tx, &authorised, id, grace);
    let (key, previous_valid_until) = rotated.await?;
    tx.commit().await?;
    Ok(Answer(RuntimeKeyRotated {
        id,
        key: key.into(),
        previous_valid_until,
    }))
}

/// Revokes the key of a runtime for good and takes its leases away: what it does not account for
/// stays in suspense. Doing it again gives the same answer.
#[utoipa::path(post, path = "/runtimes/{runtime_id}/revoke", tag = "runtimes",
    request_body = Reason,
    params(("runtime_id" = RuntimeId, Path, description = "The runtime")), responses(
    (status = 200, description = "The runtime, revoked", body = RuntimeView),
))]
pub(crate) async fn revoke_runtime(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<RuntimeId>,
    Input(body): Input<Reason>,
) -> Result<Answer<RuntimeView>, Failure> {
    let authorised = caller.may(Permission::RuntimeManage)?;
    let mut tx = api.db.begin().await?;
    let revoked = api
        .far
        .runtimes
        .revoke(&mut tx, &authorised, id, &body.reason);
    let runtime = revoked.await?;
    tx.commit().await?;
    // After the commit: from now on nothing prolongs them, whatever becomes of this request.
    if let Some(instance) = runtime.instance {
        api.far.ledger.fence_instance(instance).await?;
    }
    Ok(Answer(view(runtime)))
}

fn view(runtime: Runtime) -> RuntimeView {
    RuntimeView {
        id: runtime.id,
        status: match (runtime.revoked_at, runtime.instance) {
            (Some(_), _) => RuntimeStatus::Revoked,
            (None, Some(_)) => RuntimeStatus::Enrolled,
            (None, None) => RuntimeStatus::New,
        },
        name: runtime.name,
        key_prefix: runtime.key_prefix,
        instance_id: runtime.instance,
        public_key: runtime.public_key,
        certificates: runtime.certificates.into_iter().collect(),
        version: runtime.program,
        enrolled_at: runtime.enrolled_at,
        created_at: runtime.created_at,
        revoked_at: runtime.revoked_at,
    }
}
