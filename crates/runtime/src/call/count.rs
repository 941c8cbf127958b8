//! The end of step 3: calls that are paid for are counted, for the day of their tenant's plan and
//! for the minute of their team. What was refused before counts nothing; neither do errands, which
//! cost nothing.

use iron_net::rate::{Excess, PaceLimit};
use iron_primitives::{RateShortfall, Refusal, Scope, TeamId};

use crate::Runtime;

use super::decide::Decided;
use super::draft::{Draft, Refused};

/// A call for which its team and its tenant had room.
pub(super) struct Counted(pub(super) Decided);

impl Runtime {
    pub(super) async fn count_call(&self, mut decided: Decided) -> Result<Counted, Refused> {
        if let Err(refusal) = self.keep_pace(&mut decided.draft).await {
            return Err(decided.draft.refuse("team_rate", refusal));
        }
        if let Err(refusal) = self.keep_plan(&mut decided.draft).await {
            return Err(decided.draft.refuse("plan", refusal));
        }
        Ok(Counted(decided))
    }

    /// Counts the call for its team.
    async fn keep_pace(&self, draft: &mut Draft) -> Result<(), Refusal> {
        let principal = &draft.bearer.principal;
        let Some(team) = principal.path.team else {
            return Ok(());
        };
        let pace = principal.team_rules.pace;
        let (boot, now) = (self.environment.boot(), self.environment.now());
        match self.paces.enter(team, pace, boot, now).await {
            Ok(standing) => {
                draft.standing = standing;
                Ok(())
            }
            Err(excess) => Err(too_fast(team, excess)),
        }
    }

    /// Takes one of the calls that the tenant's plan allows for the day.
    pub(super) async fn keep_plan(&self, draft: &mut Draft) -> Result<(), Refusal> {
        let principal = &draft.bearer.principal;
        let Some(limit) = principal.calls_per_day else {
            return Ok(());
        };
        let tenant = principal.path.tenant;
        let standing = self.plans.take(tenant, limit).await?;
        draft.standing = match draft.standing {
            Some(team) => Some(team.nearest(standing)),
            None => Some(standing),
        };
        Ok(())
    }
}

fn too_fast(team: TeamId, excess: Excess) -> Refusal {
    Refusal::RateLimited(Box::new(RateShortfall {
        scope: Scope::Team(team),
        limit: match excess.limit {
            PaceLimit::Requests => "requests_per_minute",
            PaceLimit::Weight => "tokens_per_minute",
        },
        most: excess.standing.limit,
        resets_at: excess.standing.resets_at,
    }))
}
