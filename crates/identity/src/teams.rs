//! Teams: people who share a budget and a policy.
//!
//! A team's budget is kept by the ledger; here is who belongs to it and what its agents may do.

mod store;

use std::collections::HashMap;

use iron_audit::{Authorised, Entry, Reach};
use iron_primitives::{Money, ProfileId, TeamId, TenantId, Timestamp, UserId};
use iron_store::{Page, Paged, Sort, Target, Tx};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{Error, Identity, Permission, UserStatus, identity};

iron_store::words! {
    /// What somebody is in a team.
    pub enum TeamRole {
        /// One of it.
        Member = "member",
        /// Leads it; what that allows is for people to agree on.
        Lead = "lead",
    }
}

/// What may be kept of what agents send and are answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PrivacyLevel {
    /// As moderate, and no personal data that is found leaves in a text, whatever guardrail profile is
    /// named.
    Strict,
    /// Providers store nothing, and of names of end users only keyed digests are kept.
    Moderate,
    /// Names of end users are kept sealed, and providers may store what they are asked to.
    #[default]
    Permissive,
}

/// What the agents of a team may do.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TeamPolicy {
    /// The models they may use; all if absent, none if empty. What an agent's own settings
    /// forbid stays forbidden.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed_models: Option<Vec<String>>,
    /// How many calls they may make together in any minute; no limit if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests_per_minute: Option<u32>,
    /// How many tokens they may use together in any minute; no limit if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens_per_minute: Option<u32>,
    /// What may be kept of what they send and are answered.
    #[serde(default)]
    pub privacy_level: PrivacyLevel,
    /// The guardrail profile of those whose own settings name none; that of the tenant if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guardrail_profile_id: Option<ProfileId>,
}

/// A team.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Team {
    /// Its id.
    pub id: TeamId,
    /// Its tenant.
    pub tenant_id: TenantId,
    /// Its name, unique in the tenant.
    pub name: String,
    /// What it does.
    pub description: Option<String>,
    /// What its agents may do.
    pub policy: TeamPolicy,
    /// What a member without a budget of its own is given on joining.
    pub default_user_budget: Option<Money>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// Somebody in a team.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TeamMember {
    /// Who.
    pub user_id: UserId,
    /// The name.
    pub name: String,
    /// The e-mail address.
    pub email: String,
    /// What he or she is in it.
    pub team_role: TeamRole,
    /// Since when.
    pub joined_at: Timestamp,
}

/// What everybody in the tenant may know of a team.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TeamName {
    /// Its id.
    pub id: TeamId,
    /// Its name.
    pub name: String,
    /// What it does.
    pub description: Option<String>,
}

/// A team to be made.
#[derive(Debug, Clone, Default)]
pub struct NewTeam {
    /// Its name, unique in the tenant.
    pub name: String,
    /// What it does.
    pub description: Option<String>,
    /// What its agents may do.
    pub policy: TeamPolicy,
    /// What a member without a budget of its own is given on joining.
    pub default_user_budget: Option<Money>,
}

/// What is to be different; what is none stays, an inner none clears.
#[derive(Debug, Clone, Default)]
pub struct TeamChanges {
    /// Its name.
    pub name: Option<String>,
    /// What it does.
    pub description: Option<Option<String>>,
    /// What its agents may do; takes the place of the policy before.
    pub policy: Option<TeamPolicy>,
    /// What a member without a budget of its own is given on joining.
    pub default_user_budget: Option<Option<Money>>,
}

impl TeamChanges {
    /// By which fields the list can be sorted, with their columns.
    pub const SORTS: &'static [(&'static str, &'static str)] = &[
        ("name", "t.name"),
        ("created_at", "t.created_at"),
        ("updated_at", "t.updated_at"),
    ];
}

impl Identity {
    /// Makes a team without members.
    ///
    /// # Errors
    /// [`Error::DuplicateName`].
    pub async fn create_team(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        new: NewTeam,
    ) -> Result<Team, Error> {
        let now = self.now();
        let team = Team {
            id: self.environment.new_id(),
            tenant_id: authorised.tenant,
            name: new.name,
            description: new.description,
            policy: new.policy,
            default_user_budget: new.default_user_budget,
            created_at: now,
            updated_at: now,
        };
        store::insert(tx, &team).await.map_err(taken)?;
        let entry = Entry::new("team.create", "team")
            .resource(team.id)
            .changes(None::<&Team>, Some(&team))
            .status(201);
        self.record(tx, authorised, entry).await?;
        Ok(team)
    }

