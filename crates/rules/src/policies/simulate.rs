//! What proposed policies would say to calls, beside what is said to them now.

use iron_audit::Authorised;
use iron_policy::{Decision, Kind, Policy, PolicySet, Sample, SampleCall, Tool};
use serde_json::{Map, Value};

use super::{Policies, check};
use crate::check::field;
use crate::sets::{Sets, Wanted};
use crate::{Error, tools};

/// Policies that are not stored, and calls to try them at.
#[derive(Debug, Clone, Default)]
pub struct Proposal {
    /// Policies as on the wire; each takes the place of the one of its name.
    pub policies: Vec<Map<String, Value>>,
    /// The names of policies that are left out.
    pub without: Vec<String>,
    /// Calls as on the wire.
    pub calls: Vec<Value>,
}

/// What is said to one call.
#[derive(Debug, Clone, PartialEq)]
pub struct Simulated {
    /// The call, as it was given.
    pub call: Value,
    /// By the policies that hold for all agents now.
    pub before: Decision,
    /// By those that are proposed.
    pub after: Decision,
}

impl Policies {
    /// Tries a proposal at calls. Nothing is stored.
    ///
    /// # Errors
    /// [`Error::Field`] for a policy that cannot be used and for a call that is none.
    pub async fn simulate(
        &self,
        authorised: &Authorised,
        proposal: Proposal,
    ) -> Result<Vec<Simulated>, Error> {
        let tenant = authorised.tenant;
        let tools = tools::store::offered(&self.db, tenant).await?;
        let tools: Vec<Tool> = tools.into_iter().map(|stored| stored.tool).collect();
        let present = Sets::new(self.db.clone());
        let present = present.of(tenant, &Wanted::default()).await?.policies;
        let proposed = read(proposal.policies)?;
        let replaced = |name: &String| {
            proposal.without.contains(name) || proposed.iter().any(|one| one.name == *name)
        };
        let kept = present.iter().filter(|policy| !replaced(&policy.name));
        let after: Vec<Policy> = kept.chain(&proposed).cloned().collect();
        let before = compiled(&present, &[])?;
        let after = compiled(&after, &proposed)?;
        let calls = proposal.calls.into_iter().enumerate();
        calls
            .map(|(index, call)| {
                let sample = sample(index, &call, &tools)?;
                Ok(Simulated {
                    before: before.decide(&sample.request()),
                    after: after.decide(&sample.request()),
                    call,
                })
            })
            .collect()
    }
}

fn read(given: Vec<Map<String, Value>>) -> Result<Vec<Policy>, Error> {
    let read = |(index, fields)| match check::merged(None, fields) {
        Err(Error::Field { problem, .. }) => Err(field(format!("policies[{index}]"), problem)),
        other => other,
    };
    given.into_iter().enumerate().map(read).collect()
}

/// Compiles a set, and names the proposed policy that is at fault.
fn compiled(all: &[Policy], proposed: &[Policy]) -> Result<PolicySet, Error> {
    PolicySet::compile(all).map_err(|error| {
        let mut names = proposed.iter().map(|policy| &policy.name);
        let path = match names.position(|name| *name == error.rule) {
            Some(index) => format!("policies[{index}].{}", error.field),
            None => "policies".to_owned(),
        };
        field(path, error.problem.to_string())
    })
}

fn sample(index: usize, call: &Value, tools: &[Tool]) -> Result<Sample, Error> {
    let path = || format!("calls[{index}]");
    let call: SampleCall =
        serde_json::from_value(call.clone()).map_err(|error| field(path(), error.to_string()))?;
    Sample::new(&call, Kind::Tool, tools).map_err(|error| field(path(), error.to_string()))
}
