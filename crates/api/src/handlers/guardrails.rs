//! Guardrail profiles.

pub(crate) mod check;
pub(crate) mod violations;

use axum::extract::State;
use iron_audit::Authorised;
use iron_identity::Permission;
use iron_net::problem::Problem;
use iron_primitives::{ErrorKind, ProfileId};
use iron_rules::{GuardrailProfile, NewProfile, ProfileChange};
use iron_runtime::authority::Change;
use iron_sdk::guardrails::{
    CreateGuardrailProfile, GuardrailProfileDeleted, GuardrailProfileQuery,
    GuardrailProfileVersion, GuardrailProfileView, UpdateGuardrailProfile,
};
use iron_sdk::lists::{List, PageQuery};
use iron_store::{Paged, Sort, Tx};

use crate::answer::{Answer, Created, Tagged, list, page};
use crate::caller::Caller;
use crate::failure::Failure;
use crate::input::{IfMatch, Input, Params, PathId, PathVersion};
use crate::query::sort;
use crate::state::Api;
use crate::view;

const SORTS: &[(&str, &str)] = &[
    ("name", "name"),
    ("created_at", "created_at"),
    ("updated_at", "updated_at"),
];

/// Makes a guardrail profile, if its patterns do what their examples say.
#[utoipa::path(post, path = "/guardrail-profiles", tag = "guardrails",
    request_body = CreateGuardrailProfile, responses(
    (status = 201, description = "The profile", body = GuardrailProfileView),
))]
pub(crate) async fn create_guardrail_profile(
    State(api): State<Api>,
    caller: Caller,
    Input(body): Input<CreateGuardrailProfile>,
) -> Result<Created<GuardrailProfileView>, Failure> {
    let authorised = caller.may(Permission::GuardrailWrite)?;
    let new = NewProfile {
        fields: view::profile_fields(&body)?,
        name: body.name,
        is_default: body.is_default.unwrap_or(false),
    };
    let new = api.profiles.check(new).await?;
    let mut tx = api.db.begin().await?;
    let made = api.profiles.create(&mut tx, &authorised, new).await?;
    tx.commit().await?;
    if made.is_default {
        (api.notify)(Change::Tenant(authorised.tenant));
    }
    Ok(Created {
        location: format!("/api/v1/guardrail-profiles/{}", made.id),
        view: view::guardrail_profile(made)?,
    })
}

/// Lists the guardrail profiles of the tenant.
#[utoipa::path(get, path = "/guardrail-profiles", tag = "guardrails",
    params(GuardrailProfileQuery), responses(
    (status = 200, description = "The profiles", body = List<GuardrailProfileView>),
))]
pub(crate) async fn list_guardrail_profiles(
    State(api): State<Api>,
    caller: Caller,
    Params(query): Params<GuardrailProfileQuery>,
) -> Result<Answer<List<GuardrailProfileView>>, Failure> {
    let authorised = caller.may(Permission::GuardrailRead)?;
    let order = sort(query.sort.as_deref(), SORTS, Sort::ascending("name"))?;
    let page = page(query.page, query.per_page);
    let found = api.profiles.list(&authorised, order, page).await?;
    let shown = shown(found, view::guardrail_profile)?;
    Ok(list(shown, page, |view| view))
}

/// One guardrail profile.
#[utoipa::path(get, path = "/guardrail-profiles/{profile_id}", tag = "guardrails",
    params(("profile_id" = ProfileId, Path, description = "The profile")), responses(
    (status = 200, description = "The profile", body = GuardrailProfileView),
))]
pub(crate) async fn get_guardrail_profile(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<ProfileId>,
) -> Result<Tagged<GuardrailProfileView>, Failure> {
    let authorised = caller.may(Permission::GuardrailRead)?;
    let profile = api.profiles.get(&authorised, id).await?;
    tagged(profile)
}

/// Changes a guardrail profile, for the next call of everybody for whom it holds.
#[utoipa::path(patch, path = "/guardrail-profiles/{profile_id}", tag = "guardrails",
    request_body = UpdateGuardrailProfile,
    params(("profile_id" = ProfileId, Path, description = "The profile")), responses(
    (status = 200, description = "The profile", body = GuardrailProfileView),
))]
pub(crate) async fn update_guardrail_profile(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<ProfileId>,
    if_match: IfMatch,
    Input(body): Input<UpdateGuardrailProfile>,
) -> Result<Tagged<GuardrailProfileView>, Failure> {
    let authorised = caller.may(Permission::GuardrailWrite)?;
    let change = ProfileChange {
        fields: view::profile_fields(&body)?,
        name: body.name,
        is_default: body.is_default,
    };
    let profiles = &api.profiles;
    let before = profiles.get(&authorised, id).await?;
    if_match.allows_since(before.updated_at)?;
    let change = profiles.check_change(&before, change).await?;
    let mut tx = api.db.begin().await?;
    let before = profiles.hold(&mut tx, &authorised, id).await?;
    if_match.allows_since(before.updated_at)?;
    let after = profiles.update(&mut tx, &authorised, id, change).await?;
    tx.commit().await?;
    (api.notify)(Change::Tenant(authorised.tenant));
    tagged(after)
}

