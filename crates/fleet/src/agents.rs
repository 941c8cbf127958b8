//! Creating, finding, changing and ending agents: [`Agents`].

use std::collections::HashMap;
use std::time::Duration;

use iron_audit::{Audit, Authorised, Entry, Removal};
use iron_primitives::{
    AgentId, Environment, PolicyId, ProfileId, ProjectId, ProviderId, TeamId, TenantId, Timestamp,
    UserId,
};
use iron_store::{Db, Page, Paged, Sort, Target, Tx};
use serde_json::json;

use crate::model::{
    Agent, AgentChange, AgentFilter, AgentStanding, CallAgent, Deleted, NewAgent, Outline,
    TeamAgent,
};
use crate::store::{self, Group};
use crate::{Error, RuntimeState, Settings, Verb};

/// The label of agents whose owner was deleted.
const ORPHANED: &str = "orphaned";
const MAX_TAGS: usize = 20;
/// When the calls of a killed agent end.
const KILLED: Timestamp = Timestamp::from_micros(0);

/// The agents of all tenants; a clone shares everything.
#[derive(Debug, Clone)]
pub struct Agents {
    pub(crate) db: Db,
    pub(crate) audit: Audit,
    pub(crate) environment: Environment,
}

impl Agents {
    /// The agents in a database.
    pub const fn new(db: Db, audit: Audit, environment: Environment) -> Self {
        Agents {
            db,
            audit,
            environment,
        }
    }

    /// Creates an agent; it runs from now on.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a field that does not do, [`Error::DuplicateName`].
    pub async fn create(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        new: NewAgent,
    ) -> Result<Agent, Error> {
        check_name(&new.name)?;
        check_description(new.description.as_deref())?;
        let now = self.environment.now();
        let agent = Agent {
            id: self.environment.new_id(),
            tenant: authorised.tenant,
            project: new.project,
            team: new.team,
            owner: new.owner,
            tags: checked_tags(new.tags)?,
            settings: Settings::new(new.settings)?,
            providers: without_repeats(new.providers),
            name: new.name,
            description: new.description,
            switched_off: false,
            runtime_state: RuntimeState::Running,
            pause_reason: None,
            paused_by_budget: false,
            restarts: 0,
            ends: 0,
            calls_end_at: None,
            environment: new.environment,
            version: 1,
            created_at: now,
            updated_at: now,
        };
        store::insert(tx, &agent).await?;
        let entry = about(&agent, "agent.create")
            .changes(None::<&Agent>, Some(&agent))
            .status(201);
        self.audit.write(tx, authorised, entry).await?;
        Ok(agent)
    }

    /// Lists the agents within the caller's reach.
    ///
    /// # Errors
    /// [`Error::Store`] if the database fails.
    pub async fn list(
        &self,
        authorised: &Authorised,
        filter: &AgentFilter,
        sort: Sort,
        page: Page,
    ) -> Result<Paged<Agent>, Error> {
        store::list(&self.db, authorised, filter, sort, page).await
    }

    /// What every agent within the caller's reach is told apart by, in this order; for lists that
    /// are filtered or sorted by what other features know of agents.
    ///
    /// # Errors
    /// [`Error::Store`] if the database fails.
    pub async fn outlines(
        &self,
        authorised: &Authorised,
        filter: &AgentFilter,
        sort: Sort,
    ) -> Result<Vec<Outline>, Error> {
        store::outlines(&self.db, authorised, filter, sort).await
    }

    /// One agent.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::OutOfReach`].
    pub async fn get(&self, authorised: &Authorised, id: AgentId) -> Result<Agent, Error> {
        let found = store::find(&self.db, authorised.tenant, id).await?;
        let mut agent = [within_reach(authorised, id, found)?];
        store::fill(&self.db, authorised.tenant, &mut agent).await?;
        let [agent] = agent;
        Ok(agent)
    }

    /// One agent, held until the end of the transaction: what is read here is what will be
    /// changed, whoever else wants to change it.
    ///
    /// # Errors
    /// As [`Agents::get`].
    pub async fn hold(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        id: AgentId,
    ) -> Result<Agent, Error> {
        store::lock(tx, authorised.tenant, id).await?;
        let found = store::find(&mut *tx, authorised.tenant, id).await?;
        let mut agent = within_reach(authorised, id, found)?;
        agent.tags = store::tags(&mut *tx, agent.tenant, id).await?;
        agent.providers = store::providers(&mut *tx, agent.tenant, id).await?;
        Ok(agent)
    }

