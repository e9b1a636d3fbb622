//! Errors of the SDK as exceptions of `temps_plugin.errors`.

use std::fmt::Display;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyString;
use temps_plugin_sdk::PluginSdkError;

/// The exception for a call that failed.
pub(crate) fn exception(py: Python<'_>, error: &PluginSdkError) -> PyErr {
    let code = error.remote().map(|body| body.code.to_string());
    let message = error.remote().map_or_else(|| error.to_string(), |body| body.message.clone());
    let made = py
        .import("temps_plugin.errors")
        .and_then(|errors| errors.call_method1("error_of", (error.kind().as_str(), message, code)));
    made.map_or_else(|error| error, PyErr::from_value)
}

/// A `ValueError` that says what `error` says.
pub(crate) fn value_error(error: impl Display) -> PyErr {
    PyValueError::new_err(error.to_string())
}

/// Reports an exception that nobody is left to take.
pub(crate) fn unraisable(py: Python<'_>, error: PyErr, during: &str) {
    error.write_unraisable(py, Some(PyString::new(py, during).as_any()));
}
