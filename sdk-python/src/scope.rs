//! A request as an ASGI scope.

use std::path::Path;

use http::request::Parts;
use percent_encoding::percent_decode_str;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyString, PyTuple};
use temps_plugin_sdk::VerifiedCaller;

use crate::caller::Caller;

/// What every scope of a plugin has in common.
pub(crate) struct Common {
    asgi: Py<PyDict>,
    server: Py<PyTuple>,
    /// What `lifespan.startup` left for requests; each gets a copy of its own.
    pub(crate) state: Option<Py<PyDict>>,
}

impl Common {
    pub(crate) fn new(py: Python<'_>, socket: &Path) -> PyResult<Self> {
        let asgi = PyDict::new(py);
        asgi.set_item("version", "3.0")?;
        asgi.set_item("spec_version", "2.4")?;
        let server = (socket.as_os_str(), py.None()).into_pyobject(py)?;
        Ok(Self { asgi: asgi.unbind(), server: server.unbind(), state: None })
    }

    /// The scope of an HTTP request.
    pub(crate) fn http<'py>(
        &self,
        py: Python<'py>,
        parts: &Parts,
        caller: Option<VerifiedCaller>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let scope = self.connection(py, intern!(py, "http"), intern!(py, "http"), parts)?;
        scope.set_item(intern!(py, "method"), parts.method.as_str())?;
        let temps = temps(py, parts, caller)?;
        temps.set_item(intern!(py, "trailers"), true)?;
        let extensions = PyDict::new(py);
        extensions.set_item(intern!(py, "temps"), temps)?;
        extensions.set_item(intern!(py, "http.response.trailers"), PyDict::new(py))?;
        scope.set_item(intern!(py, "extensions"), extensions)?;
        Ok(scope)
    }

    /// The scope of a WebSocket.
    pub(crate) fn web_socket<'py>(
        &self,
        py: Python<'py>,
        parts: &Parts,
        caller: Option<VerifiedCaller>,
        subprotocols: &[String],
    ) -> PyResult<Bound<'py, PyDict>> {
        let scope = self.connection(py, intern!(py, "websocket"), intern!(py, "ws"), parts)?;
        scope.set_item(intern!(py, "subprotocols"), subprotocols)?;
        let extensions = PyDict::new(py);
        extensions.set_item(intern!(py, "temps"), temps(py, parts, caller)?)?;
        extensions.set_item(intern!(py, "websocket.http.response"), PyDict::new(py))?;
        scope.set_item(intern!(py, "extensions"), extensions)?;
        Ok(scope)
    }

    fn connection<'py>(
        &self,
        py: Python<'py>,
        kind: &Bound<'py, PyString>,
        scheme: &Bound<'py, PyString>,
        parts: &Parts,
    ) -> PyResult<Bound<'py, PyDict>> {
        let scope = PyDict::new(py);
        scope.set_item(intern!(py, "type"), kind)?;
        scope.set_item(intern!(py, "asgi"), &self.asgi)?;
        let version = match parts.version {
            http::Version::HTTP_10 => intern!(py, "1.0"),
            _ => intern!(py, "1.1"),
        };
        scope.set_item(intern!(py, "http_version"), version)?;
        scope.set_item(intern!(py, "scheme"), scheme)?;
        let raw = parts.uri.path();
        let path = percent_decode_str(raw).decode_utf8_lossy();
        scope.set_item(intern!(py, "path"), PyString::new(py, &path))?;
        scope.set_item(intern!(py, "raw_path"), PyBytes::new(py, raw.as_bytes()))?;
        let query = parts.uri.query().unwrap_or_default();
        scope.set_item(intern!(py, "query_string"), PyBytes::new(py, query.as_bytes()))?;
        scope.set_item(intern!(py, "root_path"), intern!(py, ""))?;
        scope.set_item(intern!(py, "headers"), headers(py, &parts.headers)?)?;
        scope.set_item(intern!(py, "client"), py.None())?;
        scope.set_item(intern!(py, "server"), &self.server)?;
        if let Some(state) = &self.state {
            scope.set_item(intern!(py, "state"), state.bind(py).copy()?)?;
        }
        Ok(scope)
    }
}

/// Pairs of name and value, names in lower case.
pub(crate) fn headers<'py>(
    py: Python<'py>,
    headers: &http::HeaderMap,
) -> PyResult<Bound<'py, PyList>> {
    let pairs = headers.iter().map(|(name, value)| {
        (PyBytes::new(py, name.as_str().as_bytes()), PyBytes::new(py, value.as_bytes()))
    });
    PyList::new(py, pairs.collect::<Vec<_>>())
}

/// Our extension: the verified caller, and the request target as it came, whose `?` without a query
/// `query_string` cannot show.
fn temps<'py>(
    py: Python<'py>,
    parts: &Parts,
    caller: Option<VerifiedCaller>,
) -> PyResult<Bound<'py, PyDict>> {
    let temps = PyDict::new(py);
    temps.set_item(intern!(py, "caller"), caller.map(Caller))?;
    let target = parts.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    temps.set_item(intern!(py, "target"), PyBytes::new(py, target.as_bytes()))?;
    Ok(temps)
}