    /// One team, for its members and whoever sees the whole tenant.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::InsufficientPermissions`] for others.
    pub async fn team<'a>(
        &self,
        on: impl Into<Target<'a>>,
        authorised: &Authorised,
        id: TeamId,
    ) -> Result<Team, Error> {
        let found = store::get(on, authorised.tenant, id).await?;
        let team = found.ok_or_else(|| Error::no("team", id))?;
        let seen = match &authorised.reach {
            Reach::Tenant => true,
            Reach::Teams(teams) => teams.contains(&id),
            Reach::Own(user) => store::is_member(&self.db, authorised.tenant, id, *user).await?,
        };
        if seen {
            Ok(team)
        } else {
            let permission = Permission::TeamRead;
            Err(Error::InsufficientPermissions { permission })
        }
    }

    /// One team, held until the end of the transaction: what is read here is what will be
    /// changed, whoever else wants to change it.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn hold_team(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        id: TeamId,
    ) -> Result<Team, Error> {
        store::lock(tx, authorised.tenant, id).await?;
        self.held_team(tx, authorised, id).await
    }

    /// One team that is not deleted before the end of the transaction, whoever asks.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn keep_team(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        id: TeamId,
    ) -> Result<Team, Error> {
        store::keep(tx, authorised.tenant, id).await?;
        self.held_team(tx, authorised, id).await
    }

    async fn held_team(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        id: TeamId,
    ) -> Result<Team, Error> {
        let found = store::get(tx, authorised.tenant, id).await?;
        found.ok_or_else(|| Error::no("team", id))
    }

    /// A page of the teams that the caller sees.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn teams(
        &self,
        authorised: &Authorised,
        name: Option<&str>,
        sort: Sort,
        page: Page,
    ) -> Result<Paged<Team>, Error> {
        Ok(store::list(&self.db, authorised, name, sort, page).await?)
    }

    /// A page of the names of all teams of the tenant, for whoever wants to ask for access.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn team_names(
        &self,
        authorised: &Authorised,
        name: Option<&str>,
        page: Page,
    ) -> Result<Paged<TeamName>, Error> {
        Ok(store::names(&self.db, authorised.tenant, name, page).await?)
    }

    /// How many teams have a policy that names a guardrail profile, inside the transaction that goes on
    /// to delete it.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn count_teams_with_guardrail_profile(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        profile: ProfileId,
    ) -> Result<u64, Error> {
        Ok(store::count_with_guardrail_profile(tx, authorised.tenant, profile).await?)
    }

    /// Changes a team.
    ///
    /// # Errors
    /// [`Error::NotFound`] or [`Error::DuplicateName`].
    pub async fn update_team(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        id: TeamId,
        changes: TeamChanges,
    ) -> Result<Team, Error> {
        let before = self.hold_team(tx, authorised, id).await?;
        let mut team = before.clone();
        if let Some(name) = changes.name {
            team.name = name;
        }
        if let Some(description) = changes.description {
            team.description = description;
        }
        if let Some(policy) = changes.policy {
            team.policy = policy;
        }
        if let Some(budget) = changes.default_user_budget {
            team.default_user_budget = budget;
        }
        team.updated_at = identity::later(self.now(), before.updated_at);
        store::update(tx, &team).await.map_err(taken)?;
        let entry = Entry::new("team.update", "team")
            .resource(id)
            .changes(Some(&before), Some(&team));
        self.record(tx, authorised, entry).await?;
        Ok(team)
    }

    /// Deletes a team with its memberships; that it has no agents is checked by the plane, in the
    /// same transaction.
    ///
    /// # Errors
    /// [`Error::NotFound`], or [`Error::TeamHasProjects`].
    pub async fn delete_team(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        id: TeamId,
    ) -> Result<Timestamp, Error> {
        let team = self.hold_team(tx, authorised, id).await?;
        let projects = store::projects(tx, authorised.tenant, id).await?;
        if projects > 0 {
            return Err(Error::TeamHasProjects { projects });
        }
        store::delete(tx, authorised.tenant, id).await?;
        let entry = Entry::new("team.delete", "team")
            .resource(id)
            .changes(Some(&team), None::<&Team>);
        self.record(tx, authorised, entry).await?;
        Ok(self.now())
    }

    /// Who belongs to each of these teams, by name.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn team_members(
        &self,
        authorised: &Authorised,
        teams: &[TeamId],
    ) -> Result<HashMap<TeamId, Vec<TeamMember>>, Error> {
        Ok(store::members(&self.db, authorised.tenant, teams).await?)
    }

    /// Makes a user a member of a team that the caller has held, or changes what he is in it. Says
    /// whether he is new there.
    ///
    /// # Errors
    /// [`Error::NotFound`] for the user; [`Error::InvalidState`] if he was deleted.
    pub async fn put_team_member(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        (team, user): (TeamId, UserId),
        team_role: TeamRole,
    ) -> Result<(TeamMember, bool), Error> {
        let known = self.hold_user(tx, authorised, user).await?;
        if known.status == UserStatus::Deleted {
            return Err(Error::InvalidState {
                status: known.status,
            });
        }
        let before = store::member(&mut *tx, authorised.tenant, team, user).await?;
        let now = self.now();
        let member = TeamMember {
            user_id: user,
            name: known.name,
            email: known.email,
            team_role,
            joined_at: before.as_ref().map_or(now, |member| member.joined_at),
        };
        if before.as_ref() == Some(&member) {
            return Ok((member, false));
        }
        store::put_member(tx, authorised.tenant, team, &member).await?;
        let changed_at = identity::later(now, known.updated_at);
        store::touch(tx, authorised.tenant, user, changed_at).await?;
        let entry = Entry::new("team.put_member", "team")
            .resource(team)
            .parameters(&json!({ "user_id": user }))
            .changes(before.as_ref(), Some(&member));
        self.record(tx, authorised, entry).await?;
        Ok((member, before.is_none()))
    }

    /// Takes a user out of a team that the caller has held. His agents stay in it.
    ///
    /// # Errors
    /// [`Error::NotFound`] if he is no member.
    pub async fn remove_team_member(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        team: TeamId,
        user: UserId,
    ) -> Result<TeamMember, Error> {
        let member = store::member(&mut *tx, authorised.tenant, team, user).await?;
        let member = member.ok_or_else(|| Error::no("team member", user))?;
        let known = self.hold_user(tx, authorised, user).await?;
        store::remove_member(tx, authorised.tenant, team, user).await?;
        let changed_at = identity::later(self.now(), known.updated_at);
        store::touch(tx, authorised.tenant, user, changed_at).await?;
        let entry = Entry::new("team.remove_member", "team")
            .resource(team)
            .parameters(&json!({ "user_id": user }))
            .changes(Some(&member), None::<&TeamMember>);
        self.record(tx, authorised, entry).await?;
        Ok(member)
    }

    /// What a team is called, and what its agents may do, for the governed path: without a name and
    /// the strictest there is for a team that nobody knows.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn team_for_call(
        &self,
        tenant: TenantId,
        team: TeamId,
    ) -> Result<(Option<String>, TeamPolicy), Error> {
        let found = store::get(&self.db, tenant, team).await?;
        Ok(match found {
            Some(team) => (Some(team.name), team.policy),
            None => (None, TeamPolicy::strictest()),
        })
    }
}

