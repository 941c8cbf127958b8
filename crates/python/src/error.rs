//! Errors of this side as exceptions of the package.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::error::Error;
use std::fmt::Write;

use pyo3::prelude::*;
use pyo3::types::PyDict;

/// An exception of `iron_cage.errors`: its message is the error's, `native_trace` the causes below
/// it, with the stack if `RUST_BACKTRACE` asks for one.
pub(crate) fn raised(py: Python<'_>, class: &str, error: &(dyn Error + 'static)) -> PyErr {
    let exception = || {
        let class = py.import("iron_cage.errors")?.getattr(class)?;
        let fields = PyDict::new(py);
        fields.set_item("native_trace", trace(error))?;
        class.call((error.to_string(),), Some(&fields))
    };
    exception().map_or_else(|other| other, PyErr::from_value)
}

fn trace(error: &(dyn Error + 'static)) -> String {
    let mut trace = error.to_string();
    let mut cause = error.source();
    while let Some(below) = cause {
        // Writing to a String does not fail.
        let _ = write!(trace, "\ncaused by: {below}");
        cause = below.source();
    }
    let stack = Backtrace::capture();
    if stack.status() == BacktraceStatus::Captured {
        let _ = write!(trace, "\n{stack}");
    }
    trace
}

/// A text that may not pass, because of these rules.
pub(crate) fn blocked(py: Python<'_>, rules: Vec<String>) -> PyErr {
    let exception = || {
        let class = py.import("iron_cage.errors")?.getattr("ContentBlocked")?;
        let message = format!("the text was blocked by {}", rules.join(", "));
        let fields = PyDict::new(py);
        fields.set_item("code", "CONTENT_BLOCKED")?;
        fields.set_item("rules", rules)?;
        class.call((message,), Some(&fields))
    };
    exception().map_or_else(|other| other, PyErr::from_value)
}