    /// Changes an agent.
    ///
    /// # Errors
    /// As [`Agents::create`] and [`Agents::get`].
    pub async fn update(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        id: AgentId,
        change: AgentChange,
    ) -> Result<Agent, Error> {
        let before = self.hold(tx, authorised, id).await?;
        let mut after = before.clone();
        if let Some(name) = change.name {
            check_name(&name)?;
            after.name = name;
        }
        if let Some(description) = change.description {
            check_description(description.as_deref())?;
            after.description = description;
        }
        if let Some(tags) = change.tags {
            after.tags = checked_tags(tags)?;
        }
        if let Some(settings) = change.settings {
            after.settings = before.settings.merged(settings)?;
        }
        if let Some(team) = change.team {
            after.team = team;
        }
        self.save(tx, authorised, "agent.update", &before, after)
            .await
    }

    /// Starts, pauses, resumes, stops, kills or restarts an agent.
    ///
    /// # Errors
    /// [`Error::InvalidState`] if the present state does not allow it; as [`Agents::get`].
    pub async fn act(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        id: AgentId,
        verb: Verb,
        reason: Option<String>,
    ) -> Result<Agent, Error> {
        let before = self.hold(tx, authorised, id).await?;
        let state = before.runtime_state;
        let mut after = before.clone();
        let outcome = match verb {
            // What a budget has paused may be paused by a person too, and then stays so.
            Verb::Pause if before.paused_by_budget => Some(state),
            verb => verb.outcome(state),
        };
        after.runtime_state = outcome.ok_or(Error::InvalidState { state })?;
        after.paused_by_budget = false;
        if verb == Verb::Restart {
            after.restarts = before.restarts.saturating_add(1);
        }
        self.end_calls(verb, &mut after);
        let entry = match &reason {
            Some(reason) => about(&after, verb.action())
                .parameters(&json!({"name": after.name, "reason": reason})),
            None => about(&after, verb.action()),
        };
        after.pause_reason = reason.filter(|_| after.runtime_state == RuntimeState::Paused);
        self.save_as(tx, authorised, entry, &before, after).await
    }

    /// Deletes an agent. Its records and its ledger stay.
    ///
    /// # Errors
    /// As [`Agents::get`].
    pub async fn delete(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        id: AgentId,
    ) -> Result<Deleted, Error> {
        let agent = self.hold(tx, authorised, id).await?;
        let deleted_at = self.environment.now();
        let assignments = store::delete(tx, &agent, deleted_at).await?;
        let entry = about(&agent, "agent.delete").changes(Some(&agent), None::<&Agent>);
        self.audit.write(tx, authorised, entry).await?;
        Ok(Deleted {
            deleted_at,
            assignments,
        })
    }

    /// Removes the agents of a tenant whose time is over.
    ///
    /// # Errors
    /// [`Error::Store`] if the database fails.
    pub async fn remove_tenant(&self, tx: &mut Tx, removal: &mut Removal) -> Result<(), Error> {
        Ok(removal.delete(tx, store::OF_A_TENANT).await?)
    }

    /// Holds the agents of a user for the rest of the transaction. Their tokens come after
    /// them: whoever changes both must hold the agents first.
    ///
    /// # Errors
    /// [`Error::Store`] if the database fails.
    pub async fn hold_of_owner(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        owner: UserId,
    ) -> Result<(), Error> {
        for id in store::of_owner(tx, authorised.tenant, owner).await? {
            store::lock(tx, authorised.tenant, id).await?;
        }
        Ok(())
    }

    /// Gives the agents of a user who is being deleted to another one, and labels them
    /// `orphaned`. They keep running.
    ///
    /// # Errors
    /// [`Error::Store`] if the database fails.
    pub async fn reassign(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        from: UserId,
        to: UserId,
    ) -> Result<Vec<AgentId>, Error> {
        let agents = store::of_owner(tx, authorised.tenant, from).await?;
        for id in &agents {
            let before = self.hold(tx, authorised, *id).await?;
            let mut after = before.clone();
            after.owner = to;
            if !after.tags.iter().any(|tag| tag == ORPHANED) {
                after.tags.push(ORPHANED.to_owned());
            }
            self.save(tx, authorised, "agent.reassign", &before, after)
                .await?;
        }
        Ok(agents)
    }

