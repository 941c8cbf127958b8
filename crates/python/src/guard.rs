//! Guardrails in the process of the agent.

use std::borrow::Cow;

use iron_guard::{Category, Channel, Profile, Pseudonyms, Severity, Verdict};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::error::raised;
use crate::marshal::{to_python, value_of};
use crate::offsets::Offsets;

/// A guardrail profile at work.
///
/// It finds what the gateway finds with the same profile. The gateway is what enforces: this one
/// tells early, in the same process.
#[pyclass(frozen, module = "iron_cage")]
pub(crate) struct Guard(iron_guard::Guard);

/// What was made of a text.
#[pyclass(frozen, get_all, module = "iron_cage")]
pub(crate) struct Judgement {
    /// `allow`, `warn`, `flag`, `redact` or `block`.
    verdict: &'static str,
    /// The text with what is redacted replaced; the same object if nothing is.
    text: Py<PyString>,
    /// What was found and counts, in the order of the text.
    findings: Vec<Finding>,
}

#[pymethods]
impl Judgement {
    /// Whether the text may pass, as it is or redacted.
    #[getter]
    fn passes(&self) -> bool {
        self.verdict != Verdict::Block.name()
    }

    fn __repr__(&self) -> String {
        let count = self.findings.len();
        format!("Judgement(verdict='{}', findings={count})", self.verdict)
    }
}

/// A span of a text that should be looked at. It never holds the text itself.
#[pyclass(frozen, get_all, eq, from_py_object, module = "iron_cage")]
#[derive(Clone, PartialEq)]
pub(crate) struct Finding {
    /// What it is taken for: `email`, `payment_card`, `api_key`.
    entity: &'static str,
    /// `pii`, `secret`, `injection` or `custom`.
    category: &'static str,
    /// The rule that says so: `family.name`.
    rule: String,
    /// Its first code point.
    start: usize,
    /// The code point after its last.
    end: usize,
    /// How sure: 0 to 1.
    score: f32,
    /// How grave, for injections: `low`, `medium` or `high`.
    severity: &'static str,
    /// What is done about it.
    verdict: &'static str,
}

#[pymethods]
impl Finding {
    fn __repr__(&self) -> String {
        format!(
            "Finding(entity='{}', rule='{}', start={}, end={}, score={:.2}, verdict='{}')",
            self.entity, self.rule, self.start, self.end, self.score, self.verdict
        )
    }
}

#[pymethods]
impl Guard {
    /// Compiles a profile: the JSON of the API as a mapping; what a new tenant has without one.
    #[new]
    #[pyo3(signature = (profile = None))]
    fn new(py: Python<'_>, profile: Option<&Bound<'_, PyAny>>) -> PyResult<Self> {
        let profile = match profile {
            Some(given) => serde_json::from_value(value_of(given)?)
                .map_err(|error| raised(py, "ProfileError", &error))?,
            None => Profile::default(),
        };
        py.detach(|| iron_guard::Guard::new(profile))
            .map(Self)
            .map_err(|error| raised(py, "ProfileError", &error))
    }

    /// The profile, with all that was left out of it.
    #[getter]
    fn profile<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let profile = serde_json::to_value(self.0.profile())
            .map_err(|error| raised(py, "ProfileError", &error))?;
        to_python(py, &profile)
    }

    /// Judges a text that came through a channel: `system`, `assistant`, `user`, `tool_result`,
    /// `document`, `memory`, `tool_arguments` or `output`.
    #[pyo3(signature = (text, channel = "user"))]
    fn judge(&self, text: &Bound<'_, PyString>, channel: &str) -> PyResult<Judgement> {
        let py = text.py();
        let channel = channel_named(channel)?;
        let read = text.to_cow()?;
        let bytes: &str = &read;
        let (judgement, changed) = py.detach(|| {
            let judgement = self.0.judge(bytes, channel, &mut Pseudonyms::default());
            let changed = match judgement.apply(bytes) {
                Cow::Borrowed(_) => None,
                Cow::Owned(text) => Some(text),
            };
            (judgement, changed)
        });
        Ok(Judgement {
            verdict: judgement.verdict().name(),
            findings: findings(bytes, &judgement),
            text: match changed {
                Some(changed) => PyString::new(py, &changed).unbind(),
                None => text.clone().unbind(),
            },
        })
    }

    /// Judges the texts in a value (lists, mappings, data classes, models) and gives the verdict,
    /// the value with what is redacted replaced, and the findings; their places are those of the
    /// value as JSON. The value itself is given back if nothing was replaced.
    #[pyo3(signature = (value, channel = "tool_arguments"))]
    fn judge_value<'py>(
        &self,
        value: &Bound<'py, PyAny>,
        channel: &str,
    ) -> PyResult<(&'static str, Bound<'py, PyAny>, Vec<Finding>)> {
        let py = value.py();
        let channel = channel_named(channel)?;
        let text = value_of(value)?.to_string();
        let (judgement, changed) = py.detach(|| {
            let judgement = self
                .0
                .judge_json(&text, channel, &mut Pseudonyms::default());
            let changed = match judgement.apply(&text) {
                Cow::Borrowed(_) => None,
                Cow::Owned(text) => Some(serde_json::from_str(&text)),
            };
            (judgement, changed)
        });
        let changed = changed
            .transpose()
            .map_err(|error| raised(py, "IronCageError", &error))?;
        let value = match changed {
            Some(changed) => to_python(py, &changed)?,
            None => value.clone(),
        };
        let findings = findings(&text, &judgement);
        Ok((judgement.verdict().name(), value, findings))
    }

    /// Gives a text as it may pass.
    ///
    /// Raises `ContentBlocked` if it may not.
    #[pyo3(signature = (text, channel = "user"))]
    fn redact(&self, text: &Bound<'_, PyString>, channel: &str) -> PyResult<Py<PyString>> {
        let judgement = self.judge(text, channel)?;
        if judgement.passes() {
            return Ok(judgement.text);
        }
        let rules = judgement.findings.iter();
        let rules = rules.filter(|finding| finding.verdict == Verdict::Block.name());
        let rules: Vec<_> = rules.map(|finding| finding.rule.clone()).collect();
        Err(crate::error::blocked(text.py(), rules))
    }
}

fn channel_named(name: &str) -> PyResult<Channel> {
    let name = serde_json::Value::from(name);
    serde_json::from_value(name).map_err(|error| PyValueError::new_err(error.to_string()))
}

fn findings(text: &str, judgement: &iron_guard::Judgement) -> Vec<Finding> {
    let mut offsets = Offsets::new(text);
    let judged = judgement.findings.iter();
    judged
        .map(|judged| Finding {
            entity: judged.finding.entity.name(),
            category: category(judged.finding.entity.category()),
            rule: judged.finding.rule.to_string(),
            start: offsets.of(judged.finding.span.start),
            end: offsets.of(judged.finding.span.end),
            score: judged.finding.score,
            severity: severity(judged.finding.severity),
            verdict: judged.verdict.name(),
        })
        .collect()
}

fn category(category: Category) -> &'static str {
    match category {
        Category::Pii => "pii",
        Category::Secret => "secret",
        Category::Injection => "injection",
        Category::Custom => "custom",
    }
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Low => "low",
        Severity::Medium => "medium",
        Severity::High => "high",
    }
}
