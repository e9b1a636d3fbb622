//! The messages an ASGI application sends, read into a response.

use std::borrow::Cow;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedStr;
use pyo3::types::{PyByteArray, PyBytes, PyDict};
use temps_plugin_sdk::binding::Head;

use crate::errors::value_error;

/// Reads `http.response.start`, or what answers a WebSocket that is refused: the head, and whether
/// trailers follow the body.
pub(crate) fn head(message: &Bound<'_, PyDict>) -> PyResult<(Head, bool)> {
    let py = message.py();
    let status = member(message, "status")?;
    let headers = match message.get_item(intern!(py, "headers"))? {
        Some(pairs) => read_headers(&pairs)?,
        None => HeaderMap::new(),
    };
    let Ok(status) = status.extract() else {
        return Err(PyValueError::new_err(format!("status is {status}; allowed: 200 to 599")));
    };
    Ok((Head::new(status, headers).map_err(value_error)?, flag(message, "trailers")?))
}

/// Pairs of name and value as a header map.
pub(crate) fn read_headers(pairs: &Bound<'_, PyAny>) -> PyResult<HeaderMap> {
    let mut headers = HeaderMap::new();
    for pair in pairs.try_iter()? {
        let pair = pair?;
        let (name, value) = (pair.get_item(0)?, pair.get_item(1)?);
        let (name, value) = (bytes_of(&name)?, bytes_of(&value)?);
        let bad = |what: &str, found: &[u8]| {
            let found = String::from_utf8_lossy(found);
            PyValueError::new_err(format!("header {what} {found:?} is not allowed in HTTP"))
        };
        let header = HeaderName::from_bytes(&name).map_err(|_| bad("name", &name))?;
        let value = HeaderValue::from_bytes(&value).map_err(|_| bad("value", &value))?;
        headers.append(header, value);
    }
    Ok(headers)
}

/// A message, and its type.
pub(crate) fn typed<'a, 'py>(
    message: &'a Bound<'py, PyAny>,
) -> PyResult<(&'a Bound<'py, PyDict>, PyBackedStr)> {
    let message = message.cast::<PyDict>().map_err(|_| {
        PyTypeError::new_err(format!("an ASGI message is a dict, not {}", type_name(message)))
    })?;
    let kind = member(message, "type")?.extract()?;
    Ok((message, kind))
}

/// `more_body` and its like: false unless it is there.
pub(crate) fn flag(message: &Bound<'_, PyDict>, name: &str) -> PyResult<bool> {
    message.get_item(name)?.map_or(Ok(false), |value| value.is_truthy())
}

/// The body of a message; empty when there is none.
pub(crate) fn body(message: &Bound<'_, PyDict>) -> PyResult<Bytes> {
    let Some(body) = message.get_item(intern!(message.py(), "body"))? else {
        return Ok(Bytes::new());
    };
    bytes_of(&body).map(|body| Bytes::from(body.into_owned()))
}

/// What something holds in bytes.
pub(crate) fn bytes_of<'a>(value: &'a Bound<'_, PyAny>) -> PyResult<Cow<'a, [u8]>> {
    if let Ok(bytes) = value.cast::<PyBytes>() {
        return Ok(Cow::Borrowed(bytes.as_bytes()));
    }
    if let Ok(bytes) = value.cast::<PyByteArray>() {
        return Ok(Cow::Owned(bytes.to_vec()));
    }
    // A memoryview, or anything else that gives its bytes away.
    if value.hasattr(intern!(value.py(), "tobytes"))? {
        let bytes = value.call_method0(intern!(value.py(), "tobytes"))?;
        return Ok(Cow::Owned(bytes.cast::<PyBytes>()?.as_bytes().to_vec()));
    }
    Err(PyTypeError::new_err(format!("expected bytes, not {}", type_name(value))))
}

fn member<'py>(message: &Bound<'py, PyDict>, name: &'static str) -> PyResult<Bound<'py, PyAny>> {
    message
        .get_item(name)?
        .ok_or_else(|| PyValueError::new_err(format!("{name:?} is missing from the message")))
}

fn type_name(value: &Bound<'_, PyAny>) -> String {
    value.get_type().name().map_or_else(|_| "that".to_owned(), |name| name.to_string())
}