impl TeamPolicy {
    fn strictest() -> Self {
        TeamPolicy {
            allowed_models: Some(Vec::new()),
            privacy_level: PrivacyLevel::Strict,
            ..TeamPolicy::default()
        }
    }

    /// The models that are allowed by an agent's own settings and by its team; all if absent.
    pub fn allowed_with(&self, own: Option<Vec<String>>) -> Option<Vec<String>> {
        match (own, &self.allowed_models) {
            (own, None) => own,
            (None, Some(teams)) => Some(teams.clone()),
            (Some(mut own), Some(teams)) => {
                own.retain(|model| teams.contains(model));
                Some(own)
            }
        }
    }
}

fn taken(error: iron_store::Error) -> Error {
    if error.is_unique("teams", "name") {
        Error::DuplicateName
    } else {
        error.into()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn list() -> impl Strategy<Value = Option<Vec<String>>> {
        proptest::option::of(proptest::collection::vec("[a-d]", 0..4))
    }

    fn allows(list: Option<&Vec<String>>, model: &str) -> bool {
        list.is_none_or(|list| list.iter().any(|one| one == model))
    }

    proptest! {
        #[test]
        fn a_model_is_allowed_only_if_the_agent_and_the_team_both_allow_it(
            own in list(), teams in list(), model in "[a-d]",
        ) {
            let policy = TeamPolicy { allowed_models: teams.clone(), ..TeamPolicy::default() };
            let both = allows(own.as_ref(), &model) && allows(teams.as_ref(), &model);
            prop_assert_eq!(allows(policy.allowed_with(own).as_ref(), &model), both);
        }
    }
}
