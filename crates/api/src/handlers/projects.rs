//! What agents are grouped by.

use axum::extract::State;
use iron_audit::Authorised;
use iron_identity::{NewProject, Permission, Project, ProjectChanges, Quota};
use iron_net::problem::Problem;
use iron_primitives::{ErrorKind, Period, ProjectId, Scope};
use iron_runtime::authority::Change;
use iron_sdk::lists::List;
use iron_sdk::projects::{CreateProject, ProjectDeleted, ProjectQuery, ProjectView, UpdateProject};
use iron_store::Sort;

use crate::answer::{Answer, Created, Tagged, list, page};
use crate::caller::Caller;
use crate::failure::Failure;
use crate::handlers::limits::{Limit, set_budget};
use crate::input::{IfMatch, Input, Params, PathId};
use crate::query::sort;
use crate::state::Api;
use crate::view;

/// Creates a project.
#[utoipa::path(post, path = "/projects", tag = "projects", request_body = CreateProject,
    responses((status = 201, description = "The project", body = ProjectView)))]
pub(crate) async fn create_project(
    State(api): State<Api>,
    caller: Caller,
    Input(body): Input<CreateProject>,
) -> Result<Created<ProjectView>, Failure> {
    let authorised = caller.may(Permission::ProjectManage)?;
    let limit = view::money(body.budget)?;
    let new = NewProject {
        name: body.name,
        description: body.description,
        team: body.team_id,
        cost_center: body.cost_center,
        settings: body.settings.unwrap_or_default(),
    };
    let mut tx = api.db.begin().await?;
    // The tenant before its teams.
    api.identity
        .hold_quota(&mut tx, &authorised, Quota::Projects)
        .await?;
    if let Some(team) = new.team {
        api.identity.keep_team(&mut tx, &authorised, team).await?;
    }
    let project = api
        .identity
        .create_project(&mut tx, &authorised, new)
        .await?;
    let scope = Scope::Project(project.id);
    api.limits
        .create_row(&mut tx, authorised.tenant, scope, limit, Period::None)
        .await?;
    tx.commit().await?;
    let location = format!("/api/v1/projects/{}", project.id);
    Ok(Created {
        location,
        view: shown(&api, &authorised, project).await?,
    })
}

/// Lists the projects of the tenant.
#[utoipa::path(get, path = "/projects", tag = "projects", params(ProjectQuery), responses(
    (status = 200, description = "The projects", body = List<ProjectView>),
))]
pub(crate) async fn list_projects(
    State(api): State<Api>,
    caller: Caller,
    Params(query): Params<ProjectQuery>,
) -> Result<Answer<List<ProjectView>>, Failure> {
    let authorised = caller.may(Permission::ProjectRead)?;
    let order = sort(
        query.sort.as_deref(),
        ProjectChanges::SORTS,
        Sort::descending("created_at"),
    )?;
    let page = page(query.page, query.per_page);
    let found = api
        .identity
        .projects(&authorised, query.name.as_deref(), order, page)
        .await?;
    let mut views = Vec::with_capacity(found.items.len());
    for project in found.items {
        views.push(shown(&api, &authorised, project).await?);
    }
    Ok(list(
        iron_store::Paged {
            items: views,
            total: found.total,
        },
        page,
        |view| view,
    ))
}

/// A project with what is counted of it.
async fn shown(
    api: &Api,
    authorised: &Authorised,
    project: Project,
) -> Result<ProjectView, Failure> {
    let budget = api
        .limits
        .get(authorised, Scope::Project(project.id))
        .await?;
    let agents = api.agents.count_by_project(authorised).await?;
    Ok(view::project(project, &budget, &agents))
}

/// One project.
#[utoipa::path(get, path = "/projects/{project_id}", tag = "projects",
    params(("project_id" = ProjectId, Path, description = "The project")), responses(
    (status = 200, description = "The project", body = ProjectView),
))]
pub(crate) async fn get_project(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<ProjectId>,
) -> Result<Tagged<ProjectView>, Failure> {
    let authorised = caller.may(Permission::ProjectRead)?;
    let project = api.identity.project(&api.db, &authorised, id).await?;
    let changed = project.updated_at;
    Ok(Tagged::new(
        shown(&api, &authorised, project).await?,
        changed,
    ))
}

/// Changes a project.
#[utoipa::path(patch, path = "/projects/{project_id}", tag = "projects",
    request_body = UpdateProject,
    params(("project_id" = ProjectId, Path, description = "The project")), responses(
    (status = 200, description = "The project", body = ProjectView),
))]
pub(crate) async fn update_project(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<ProjectId>,
    if_match: IfMatch,
    Input(body): Input<UpdateProject>,
) -> Result<Tagged<ProjectView>, Failure> {
    let authorised = caller.may(Permission::ProjectManage)?;
    let budget = match body.budget {
        None => None,
        Some(budget) => {
            let limit = budget.map_or(Limit::None, Limit::Is);
            let setter = caller.may(Permission::BudgetSet)?;
            Some((setter, set_budget(limit, (None, None), None)?))
        }
    };
    let mut tx = api.db.begin().await?;
    let present = api.identity.hold_project(&mut tx, &authorised, id).await?;
    if_match.allows_since(present.updated_at)?;
    if let Some(Some(team)) = body.team_id {
        api.identity.keep_team(&mut tx, &authorised, team).await?;
    }
    let changes = ProjectChanges {
        team: body.team_id,
        name: body.name,
        description: body.description,
        cost_center: body.cost_center,
        settings: body.settings,
    };
    let project = api
        .identity
        .update_project(&mut tx, &authorised, id, changes)
        .await?;
    let scope = Scope::Project(id);
    if let Some((setter, set)) = &budget {
        api.limits.put_in(&mut tx, setter, scope, set).await?;
    }
    tx.commit().await?;
    if budget.is_some() {
        (api.notify)(Change::Budget(scope));
    }
    let changed = project.updated_at;
    Ok(Tagged::new(
        shown(&api, &authorised, project).await?,
        changed,
    ))
}

/// Deletes a project that has no agents.
#[utoipa::path(delete, path = "/projects/{project_id}", tag = "projects",
    params(("project_id" = ProjectId, Path, description = "The project")), responses(
    (status = 200, description = "It is deleted", body = ProjectDeleted),
))]
pub(crate) async fn delete_project(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<ProjectId>,
    if_match: IfMatch,
) -> Result<Answer<ProjectDeleted>, Failure> {
    let authorised = caller.may(Permission::ProjectManage)?;
    let mut tx = api.db.begin().await?;
    let present = api.identity.hold_project(&mut tx, &authorised, id).await?;
    if_match.allows_since(present.updated_at)?;
    api.identity
        .delete_project(&mut tx, &authorised, id)
        .await?;
    let agents = api.agents.count_in(&mut tx, &authorised, id).await?;
    if agents > 0 {
        let message = format!("the project has {agents} agents; delete them first");
        return Err(Problem::new(ErrorKind::ResourceInUse, message).into());
    }
    tx.commit().await?;
    Ok(Answer(ProjectDeleted {
        id,
        deleted: true,
        deleted_at: api.environment.now(),
    }))
}
