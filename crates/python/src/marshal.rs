//! Values of Python as JSON, and back.
//!
//! Everything that an agent hands to a tool has a form in JSON: what is judged is what is there. An
//! object without one of its own shows its public attributes, and at last its text.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use pyo3::exceptions::{PyRecursionError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{
    PyBool, PyByteArray, PyBytes, PyDict, PyFloat, PyFrozenSet, PyInt, PyList, PyMapping, PySet,
    PyString, PyTuple, PyType,
};
use serde_json::{Map, Number, Value};

use crate::error::raised;

/// Values nested deeper than that are refused; so are those that hold themselves.
const DEEPEST: usize = 64;

/// Gives a value as the bytes of its JSON.
#[pyfunction]
pub(crate) fn encode<'py>(value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyBytes>> {
    let py = value.py();
    let value = value_of(value)?;
    let bytes = py
        .detach(|| serde_json::to_vec(&value))
        .map_err(|error| raised(py, "IronCageError", &error))?;
    Ok(PyBytes::new(py, &bytes))
}

/// Reads JSON: `str`, `int`, `float`, `bool`, `None`, `list` and `dict`.
#[pyfunction]
pub(crate) fn decode<'py>(data: &Bound<'py, PyBytes>) -> PyResult<Bound<'py, PyAny>> {
    let py = data.py();
    let bytes = data.as_bytes();
    let value: Value = py
        .detach(|| serde_json::from_slice(bytes))
        .map_err(|error| PyValueError::new_err(error.to_string()))?;
    to_python(py, &value)
}

/// Gives a value as JSON would give it back: of `str`, `int`, `float`, `bool`, `None`, `list`, `dict`.
#[pyfunction]
pub(crate) fn simplify<'py>(value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let simple = value_of(value)?;
    to_python(value.py(), &simple)
}

/// A value of Python as JSON.
pub(crate) fn value_of(object: &Bound<'_, PyAny>) -> PyResult<Value> {
    value_at(object, 0)
}

fn value_at(object: &Bound<'_, PyAny>, depth: usize) -> PyResult<Value> {
    if depth > DEEPEST {
        return Err(PyRecursionError::new_err(format!(
            "the value is nested more than {DEEPEST} levels deep, or holds itself"
        )));
    }
    if let Some(value) = scalar(object)? {
        return Ok(value);
    }
    if let Ok(dict) = object.cast::<PyDict>() {
        return members(dict.iter().map(Ok), depth);
    }
    if let Some(value) = listed(object, depth)? {
        return Ok(value);
    }
    declared(object, depth)
}

fn scalar(object: &Bound<'_, PyAny>) -> PyResult<Option<Value>> {
    if object.is_none() {
        return Ok(Some(Value::Null));
    }
    if let Ok(text) = object.cast_exact::<PyString>() {
        return Ok(Some(Value::String(text.to_string_lossy().into_owned())));
    }
    if let Ok(truth) = object.cast::<PyBool>() {
        return Ok(Some(Value::Bool(truth.is_true())));
    }
    if object.is_instance_of::<PyInt>() {
        return integer(object).map(Some);
    }
    if let Ok(number) = object.cast::<PyFloat>() {
        return Ok(Some(float(number.value())));
    }
    if let Ok(text) = object.cast::<PyString>() {
        return Ok(Some(Value::String(text.to_string_lossy().into_owned())));
    }
    if let Ok(bytes) = object.cast::<PyBytes>() {
        return Ok(Some(binary(bytes.as_bytes())));
    }
    if let Ok(bytes) = object.cast::<PyByteArray>() {
        return Ok(Some(binary(&bytes.to_vec())));
    }
    Ok(None)
}

/// Integers of any size: those that JSON readers would round are texts.
fn integer(object: &Bound<'_, PyAny>) -> PyResult<Value> {
    if let Ok(small) = object.extract::<i64>() {
        return Ok(Value::from(small));
    }
    if let Ok(large) = object.extract::<u64>() {
        return Ok(Value::from(large));
    }
    Ok(Value::String(object.str()?.to_string()))
}

/// JSON knows no infinity: it is a text, so that it is seen.
fn float(number: f64) -> Value {
    match Number::from_f64(number) {
        Some(number) => Value::Number(number),
        None => Value::String(number.to_string()),
    }
}

/// Bytes are the text they hold, else base 64.
fn binary(bytes: &[u8]) -> Value {
    match std::str::from_utf8(bytes) {
        Ok(text) => Value::from(text),
        Err(_) => Value::String(BASE64_STANDARD.encode(bytes)),
    }
}