    /// What the governed path must know of an agent; none if it does not exist (any more).
    ///
    /// # Errors
    /// [`Error::Store`] if the database fails.
    pub async fn for_call(
        &self,
        tenant: TenantId,
        id: AgentId,
    ) -> Result<Option<CallAgent>, Error> {
        store::for_call(&self.db, tenant, id).await
    }

    /// What becomes of calls under way, for agents of any tenant; nothing of unknown ones.
    ///
    /// # Errors
    /// [`Error::Store`] if the database fails.
    pub async fn standing(
        &self,
        agents: &[AgentId],
    ) -> Result<HashMap<AgentId, AgentStanding>, Error> {
        store::standing(&self.db, agents, self.environment.now()).await
    }

    /// How many agents a project has, inside the transaction that goes on to delete it.
    ///
    /// # Errors
    /// [`Error::Store`] if the database fails.
    pub async fn count_in(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        project: ProjectId,
    ) -> Result<u64, Error> {
        store::count_in(tx, authorised.tenant, project).await
    }

    /// How many agents a team has, inside the transaction that goes on to delete it.
    ///
    /// # Errors
    /// [`Error::Store`] if the database fails.
    pub async fn count_in_team(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        team: TeamId,
    ) -> Result<u64, Error> {
        store::count_in_team(tx, authorised.tenant, team).await
    }

    /// How many agents have settings that name a guardrail profile, inside the transaction that goes
    /// on to delete it.
    ///
    /// # Errors
    /// [`Error::Store`] if the database fails.
    pub async fn count_with_guardrail_profile(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        profile: ProfileId,
    ) -> Result<u64, Error> {
        let names = |settings: &Settings| settings.guardrail_profile() == Some(profile);
        store::count_naming(tx, authorised.tenant, &profile.to_string(), names).await
    }

    /// How many agents have settings that name a policy, inside the transaction that goes on to
    /// delete it.
    ///
    /// # Errors
    /// [`Error::Store`] if the database fails.
    pub async fn count_with_policy(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        policy: PolicyId,
    ) -> Result<u64, Error> {
        let names = |settings: &Settings| settings.policies().contains(&policy);
        store::count_naming(tx, authorised.tenant, &policy.to_string(), names).await
    }

    /// How many agents each team of the tenant has.
    ///
    /// # Errors
    /// [`Error::Store`] if the database fails.
    pub async fn count_by_team(
        &self,
        authorised: &Authorised,
    ) -> Result<HashMap<TeamId, u64>, Error> {
        let counts = store::count(&self.db, authorised.tenant, Group::Team).await?;
        Ok(counts
            .into_iter()
            .filter_map(|(id, n)| Some((id.parse().ok()?, n)))
            .collect())
    }

    /// The agents of a team, whoever asks: the caller has made sure that he may know.
    ///
    /// # Errors
    /// [`Error::Store`] if the database fails.
    pub async fn of_team(
        &self,
        authorised: &Authorised,
        team: TeamId,
    ) -> Result<Vec<TeamAgent>, Error> {
        store::of_team(&self.db, authorised.tenant, team).await
    }

