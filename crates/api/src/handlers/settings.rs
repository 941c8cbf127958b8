//! Settings at each level: what holds, and what is to be different.

use axum::extract::State;
use iron_audit::Authorised;
use iron_identity::Permission;
use iron_primitives::{ProjectId, TeamId};
use iron_sdk::settings::{ChangeSettings, SettingsView};
use iron_settings::{Chain, Document, Draft, Patch};
use serde_json::Value;

use crate::answer::Tagged;
use crate::caller::Caller;
use crate::failure::Failure;
use crate::input::{IfMatch, Input, PathId};
use crate::state::Api;
use crate::view;

/// What holds for oneself.
#[utoipa::path(get, path = "/settings/user", tag = "settings", responses(
    (status = 200, description = "What holds", body = SettingsView),
))]
pub(crate) async fn get_own_settings(
    State(api): State<Api>,
    caller: Caller,
) -> Result<Tagged<SettingsView>, Failure> {
    let authorised = caller.may(Permission::SettingsRead)?;
    shown(&api, &authorised, &own(&authorised)).await
}

/// Changes what one has set for oneself.
#[utoipa::path(method(patch, put), path = "/settings/user", tag = "settings",
    request_body = ChangeSettings,
    responses((status = 200, description = "What holds now", body = SettingsView)))]
pub(crate) async fn change_own_settings(
    State(api): State<Api>,
    caller: Caller,
    if_match: IfMatch,
    Input(body): Input<ChangeSettings>,
) -> Result<Tagged<SettingsView>, Failure> {
    let authorised = caller.may(Permission::ProfileWrite)?;
    let chain = own(&authorised);
    changed(&api, &authorised, &chain, &if_match, patch(&body)?).await
}

/// Takes away everything that one has set for oneself, so that what is inherited holds again.
#[utoipa::path(delete, path = "/settings/user", tag = "settings", responses(
    (status = 200, description = "What holds now", body = SettingsView),
))]
pub(crate) async fn reset_own_settings(
    State(api): State<Api>,
    caller: Caller,
    if_match: IfMatch,
) -> Result<Tagged<SettingsView>, Failure> {
    let authorised = caller.may(Permission::ProfileWrite)?;
    let chain = own(&authorised);
    let nothing = Draft::Whole(Document::default());
    changed(&api, &authorised, &chain, &if_match, nothing).await
}

/// What holds for a project.
#[utoipa::path(get, path = "/settings/project/{project_id}", tag = "settings",
    params(("project_id" = ProjectId, Path, description = "The project")), responses(
    (status = 200, description = "What holds", body = SettingsView),
))]
pub(crate) async fn get_project_settings(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<ProjectId>,
) -> Result<Tagged<SettingsView>, Failure> {
    let authorised = caller.may(Permission::ProjectRead)?;
    let chain = of_project(&api, &authorised, id).await?;
    shown(&api, &authorised, &chain).await
}

/// Changes what is set for a project.
#[utoipa::path(method(patch, put), path = "/settings/project/{project_id}", tag = "settings",
    request_body = ChangeSettings, params(("project_id" = ProjectId, Path, description = "The project")),
    responses((status = 200, description = "What holds now", body = SettingsView)))]
pub(crate) async fn change_project_settings(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<ProjectId>,
    if_match: IfMatch,
    Input(body): Input<ChangeSettings>,
) -> Result<Tagged<SettingsView>, Failure> {
    let authorised = caller.may(Permission::ConfigWrite)?;
    let chain = of_project(&api, &authorised, id).await?;
    changed(&api, &authorised, &chain, &if_match, patch(&body)?).await
}

/// What holds for a team, for its members and admins.
#[utoipa::path(get, path = "/settings/team/{team_id}", tag = "settings",
    params(("team_id" = TeamId, Path, description = "The team")), responses(
    (status = 200, description = "What holds", body = SettingsView),
))]
pub(crate) async fn get_team_settings(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<TeamId>,
) -> Result<Tagged<SettingsView>, Failure> {
    let authorised = caller.may(Permission::TeamRead)?;
    let team = api.identity.team(&api.db, &authorised, id).await?;
    shown(&api, &authorised, &Chain::team(team.tenant_id, team.id)).await
}

/// Changes what is set for a team.
#[utoipa::path(method(patch, put), path = "/settings/team/{team_id}", tag = "settings",
    request_body = ChangeSettings, params(("team_id" = TeamId, Path, description = "The team")),
    responses((status = 200, description = "What holds now", body = SettingsView)))]
