//! Policies and the validation of arguments in the process of the agent.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use iron_policy::parameters::{Checker, Violation};
use iron_policy::{Decision, Effect, Kind, Policy, PolicySet, Sample, SampleCall, Tool};
use iron_primitives::Timestamp;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use crate::error::raised;
use crate::marshal::value_of;

/// Policies and tools at work, as the server has them.
///
/// To try policies where they are written, and to know early what the server will say: what was
/// decided here is recorded nowhere and permits nothing.
#[pyclass(frozen, module = "iron_cage")]
pub(crate) struct Policies {
    set: PolicySet,
    tools: Vec<Tool>,
    checkers: BTreeMap<String, Checker>,
}

/// What policies say to a call.
#[pyclass(frozen, get_all, module = "iron_cage")]
pub(crate) struct Outcome {
    /// `allow`, `deny` or `approval_required`.
    decision: &'static str,
    /// The code of a denial: `TOOL_UNKNOWN`, `PARAMETER_INVALID` or `POLICY_DENIED`.
    code: Option<&'static str>,
    /// What is decided, in words.
    reason: String,
    /// The names of the rules that made it.
    rules: Vec<String>,
    /// What is wrong with the arguments: place, rule and message.
    violations: Vec<(String, String, String)>,
}

#[pymethods]
impl Outcome {
    fn __repr__(&self) -> String {
        format!(
            "Outcome(decision='{}', rules={:?})",
            self.decision, self.rules
        )
    }
}

#[pymethods]
impl Policies {
    /// Compiles policies (YAML, or a list of mappings) for tools (mappings as the API has them).
    /// The shipped policies hold besides, unless `shipped` is false.
    #[new]
    #[pyo3(signature = (policies, tools = None, *, shipped = true))]
    fn new(
        policies: &Bound<'_, PyAny>,
        tools: Option<&Bound<'_, PyAny>>,
        shipped: bool,
    ) -> PyResult<Self> {
        let py = policies.py();
        let mut own = written(policies)?;
        if shipped {
            own = iron_policy::with_shipped(&own);
        }
        let tools: Vec<Tool> = match tools {
            Some(tools) => serde_json::from_value(value_of(tools)?)
                .map_err(|error| raised(py, "PolicyError", &error))?,
            None => Vec::new(),
        };
        let set = py
            .detach(|| PolicySet::compile(&own))
            .map_err(|error| raised(py, "PolicyError", &error))?;
        let checkers = tools.iter().map(|tool| {
            let checker = Checker::new(tool).map_err(|error| raised(py, "PolicyError", &error))?;
            Ok((tool.name.clone(), checker))
        });
        let checkers = checkers.collect::<PyResult<_>>()?;
        Ok(Self {
            set,
            tools,
            checkers,
        })
    }

    /// What the server would say to a call: whether the tool is known, its arguments may be what
    /// they are, and the policies allow it. Paths are followed through links of this machine.
    /// About the call may be told: `agent`, `role`, `team`, `model`, `attributes`, `tainted`, and
    /// `at`, as RFC 3339 writes it in UTC; now, if it is not given.
    #[pyo3(signature = (tool, arguments, **about))]
    fn decide(
        &self,
        tool: String,
        arguments: &Bound<'_, PyAny>,
        about: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Outcome> {
        let py = arguments.py();
        let Some(checker) = self.checker(&tool) else {
            let reason = format!("no tool is named `{tool}`");
            return Ok(Outcome::denied("TOOL_UNKNOWN", reason));
        };
        let arguments = value_of(arguments)?;
        let resources = match py.detach(|| checker.check_linked(&arguments, &linked)) {
            Ok(resources) => resources,
            Err(violations) => return Ok(Outcome::invalid(&violations)),
        };
        let call = SampleCall {
            tool,
            resources: Some(resources),
            ..told(py, about)?
        };
        let sample = Sample::new(&call, Kind::Tool, &self.tools)
            .map_err(|error| raised(py, "PolicyError", &error))?;
        Ok(py.detach(|| self.set.decide(&sample.request())).into())
    }
}

impl Policies {
    /// The checker of a tool of this name; else of the one whose pattern says most of the name.
    fn checker(&self, name: &str) -> Option<&Checker> {
        let fits = |pattern: &&String| {
            let prefix = pattern.strip_suffix('*');
            prefix.is_some_and(|prefix| name.starts_with(prefix))
        };
        let exact = self.checkers.get(name);
        exact.or_else(|| {
            let patterns = self.checkers.keys().filter(fits);
            self.checkers.get(patterns.max_by_key(|name| name.len())?)
        })
    }
}

impl From<Decision> for Outcome {
    fn from(decision: Decision) -> Self {
        let (name, code) = match decision.effect {
            Effect::Allow => ("allow", None),
            Effect::RequireApproval => ("approval_required", None),
            Effect::Deny => ("deny", Some("POLICY_DENIED")),
        };
        Self {
            decision: name,
            code,
            reason: decision.reason,
            rules: decision.rules,
            violations: Vec::new(),
        }
    }
}

impl Outcome {
    fn denied(code: &'static str, reason: String) -> Self {
        Self {
            decision: "deny",
            code: Some(code),
            reason,
            rules: Vec::new(),
            violations: Vec::new(),
        }
    }

    fn invalid(violations: &[Violation]) -> Self {
        let told = |violation: &Violation| {
            let (pointer, message) = (violation.pointer.clone(), violation.message.clone());
            (pointer, violation.rule.to_owned(), message)
        };
        let reason = violations.first().map(ToString::to_string);
        Self {
            violations: violations.iter().map(told).collect(),
            ..Self::denied("PARAMETER_INVALID", reason.unwrap_or_default())
        }
    }
}

fn written(policies: &Bound<'_, PyAny>) -> PyResult<Vec<Policy>> {
    let py = policies.py();
    if let Ok(yaml) = policies.cast::<PyString>() {
        return iron_policy::from_yaml(&yaml.to_cow()?)
            .map_err(|error| raised(py, "PolicyError", &error));
    }
    serde_json::from_value(value_of(policies)?).map_err(|error| raised(py, "PolicyError", &error))
}

/// What is told about a call, with its time.
fn told(py: Python<'_>, about: Option<&Bound<'_, PyDict>>) -> PyResult<SampleCall> {
    let about = match about {
        Some(about) => value_of(about)?,
        None => serde_json::json!({}),
    };
    let mut call: SampleCall =
        serde_json::from_value(about).map_err(|error| raised(py, "PolicyError", &error))?;
    if call.at.is_none() {
        let now = py.import("time")?.call_method0("time")?;
        let seconds = py
            .import("builtins")?
            .getattr("int")?
            .call1((now,))?
            .extract()?;
        call.at = Some(Timestamp::from_seconds(seconds).to_string());
    }
    Ok(call)
}

/// Where a link of this machine leads.
fn linked(path: &str) -> io::Result<PathBuf> {
    std::fs::read_link(path)
}
