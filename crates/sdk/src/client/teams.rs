//! Teams.

use iron_primitives::{TeamId, UserId};
use reqwest::Method;

use crate::limits::{BudgetView, SetBudget};
use crate::lists::List;
use crate::teams::{
    BudgetTransferred, CreateTeam, PutTeamMember, TeamDeleted, TeamMemberRemoved, TeamMembership,
    TeamQuery, TeamReport, TeamReportQuery, TeamView, TransferBudget, UpdateTeam,
};

use super::{Call, Client, Error};

impl Client {
    /// Creates a team.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn create_team(&self, body: &CreateTeam) -> Result<TeamView, Error> {
        self.send(Call::new(Method::POST, "/teams").body(body))
            .await
    }

    /// The teams that the user sees.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn list_teams(&self, query: &TeamQuery) -> Result<List<TeamView>, Error> {
        self.send(Call::new(Method::GET, "/teams").query(query))
            .await
    }

    /// One team.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn get_team(&self, id: TeamId) -> Result<TeamView, Error> {
        self.send(Call::new(Method::GET, &format!("/teams/{id}")))
            .await
    }

    /// Changes a team.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn update_team(&self, id: TeamId, body: &UpdateTeam) -> Result<TeamView, Error> {
        self.send(Call::new(Method::PATCH, &format!("/teams/{id}")).body(body))
            .await
    }

    /// Deletes a team without agents and projects.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn delete_team(&self, id: TeamId) -> Result<TeamDeleted, Error> {
        self.send(Call::new(Method::DELETE, &format!("/teams/{id}")))
            .await
    }

    /// Makes a user a member of a team, or changes what he is in it.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn put_team_member(
        &self,
        team: TeamId,
        user: UserId,
        body: &PutTeamMember,
    ) -> Result<TeamMembership, Error> {
        self.send(Call::new(Method::PUT, &format!("/teams/{team}/members/{user}")).body(body))
            .await
    }

    /// Takes a user out of a team.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn remove_team_member(
        &self,
        team: TeamId,
        user: UserId,
    ) -> Result<TeamMemberRemoved, Error> {
        self.send(Call::new(
            Method::DELETE,
            &format!("/teams/{team}/members/{user}"),
        ))
        .await
    }

    /// Moves a part of a team's budget to another team.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn transfer_team_budget(
        &self,
        from: TeamId,
        body: &TransferBudget,
    ) -> Result<BudgetTransferred, Error> {
        self.send(Call::new(Method::POST, &format!("/teams/{from}/transfer")).body(body))
            .await
    }

    /// How a team spends.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn get_team_report(
        &self,
        id: TeamId,
        query: &TeamReportQuery,
    ) -> Result<TeamReport, Error> {
        self.send(Call::new(Method::GET, &format!("/teams/{id}/report")).query(query))
            .await
    }

    /// A team's budget.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn get_team_budget(&self, id: TeamId) -> Result<BudgetView, Error> {
        self.send(Call::new(
            Method::GET,
            &format!("/limits/teams/{id}/budget"),
        ))
        .await
    }

    /// Sets a team's budget.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn set_team_budget(&self, id: TeamId, body: &SetBudget) -> Result<BudgetView, Error> {
        self.send(Call::new(Method::PUT, &format!("/limits/teams/{id}/budget")).body(body))
            .await
    }
}
