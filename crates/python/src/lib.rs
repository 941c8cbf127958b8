//! The native module of the Python package `iron_cage`: guardrails, policies and marshalling in
//! the process of the agent.
//!
//! Invariants:
//! - **Nothing runs before it is asked for.** No thread, no socket, no runtime: a process that has
//!   imported the module can fork.
//! - **Texts are read where they are.** A `str` is judged in the memory of Python, and given back as
//!   the same object if nothing was changed; the interpreter is let go meanwhile.
//! - **Nothing of Python is kept**: no object of this module holds a reference to one.
//! - **What is wrong is an exception of `iron_cage.errors`**, with the chain of causes on this side.

mod error;
mod guard;
mod marshal;
mod offsets;
mod policies;

use pyo3::prelude::*;

/// Guardrails, policies and marshalling, in this process.
#[pymodule]
mod _native {
    use super::{PyResult, Python};
    use pyo3::types::PyModuleMethods;
    use pyo3::{Bound, types::PyModule};

    #[pymodule_export]
    use super::guard::{Finding, Guard, Judgement};
    #[pymodule_export]
    use super::marshal::{decode, encode, simplify};
    #[pymodule_export]
    use super::policies::{Outcome, Policies};

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        let _: Python<'_> = module.py();
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