fn listed(object: &Bound<'_, PyAny>, depth: usize) -> PyResult<Option<Value>> {
    let is_set = object.is_instance_of::<PySet>() || object.is_instance_of::<PyFrozenSet>();
    let is_list = object.is_instance_of::<PyList>();
    let is_tuple = object.is_instance_of::<PyTuple>();
    if is_tuple && let Ok(fields) = object.call_method0(intern!(object.py(), "_asdict")) {
        return value_at(&fields, depth + 1).map(Some);
    }
    if !(is_set || is_list || is_tuple) {
        return Ok(None);
    }
    let items = object.try_iter()?;
    let mut items = items
        .map(|item| value_at(&item?, depth + 1))
        .collect::<PyResult<Vec<_>>>()?;
    if is_set {
        // The same set has the same form, whatever its order in memory.
        items.sort_by_cached_key(Value::to_string);
    }
    Ok(Some(Value::Array(items)))
}

fn members<'py>(
    pairs: impl Iterator<Item = PyResult<(Bound<'py, PyAny>, Bound<'py, PyAny>)>>,
    depth: usize,
) -> PyResult<Value> {
    let mut members = Map::new();
    for pair in pairs {
        let (key, value) = pair?;
        let name = key_of(&key)?;
        let value = value_at(&value, depth + 1)?;
        if members.insert(name, value).is_some() {
            return Err(PyValueError::new_err(format!(
                "two keys of a mapping are written `{}` in JSON; rename one of them",
                key.str()?
            )));
        }
    }
    Ok(Value::Object(members))
}

/// Keys are texts, as `json.dumps` writes them.
fn key_of(key: &Bound<'_, PyAny>) -> PyResult<String> {
    match scalar(key)? {
        Some(Value::String(text)) => Ok(text),
        Some(other) => Ok(other.to_string()),
        None => Ok(key.str()?.to_string_lossy().into_owned()),
    }
}

/// What classes say of their form, the most exact first.
fn declared(object: &Bound<'_, PyAny>, depth: usize) -> PyResult<Value> {
    let py = object.py();
    if object.is_instance_of::<PyType>() || object.is_callable() {
        return text_of(object);
    }
    if let Some(names) = object.getattr_opt(intern!(py, "__dataclass_fields__"))? {
        return fields(object, names.cast_into::<PyDict>()?.keys(), depth);
    }
    if object.is_instance(&py.import("enum")?.getattr("Enum")?)? {
        return value_at(&object.getattr(intern!(py, "value"))?, depth + 1);
    }
    for method in ["model_dump", "isoformat", "__fspath__", "tolist"] {
        if let Some(form) = object.getattr_opt(method)? {
            return value_at(&form.call0()?, depth + 1);
        }
    }
    if let Ok(mapping) = object.cast::<PyMapping>() {
        let items = mapping.items()?;
        let pairs = items.iter().map(|pair| pair.extract());
        return members(pairs, depth);
    }
    let module = object.get_type().module()?;
    if matches!(
        module.to_string().as_str(),
        "decimal" | "uuid" | "fractions" | "ipaddress"
    ) {
        return text_of(object);
    }
    if let Some(attributes) = object.getattr_opt(intern!(py, "__dict__"))? {
        return public(&attributes.cast_into::<PyDict>()?, depth);
    }
    text_of(object)
}

fn fields(object: &Bound<'_, PyAny>, names: Bound<'_, PyList>, depth: usize) -> PyResult<Value> {
    let pairs = names.iter().map(|name| {
        let value = object.getattr(name.cast::<PyString>()?)?;
        Ok((name, value))
    });
    members(pairs, depth)
}

fn public(attributes: &Bound<'_, PyDict>, depth: usize) -> PyResult<Value> {
    let is_public = |(name, _): &(Bound<'_, PyAny>, Bound<'_, PyAny>)| {
        name.cast::<PyString>()
            .is_ok_and(|name| !name.to_string_lossy().starts_with('_'))
    };
    members(attributes.iter().filter(is_public).map(Ok), depth)
}

fn text_of(object: &Bound<'_, PyAny>) -> PyResult<Value> {
    Ok(Value::String(object.str()?.to_string_lossy().into_owned()))
}

/// JSON as a value of Python.
pub(crate) fn to_python<'py>(py: Python<'py>, value: &Value) -> PyResult<Bound<'py, PyAny>> {
    Ok(match value {
        Value::Null => py.None().into_bound(py),
        Value::Bool(truth) => PyBool::new(py, *truth).to_owned().into_any(),
        Value::Number(number) => number_of(py, number)?,
        Value::String(text) => PyString::new(py, text).into_any(),
        Value::Array(items) => {
            let list = PyList::empty(py);
            for item in items {
                list.append(to_python(py, item)?)?;
            }
            list.into_any()
        }
        Value::Object(members) => {
            let dict = PyDict::new(py);
            for (name, value) in members {
                dict.set_item(name, to_python(py, value)?)?;
            }
            dict.into_any()
        }
    })
}

fn number_of<'py>(py: Python<'py>, number: &Number) -> PyResult<Bound<'py, PyAny>> {
    if let Some(small) = number.as_i64() {
        return Ok(small.into_pyobject(py)?.into_any());
    }
    if let Some(large) = number.as_u64() {
        return Ok(large.into_pyobject(py)?.into_any());
    }
    let float = number.as_f64().unwrap_or(f64::NAN);
    Ok(PyFloat::new(py, float).into_any())
}
