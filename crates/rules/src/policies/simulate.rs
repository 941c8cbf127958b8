//! What proposed policies would say to calls, beside what is said to them now.

use iron_audit::Authorised;
use iron_policy::{Decision, Kind, MadeCall, Policy, PolicySet, Sample, SampleCall, Tool};
use serde_json::{Map, Value};

use super::{Policies, check};
use crate::check::field;
use crate::sets::{Sets, Wanted};
use crate::{Error, tools};

/// Policies that are not stored, and calls to try them at.
#[derive(Debug, Clone)]
pub struct Proposal {
    /// Policies as on the wire; each takes the place of the one of its name.
    pub policies: Vec<Map<String, Value>>,
    /// The names of policies that are left out.
    pub without: Vec<String>,
    /// The calls.
    pub calls: Calls,
}

/// What a proposal is tried at.
#[derive(Debug, Clone)]
pub enum Calls {
    /// Calls as on the wire.
    Given(Vec<Value>),
    /// Calls that were made; none where too little is known of one. Those are left out that no
    /// policy would be asked about.
    Made(Vec<Option<MadeCall>>),
}

/// What is said to one call.
#[derive(Debug, Clone, PartialEq)]
pub struct Simulated {
    /// Which of the calls, from 0.
    pub index: usize,
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
        let said = |(index, sample): (usize, Sample)| Simulated {
            index,
            before: before.decide(&sample.request()),
            after: after.decide(&sample.request()),
        };
        Ok(samples(proposal.calls, &tools)?.map(said).collect())
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

/// The calls that can be tried, each with its place.
fn samples(calls: Calls, tools: &[Tool]) -> Result<impl Iterator<Item = (usize, Sample)>, Error> {
    let ready: Result<Vec<Option<Sample>>, Error> = match calls {
        Calls::Given(calls) => {
            let calls = calls.iter().enumerate();
            calls
                .map(|(index, call)| sample(index, call, tools).map(Some))
                .collect()
        }
        Calls::Made(calls) => {
            let calls = calls.into_iter();
            let ready = calls.map(|call| Sample::of_made(call?, tools));
            Ok(ready.collect())
        }
    };
    let ready = ready?.into_iter().enumerate();
    Ok(ready.filter_map(|(index, sample)| Some((index, sample?))))
}

fn sample(index: usize, call: &Value, tools: &[Tool]) -> Result<Sample, Error> {
    let path = || format!("calls[{index}]");
    let call: SampleCall =
        serde_json::from_value(call.clone()).map_err(|error| field(path(), error.to_string()))?;
    Sample::new(&call, Kind::Tool, tools).map_err(|error| field(path(), error.to_string()))
}