    /// How many agents a tenant has.
    ///
    /// # Errors
    /// [`Error::Store`] if the database fails.
    pub async fn count_all<'a>(
        &self,
        on: impl Into<Target<'a>>,
        tenant: TenantId,
    ) -> Result<u64, Error> {
        store::count_all(on, tenant).await
    }

    /// The names and projects of all agents that a tenant has or had.
    ///
    /// # Errors
    /// [`Error::Store`] if the database fails.
    pub async fn places(
        &self,
        tenant: TenantId,
    ) -> Result<HashMap<AgentId, (String, ProjectId)>, Error> {
        store::places(&self.db, tenant).await
    }

    /// How many agents each project of the tenant has.
    ///
    /// # Errors
    /// [`Error::Store`] if the database fails.
    pub async fn count_by_project(
        &self,
        authorised: &Authorised,
    ) -> Result<HashMap<ProjectId, u64>, Error> {
        let counts = store::count(&self.db, authorised.tenant, Group::Project).await?;
        Ok(counts
            .into_iter()
            .filter_map(|(id, n)| Some((id.parse().ok()?, n)))
            .collect())
    }

    /// How many agents each provider of the tenant is assigned to.
    ///
    /// # Errors
    /// [`Error::Store`] if the database fails.
    pub async fn count_by_provider(
        &self,
        authorised: &Authorised,
    ) -> Result<HashMap<ProviderId, u64>, Error> {
        let counts = store::count(&self.db, authorised.tenant, Group::Provider).await?;
        Ok(counts
            .into_iter()
            .filter_map(|(id, n)| Some((id.parse().ok()?, n)))
            .collect())
    }

    /// Writes a changed agent with its labels and its entry.
    pub(crate) async fn save(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        action: &'static str,
        before: &Agent,
        after: Agent,
    ) -> Result<Agent, Error> {
        let entry = about(&after, action);
        self.save_as(tx, authorised, entry, before, after).await
    }

    /// When calls under way end. Who begins anew after they had to end takes none along, even if
    /// nobody has looked meanwhile.
    pub(crate) fn end_calls(&self, verb: Verb, agent: &mut Agent) {
        let now = self.environment.now();
        let end = match verb {
            Verb::Stop { grace } => Some(now.plus(grace)),
            // At once, whatever the clock of somebody else says.
            Verb::Kill => Some(KILLED),
            Verb::Start | Verb::Pause | Verb::Resume | Verb::Restart => None,
        };
        let before = std::mem::replace(&mut agent.calls_end_at, end);
        if end.is_none() && before.is_some_and(|end| end <= now) {
            agent.ends = agent.ends.saturating_add(1);
        }
    }

    async fn save_as(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        entry: Entry,
        before: &Agent,
        mut after: Agent,
    ) -> Result<Agent, Error> {
        self.write(tx, before, &mut after).await?;
        let entry = entry.changes(Some(before), Some(&after));
        self.audit.write(tx, authorised, entry).await?;
        Ok(after)
    }

    /// Writes a changed agent with its labels, as its next version.
    pub(crate) async fn write(
        &self,
        tx: &mut Tx,
        before: &Agent,
        after: &mut Agent,
    ) -> Result<(), Error> {
        after.version = before.version.saturating_add(1);
        // Strictly later, so that the tag of the version before never fits this one.
        let earliest = before.updated_at.plus(Duration::from_micros(1));
        after.updated_at = self.environment.now().max(earliest);
        store::replace(tx, after, before.version).await?;
        if after.tags != before.tags {
            store::put_tags(tx, after).await?;
        }
        if after.providers != before.providers {
            store::put_providers(tx, after.tenant, after.id, &after.providers).await?;
        }
        Ok(())
    }
}

pub(crate) fn about(agent: &Agent, action: &'static str) -> Entry {
    Entry::new(action, "agent")
        .resource(agent.id)
        .agent(agent.id)
        .parameters(&json!({"name": agent.name}))
}

fn within_reach(
    authorised: &Authorised,
    id: AgentId,
    found: Option<Agent>,
) -> Result<Agent, Error> {
    let agent = found.ok_or(Error::NotFound { id })?;
    if authorised.reaches(agent.owner, agent.team) {
        Ok(agent)
    } else {
        Err(Error::OutOfReach { id })
    }
}

fn check_name(name: &str) -> Result<(), Error> {
    let length = name.chars().count();
    if (1..=100).contains(&length) && name.trim() == name && !name.chars().any(char::is_control) {
        return Ok(());
    }
    let problem = "expected 1 to 100 characters, none of them a control character, no space around";
    Err(Error::Invalid {
        field: "name",
        problem,
    })
}

fn check_description(description: Option<&str>) -> Result<(), Error> {
    if description.is_none_or(|text| text.chars().count() <= 500) {
        return Ok(());
    }
    Err(Error::Invalid {
        field: "description",
        problem: "expected at most 500 characters",
    })
}

fn checked_tags(tags: Vec<String>) -> Result<Vec<String>, Error> {
    let tags = without_repeats(tags);
    let fits = |tag: &String| (1..=50).contains(&tag.chars().count());
    if tags.len() <= MAX_TAGS && tags.iter().all(fits) {
        return Ok(tags);
    }
    Err(Error::Invalid {
        field: "tags",
        problem: "expected at most 20 of 1 to 50 characters",
    })
}

/// The same list in the same order, each item once.
pub(crate) fn without_repeats<T: PartialEq>(items: Vec<T>) -> Vec<T> {
    let mut kept: Vec<T> = Vec::with_capacity(items.len());
    for item in items {
        if !kept.contains(&item) {
            kept.push(item);
        }
    }
    kept
}
