//! Whole configurations: the versions of what is set for a tenant or for the installation.

use axum::extract::State;
use iron_audit::Authorised;
use iron_identity::Permission;
use iron_net::problem::Problem;
use iron_sdk::lists::List;
use iron_sdk::settings::{
    ConfigCheck, ConfigLevel, ConfigQuery, ConfigVersionsQuery, ConfigView, PutConfig,
    RollbackConfig,
};
use iron_settings::{Chain, Document, Draft, Error, Wrong};

use crate::answer::{Answer, Tagged, list, page};
use crate::caller::Caller;
use crate::failure::Failure;
use crate::handlers::settings::tag;
use crate::input::{IfMatch, Input, Params};
use crate::state::Api;
use crate::view;

/// What is set for the tenant, or for the installation: the newest version, or an older one.
#[utoipa::path(get, path = "/config", tag = "settings", params(ConfigQuery), responses(
    (status = 200, description = "The configuration", body = ConfigView),
))]
pub(crate) async fn get_config(
    State(api): State<Api>,
    caller: Caller,
    Params(query): Params<ConfigQuery>,
) -> Result<Tagged<ConfigView>, Failure> {
    let (authorised, level, chain) = allowed(&caller, query.level)?;
    let found = match query.version {
        None => api.settings.newest(&authorised, &chain).await?,
        Some(number) => Some(api.settings.version(&authorised, &chain, number).await?),
    };
    let tag = tag(view::version_of(found.as_ref()));
    Ok(Tagged::with_tag(view::config(level, found), tag))
}

/// Applies a whole configuration: what is not in it is inherited from then on. It holds on every
/// server within a second, without a restart.
#[utoipa::path(put, path = "/config", tag = "settings", request_body = PutConfig, responses(
    (status = 200, description = "The new version; the present one if nothing is different",
        body = ConfigView),
))]
pub(crate) async fn put_config(
    State(api): State<Api>,
    caller: Caller,
    if_match: IfMatch,
    Input(body): Input<PutConfig>,
) -> Result<Tagged<ConfigView>, Failure> {
    let (authorised, level, chain) = allowed(&caller, body.level)?;
    let document = document(&body)?.map_err(view::wrong_settings)?;
    let draft = Draft::Whole(document);
    applied(
        &api,
        &authorised,
        (level, chain),
        Some(if_match),
        (draft, body.comment),
    )
    .await
}

/// Tells whether a configuration could be applied, and what it would change. Nothing is changed.
#[utoipa::path(post, path = "/config/validate", tag = "settings", request_body = PutConfig,
    responses((status = 200, description = "What was found", body = ConfigCheck)))]
pub(crate) async fn validate_config(
    State(api): State<Api>,
    caller: Caller,
    Input(body): Input<PutConfig>,
) -> Result<Answer<ConfigCheck>, Failure> {
    let (authorised, _, chain) = allowed(&caller, body.level)?;
    let found = match document(&body)? {
        Err(wrong) => Err(wrong),
        Ok(document) => match api.settings.check(&authorised, &chain, &document).await {
            Err(Error::Wrong(wrong)) => Err(wrong),
            other => Ok(other?),
        },
    };
    Ok(Answer(match found {
        Ok(changes) => ConfigCheck {
            valid: true,
            problems: Vec::new(),
            diff: view::changes(changes),
        },
        Err(wrong) => ConfigCheck {
            valid: false,
            problems: view::config_problems(wrong),
            diff: Vec::new(),
        },
    }))
}

/// Lists the versions, the newest first, each with what it changed.
#[utoipa::path(get, path = "/config/versions", tag = "settings", params(ConfigVersionsQuery),
    responses((status = 200, description = "The versions", body = List<ConfigView>)))]
pub(crate) async fn list_config_versions(
    State(api): State<Api>,
    caller: Caller,
    Params(query): Params<ConfigVersionsQuery>,
) -> Result<Answer<List<ConfigView>>, Failure> {
    let (authorised, level, chain) = allowed(&caller, query.level)?;
    let page = page(query.page, query.per_page);
    let found = api.settings.versions(&authorised, &chain, page).await?;
    Ok(list(found, page, |version| {
        view::config(level, Some(version))
    }))
}

/// Goes back to an older version: a new one with the same content.
#[utoipa::path(post, path = "/config/rollback", tag = "settings", request_body = RollbackConfig,
    responses((status = 200, description = "The new version; the present one if nothing is different",
        body = ConfigView)))]
pub(crate) async fn rollback_config(
    State(api): State<Api>,
    caller: Caller,
    Input(body): Input<RollbackConfig>,
) -> Result<Tagged<ConfigView>, Failure> {
    let (authorised, level, chain) = allowed(&caller, body.level)?;
    let draft = Draft::Again(body.version);
    applied(
        &api,
        &authorised,
        (level, chain),
        None,
        (draft, body.comment),
    )
    .await
}

/// Admins keep the configuration of their tenant, platform admins that of the installation.
fn allowed(
    caller: &Caller,
    level: Option<ConfigLevel>,
) -> Result<(Authorised, ConfigLevel, Chain), Failure> {
    let level = level.unwrap_or(ConfigLevel::Tenant);
    Ok(match level {
        ConfigLevel::Tenant => {
            let authorised = caller.may(Permission::ConfigWrite)?;
            let chain = Chain::tenant(authorised.tenant);
            (authorised, level, chain)
        }
        ConfigLevel::System => {
            let authorised = caller.may(Permission::TenantManage)?;
            (authorised, level, Chain::system())
        }
    })
}

/// What a body says; the inner error is for its author to mend.
fn document(body: &PutConfig) -> Result<Result<Document, Vec<Wrong>>, Problem> {
    match (&body.config, &body.yaml) {
        (Some(config), None) => Ok(Document::from_json(config)),
        (None, Some(yaml)) => Ok(Document::from_yaml(yaml)),
        (None, None) => Err(Problem::field(
            "config",
            "either `config` or `yaml` is needed",
        )),
        (Some(_), Some(_)) => Err(Problem::field(
            "yaml",
            "either `config` or `yaml` may be given, not both",
        )),
    }
}

async fn applied(
    api: &Api,
    authorised: &Authorised,
    (level, chain): (ConfigLevel, Chain),
    if_match: Option<IfMatch>,
    (draft, comment): (Draft, Option<String>),
) -> Result<Tagged<ConfigView>, Failure> {
    let mut tx = api.db.begin().await?;
    let held = api.settings.hold(&mut tx, authorised, chain).await?;
    if let Some(if_match) = if_match {
        if_match.allows(&tag(view::version_of(held.own())))?;
    }
    let set = api.settings.set(&mut tx, authorised, held, draft, comment);
    let version = set.await?;
    tx.commit().await?;
    api.settings.refresh().await?;
    let tag = tag(view::version_of(version.as_ref()));
    Ok(Tagged::with_tag(view::config(level, version), tag))
}
