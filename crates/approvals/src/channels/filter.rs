//! Whose news a channel wants.

use iron_primitives::{AgentId, TeamId};
use serde::{Deserialize, Serialize};

use crate::{Error, Notice};

/// The most agents, and the most teams, that a filter names.
const MOST: usize = 100;

/// Whose news a channel wants: of any of these agents, and of any of these teams with all their
/// agents. What is about no agent and no team is not told through a channel with a filter.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ChannelFilter {
    /// The agents, at most 100.
    #[serde(default)]
    pub agents: Vec<AgentId>,
    /// The teams, at most 100.
    #[serde(default)]
    pub teams: Vec<TeamId>,
}

impl ChannelFilter {
    /// The same, if it names anybody and not too many.
    pub(super) fn checked(mut self) -> Result<Option<Self>, Error> {
        self.agents.sort_unstable();
        self.agents.dedup();
        self.teams.sort_unstable();
        self.teams.dedup();
        if self.agents.len() > MOST || self.teams.len() > MOST {
            return Err(Error::Invalid {
                field: "filter",
                problem: "expected at most 100 agents and 100 teams",
            });
        }
        let names_somebody = !self.agents.is_empty() || !self.teams.is_empty();
        Ok(names_somebody.then_some(self))
    }

    /// Whether it lets a notice through.
    pub(super) fn wants(&self, notice: &Notice) -> bool {
        let of_agent = notice.agent.is_some_and(|it| self.agents.contains(&it));
        of_agent || notice.team.is_some_and(|it| self.teams.contains(&it))
    }
}

#[cfg(test)]
mod tests {
    use iron_testkit::TestEnvironment;

    use super::*;
    use crate::Topic;

    #[test]
    fn news_of_others_and_of_nobody_are_not_wanted() {
        let environment = TestEnvironment::new().environment;
        let (agent, other): (AgentId, AgentId) = (environment.new_id(), environment.new_id());
        let (team, another): (TeamId, TeamId) = (environment.new_id(), environment.new_id());
        let filter = ChannelFilter {
            agents: vec![agent, agent],
            teams: vec![team],
        };
        let filter = filter.checked().expect("few").expect("some");
        assert_eq!(filter.agents, [agent]);
        let notice = || Notice::new(Topic::BudgetWarning, "much is spent");
        assert!(filter.wants(&notice().about_agent(agent, None)));
        assert!(filter.wants(&notice().about_agent(other, Some(team))));
        assert!(filter.wants(&notice().about_team(team)));
        assert!(!filter.wants(&notice().about_agent(other, Some(another))));
        assert!(!filter.wants(&notice().about_agent(other, None)));
        assert!(!filter.wants(&notice()));
    }

    #[test]
    fn a_filter_that_names_nobody_is_none_and_one_that_names_too_many_is_refused() {
        assert_eq!(ChannelFilter::default().checked().expect("few"), None);
        let environment = TestEnvironment::new().environment;
        let filter = ChannelFilter {
            agents: (0..101).map(|_| environment.new_id()).collect(),
            teams: Vec::new(),
        };
        assert!(filter.checked().is_err());
    }
}
