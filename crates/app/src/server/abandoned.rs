//! Allowed calls of tools whose results never come.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use iron_audit::{Audit, UntoldCall};
use iron_primitives::{Environment, Timestamp};
use iron_runtime::Runtime;
use iron_runtime::call::AbandonedCall;

/// How far the first look goes back: what a server allowed before it was away for longer is left.
const FIRST_LOOK: Duration = Duration::from_secs(7 * 24 * 3_600);
/// Records reach the database within this time, so each look goes a little further back than the last
/// one has come.
const OVERLAP: Duration = Duration::from_secs(10 * 60);
/// How many are looked for at a time.
const MOST: u32 = 1_000;

/// Gives up calls whose results have not come within a time.
pub(super) struct Abandoner {
    audit: Audit,
    runtime: Arc<Runtime>,
    environment: Environment,
    within: Duration,
    /// What began before was looked at.
    looked: Timestamp,
}

impl Abandoner {
    pub(super) fn new(
        audit: Audit,
        runtime: Arc<Runtime>,
        environment: Environment,
        within: Duration,
    ) -> Self {
        let looked = environment.now().minus(FIRST_LOOK);
        Abandoner {
            audit,
            runtime,
            environment,
            within,
            looked,
        }
    }

    /// Looks once; gives how many were given up.
    pub(super) async fn look(&mut self) -> Result<usize> {
        let until = self.environment.now().minus(self.within);
        let (mut since, mut behind) = (self.looked.minus(OVERLAP), None);
        let mut given_up = 0_usize;
        loop {
            let untold = self.audit.untold_tool_calls((since, until), behind, MOST);
            let untold = untold.await?;
            let is_last = untold.len() < MOST as usize;
            given_up = given_up.saturating_add(untold.len());
            for call in untold {
                // What is written down now is still found for a moment: the next are behind it.
                (since, behind) = (call.started_at, Some(call.id));
                let written = self.runtime.abandon_tool_call(abandoned(call));
                written.map_err(anyhow::Error::msg)?;
            }
            if is_last {
                self.looked = until;
                return Ok(given_up);
            }
        }
    }
}

fn abandoned(call: UntoldCall) -> AbandonedCall {
    AbandonedCall {
        tenant: call.tenant,
        call: call.id,
        agent: call.agent,
        project: call.project,
        team: call.team,
        user: call.user,
        token: call.token,
        tool: call.tool,
    }
}