/// Deletes a guardrail profile, with its versions, that is not the default and that neither an agent
/// nor a team names.
#[utoipa::path(delete, path = "/guardrail-profiles/{profile_id}", tag = "guardrails",
    params(("profile_id" = ProfileId, Path, description = "The profile")), responses(
    (status = 200, description = "It is deleted", body = GuardrailProfileDeleted),
))]
pub(crate) async fn delete_guardrail_profile(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<ProfileId>,
    if_match: IfMatch,
) -> Result<Answer<GuardrailProfileDeleted>, Failure> {
    let authorised = caller.may(Permission::GuardrailWrite)?;
    let mut tx = api.db.begin().await?;
    let before = api.profiles.hold(&mut tx, &authorised, id).await?;
    if_match.allows_since(before.updated_at)?;
    unused(&api, &mut tx, &authorised, id).await?;
    api.profiles.delete(&mut tx, &authorised, id).await?;
    tx.commit().await?;
    Ok(Answer(GuardrailProfileDeleted { id, deleted: true }))
}

/// Lists what a guardrail profile has said, the latest first.
#[utoipa::path(get, path = "/guardrail-profiles/{profile_id}/versions", tag = "guardrails",
    params(PageQuery, ("profile_id" = ProfileId, Path, description = "The profile")), responses(
    (status = 200, description = "The versions", body = List<GuardrailProfileVersion>),
))]
pub(crate) async fn list_guardrail_profile_versions(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<ProfileId>,
    Params(query): Params<PageQuery>,
) -> Result<Answer<List<GuardrailProfileVersion>>, Failure> {
    let authorised = caller.may(Permission::GuardrailRead)?;
    let page = page(query.page, query.per_page);
    let found = api.profiles.versions(&authorised, id, page).await?;
    let shown = shown(found, view::guardrail_profile_version)?;
    Ok(list(shown, page, |view| view))
}

/// What a guardrail profile said at one time.
#[utoipa::path(get, path = "/guardrail-profiles/{profile_id}/versions/{version}",
    tag = "guardrails", params(
    ("profile_id" = ProfileId, Path, description = "The profile"),
    ("version" = i64, Path, minimum = 1, description = "The version, from 1")), responses(
    (status = 200, description = "The version", body = GuardrailProfileVersion),
))]
pub(crate) async fn get_guardrail_profile_version(
    State(api): State<Api>,
    caller: Caller,
    PathVersion(id, version): PathVersion<ProfileId>,
) -> Result<Answer<GuardrailProfileVersion>, Failure> {
    let authorised = caller.may(Permission::GuardrailRead)?;
    let found = api.profiles.version(&authorised, id, version).await?;
    Ok(Answer(view::guardrail_profile_version(found)?))
}

/// Refuses what names a profile that the tenant does not have. It stays until the end of the
/// transaction.
pub(crate) async fn kept(
    api: &Api,
    tx: &mut Tx,
    authorised: &Authorised,
    (field, named): (&str, Option<ProfileId>),
) -> Result<(), Failure> {
    let Some(id) = named else { return Ok(()) };
    match api.profiles.keep(tx, authorised, id).await? {
        true => Ok(()),
        false => Err(Problem::field(field, "there is no such guardrail profile").into()),
    }
}

/// Whoever loses its profile would silently have another one.
async fn unused(
    api: &Api,
    tx: &mut Tx,
    authorised: &Authorised,
    id: ProfileId,
) -> Result<(), Failure> {
    let agents = &api.agents;
    let agents = agents.count_with_guardrail_profile(tx, authorised, id);
    let agents = agents.await?;
    let identity = &api.identity;
    let teams = identity.count_teams_with_guardrail_profile(tx, authorised, id);
    let teams = teams.await?;
    if agents == 0 && teams == 0 {
        return Ok(());
    }
    let message = format!(
        "the guardrail profile is named by {agents} agents and {teams} teams; name another one in \
         their settings and policies first"
    );
    Err(Problem::new(ErrorKind::ResourceInUse, message)
        .detail("agents", agents)
        .detail("teams", teams)
        .into())
}

fn tagged(profile: GuardrailProfile) -> Result<Tagged<GuardrailProfileView>, Failure> {
    let changed = profile.updated_at;
    Ok(Tagged::new(view::guardrail_profile(profile)?, changed))
}

/// A page of what is shown of what was found.
pub(crate) fn shown<T, V>(
    found: Paged<T>,
    view: impl Fn(T) -> Result<V, Failure>,
) -> Result<Paged<V>, Failure> {
    let items: Result<Vec<V>, Failure> = found.items.into_iter().map(view).collect();
    Ok(Paged {
        items: items?,
        total: found.total,
    })
}
