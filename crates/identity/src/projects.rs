//! Projects: what agents are grouped by.

use std::collections::HashMap;

use iron_audit::{Authorised, Entry};
use iron_primitives::{ProjectId, TeamId, TenantId};
use iron_store::{Page, Paged, Sort, Target, Tx};
use serde_json::{Map, Value};

use crate::{Error, Identity, Project, Quota, identity, store};

/// A project to be made.
#[derive(Debug, Clone, Default)]
pub struct NewProject {
    /// Its name, unique in the tenant.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// The team it belongs to; the caller has made sure that it exists.
    pub team: Option<TeamId>,
    /// Who pays for it.
    pub cost_center: Option<String>,
    /// Free settings.
    pub settings: Map<String, Value>,
}

/// What is to be different; what is none stays, an inner none clears.
#[derive(Debug, Clone, Default)]
pub struct ProjectChanges {
    /// Its name.
    pub name: Option<String>,
    /// What it is for.
    pub description: Option<Option<String>>,
    /// The team it belongs to, from now on also of new agents in it; the caller has made sure that
    /// it exists.
    pub team: Option<Option<TeamId>>,
    /// Who pays for it.
    pub cost_center: Option<Option<String>>,
    /// Settings, merged by their top-level keys; a null removes one.
    pub settings: Option<Map<String, Value>>,
}

impl ProjectChanges {
    /// By which fields the list can be sorted, with their columns.
    pub const SORTS: &'static [(&'static str, &'static str)] = &[
        ("name", "name"),
        ("created_at", "created_at"),
        ("updated_at", "updated_at"),
    ];
}

impl Identity {
    /// The names of the projects of a tenant: of one's own, or of any for a platform admin.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn project_names(
        &self,
        authorised: &Authorised,
        tenant: TenantId,
    ) -> Result<HashMap<ProjectId, String>, Error> {
        self.tenant(&self.db, authorised, tenant).await?;
        Ok(store::projects::names(&self.db, tenant).await?)
    }

    /// Makes a project.
    ///
    /// # Errors
    /// [`Error::DuplicateName`].
    pub async fn create_project(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        new: NewProject,
    ) -> Result<Project, Error> {
        self.room_for(tx, authorised, Quota::Projects).await?;
        let now = self.now();
        let project = Project {
            id: self.environment.new_id(),
            tenant_id: authorised.tenant,
            name: new.name,
            description: new.description,
            team_id: new.team,
            cost_center: new.cost_center,
            settings: new.settings,
            is_default: false,
            created_at: now,
            updated_at: now,
        };
        store::projects::insert(tx, &project).await.map_err(taken)?;
        let entry = Entry::new("project.create", "project")
            .resource(project.id)
            .changes(None::<&Project>, Some(&project));
        self.record(tx, authorised, entry).await?;
        Ok(project)
    }

    /// One project of the tenant.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn project<'a>(
        &self,
        on: impl Into<Target<'a>>,
        authorised: &Authorised,
        id: ProjectId,
    ) -> Result<Project, Error> {
        store::projects::get(on, authorised.tenant, id)
            .await?
            .ok_or_else(|| Error::no("project", id))
    }

    /// One project, held until the end of the transaction: what is read here is what will be
    /// changed, whoever else wants to change it.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn hold_project(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        id: ProjectId,
    ) -> Result<Project, Error> {
        store::projects::lock(tx, authorised.tenant, id).await?;
        self.project(tx, authorised, id).await
    }

    /// One project that is not deleted before the end of the transaction.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn keep_project(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        id: ProjectId,
    ) -> Result<Project, Error> {
        store::projects::keep(tx, authorised.tenant, id).await?;
        self.project(tx, authorised, id).await
    }

    /// The project that the tenant was born with.
    ///
    /// # Errors
    /// [`Error::NotFound`], which does not happen.
    pub async fn default_project<'a>(
        &self,
        on: impl Into<Target<'a>>,
        authorised: &Authorised,
    ) -> Result<Project, Error> {
        store::projects::default(on, authorised.tenant)
            .await?
            .ok_or_else(|| Error::no("project", "default"))
    }

    /// A page of the tenant's projects.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn projects(
        &self,
        authorised: &Authorised,
        name: Option<&str>,
        sort: Sort,
        page: Page,
    ) -> Result<Paged<Project>, Error> {
        Ok(store::projects::list(&self.db, authorised.tenant, name, sort, page).await?)
    }

    /// Changes a project.
    ///
    /// # Errors
    /// [`Error::NotFound`] or [`Error::DuplicateName`].
    pub async fn update_project(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        id: ProjectId,
        changes: ProjectChanges,
    ) -> Result<Project, Error> {
        let before = self.hold_project(tx, authorised, id).await?;
        let mut project = before.clone();
        if let Some(name) = changes.name {
            project.name = name;
        }
        if let Some(description) = changes.description {
            project.description = description;
        }
        if let Some(team) = changes.team {
            project.team_id = team;
        }
        if let Some(cost_center) = changes.cost_center {
            project.cost_center = cost_center;
        }
        for (key, value) in changes.settings.unwrap_or_default() {
            if value.is_null() {
                project.settings.shift_remove(&key);
            } else {
                project.settings.insert(key, value);
            }
        }
        project.updated_at = identity::later(self.now(), before.updated_at);
        store::projects::update(tx, &project).await.map_err(taken)?;
        let entry = Entry::new("project.update", "project")
            .resource(id)
            .changes(Some(&before), Some(&project));
        self.record(tx, authorised, entry).await?;
        Ok(project)
    }

    /// Deletes a project; that it has no agents is checked by the plane, in the same
    /// transaction.
    ///
    /// # Errors
    /// [`Error::NotFound`], or [`Error::DefaultProject`] for the one that always stays.
    pub async fn delete_project(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        id: ProjectId,
    ) -> Result<Project, Error> {
        let project = self.hold_project(tx, authorised, id).await?;
        if project.is_default {
            return Err(Error::DefaultProject);
        }
        store::projects::delete(tx, authorised.tenant, id).await?;
        let entry = Entry::new("project.delete", "project")
            .resource(id)
            .changes(Some(&project), None::<&Project>);
        self.record(tx, authorised, entry).await?;
        Ok(project)
    }
}

fn taken(error: iron_store::Error) -> Error {
    if error.is_unique("projects", "name") {
        Error::DuplicateName
    } else {
        error.into()
    }
}