pub(crate) async fn change_team_settings(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<TeamId>,
    if_match: IfMatch,
    Input(body): Input<ChangeSettings>,
) -> Result<Tagged<SettingsView>, Failure> {
    let authorised = caller.may(Permission::ConfigWrite)?;
    let team = api.identity.team(&api.db, &authorised, id).await?;
    let chain = Chain::team(team.tenant_id, team.id);
    changed(&api, &authorised, &chain, &if_match, patch(&body)?).await
}

/// What holds for the tenant.
#[utoipa::path(get, path = "/settings/tenant", tag = "settings", responses(
    (status = 200, description = "What holds", body = SettingsView),
))]
pub(crate) async fn get_tenant_settings(
    State(api): State<Api>,
    caller: Caller,
) -> Result<Tagged<SettingsView>, Failure> {
    let authorised = caller.may(Permission::SettingsRead)?;
    shown(&api, &authorised, &Chain::tenant(authorised.tenant)).await
}

/// Changes what is set for the tenant. It holds on every server within a second.
#[utoipa::path(method(patch, put), path = "/settings/tenant", tag = "settings",
    request_body = ChangeSettings,
    responses((status = 200, description = "What holds now", body = SettingsView)))]
pub(crate) async fn change_tenant_settings(
    State(api): State<Api>,
    caller: Caller,
    if_match: IfMatch,
    Input(body): Input<ChangeSettings>,
) -> Result<Tagged<SettingsView>, Failure> {
    let authorised = caller.may(Permission::ConfigWrite)?;
    let chain = Chain::tenant(authorised.tenant);
    changed(&api, &authorised, &chain, &if_match, patch(&body)?).await
}

/// What holds for the installation; for platform admins.
#[utoipa::path(get, path = "/settings/system", tag = "settings", responses(
    (status = 200, description = "What holds", body = SettingsView),
))]
pub(crate) async fn get_system_settings(
    State(api): State<Api>,
    caller: Caller,
) -> Result<Tagged<SettingsView>, Failure> {
    let authorised = caller.may(Permission::TenantManage)?;
    shown(&api, &authorised, &Chain::system()).await
}

/// Changes what is set for the installation; for platform admins.
#[utoipa::path(method(patch, put), path = "/settings/system", tag = "settings",
    request_body = ChangeSettings,
    responses((status = 200, description = "What holds now", body = SettingsView)))]
pub(crate) async fn change_system_settings(
    State(api): State<Api>,
    caller: Caller,
    if_match: IfMatch,
    Input(body): Input<ChangeSettings>,
) -> Result<Tagged<SettingsView>, Failure> {
    let authorised = caller.may(Permission::TenantManage)?;
    changed(
        &api,
        &authorised,
        &Chain::system(),
        &if_match,
        patch(&body)?,
    )
    .await
}

fn own(authorised: &Authorised) -> Chain {
    Chain::user(authorised.tenant, authorised.user)
}

async fn of_project(api: &Api, authorised: &Authorised, id: ProjectId) -> Result<Chain, Failure> {
    let project = api.identity.project(&api.db, authorised, id).await?;
    Ok(Chain::project(
        project.tenant_id,
        project.team_id,
        project.id,
    ))
}

fn patch(body: &ChangeSettings) -> Result<Draft, Failure> {
    // What was read from an object is one again.
    let Ok(Value::Object(groups)) = serde_json::to_value(body) else {
        return Ok(Draft::Patch(Patch::default()));
    };
    let patch = Patch::from_json(&groups).map_err(view::wrong_settings)?;
    Ok(Draft::Patch(patch))
}

async fn shown(
    api: &Api,
    authorised: &Authorised,
    chain: &Chain,
) -> Result<Tagged<SettingsView>, Failure> {
    let shown = api.settings.shown(authorised, chain).await?;
    let tag = tag(view::version_of(shown.own.as_ref()));
    Ok(Tagged::with_tag(view::settings(&shown), tag))
}

async fn changed(
    api: &Api,
    authorised: &Authorised,
    chain: &Chain,
    if_match: &IfMatch,
    draft: Draft,
) -> Result<Tagged<SettingsView>, Failure> {
    let mut tx = api.db.begin().await?;
    let held = api
        .settings
        .hold(&mut tx, authorised, chain.clone())
        .await?;
    if_match.allows(&tag(view::version_of(held.own())))?;
    api.settings
        .set(&mut tx, authorised, held, draft, None)
        .await?;
    tx.commit().await?;
    api.settings.refresh().await?;
    shown(api, authorised, chain).await
}

/// The tag of a version.
pub(crate) fn tag(version: i64) -> String {
    format!("\"{version}\"")
}
