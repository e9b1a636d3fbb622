//! The handshake by hand, for an author who runs a server of their own.

use std::ffi::{OsStr, OsString};
use std::sync::{Mutex, PoisonError};

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use temps_plugin_sdk::PluginManifest;
use temps_plugin_sdk::schema::Wire;

use crate::errors::{exception, value_error};

/// A plugin that has announced itself, and what the host has told it.
#[pyclass(frozen, module = "temps_plugin._core")]
pub(crate) struct Announced {
    /// Taken when the SDK's server goes on with it.
    handshake: Mutex<Option<temps_plugin_sdk::Announced>>,
    dialect: u32,
    socket_path: OsString,
    data_dir: OsString,
    auth_secret: String,
    database_url: Option<String>,
    host_api_url: Option<String>,
}

#[pymethods]
impl Announced {
    /// Writes the first line, and waits for the host's where the dialect has one.
    #[new]
    fn new(py: Python<'_>, manifest: &str, arguments: Vec<OsString>) -> PyResult<Self> {
        let manifest = PluginManifest::from_json(manifest.as_bytes()).map_err(value_error)?;
        let announced = py.detach(|| temps_plugin_sdk::Announced::announce(manifest, arguments));
        let announced = announced.map_err(|error| exception(py, &error))?;
        Ok(Self {
            dialect: announced.dialect().number(),
            socket_path: announced.socket_path().into(),
            data_dir: announced.data_dir().into(),
            auth_secret: announced.auth_secret().to_owned(),
            database_url: announced.database_url().map(str::to_owned),
            host_api_url: announced.host_api_url().map(str::to_owned),
            handshake: Mutex::new(Some(announced)),
        })
    }

    /// Writes the second line; once is enough.
    fn ready(&self, py: Python<'_>, has_ui: bool) -> PyResult<()> {
        let mut handshake = self.handshake.lock().unwrap_or_else(PoisonError::into_inner);
        let announced = handshake.as_mut().ok_or_else(taken)?;
        announced.ready(has_ui).map_err(|error| exception(py, &error))
    }

    #[getter]
    fn dialect(&self) -> u32 {
        self.dialect
    }

    #[getter]
    fn socket_path(&self) -> &OsStr {
        &self.socket_path
    }

    #[getter]
    fn data_dir(&self) -> &OsStr {
        &self.data_dir
    }

    #[getter]
    fn auth_secret(&self) -> &str {
        &self.auth_secret
    }

    #[getter]
    fn database_url(&self) -> Option<&str> {
        self.database_url.as_deref()
    }

    #[getter]
    fn host_api_url(&self) -> Option<&str> {
        self.host_api_url.as_deref()
    }
}

impl Announced {
    /// The handshake, for the SDK's server to go on with.
    pub(crate) fn take(&self) -> PyResult<temps_plugin_sdk::Announced> {
        let mut handshake = self.handshake.lock().unwrap_or_else(PoisonError::into_inner);
        handshake.take().ok_or_else(taken)
    }
}

fn taken() -> PyErr {
    PyRuntimeError::new_err("run_server has this handshake already")
}
