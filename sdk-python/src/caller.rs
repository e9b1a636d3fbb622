//! The verified caller of a request.

use pyo3::prelude::*;
use pyo3::types::PyTuple;
use temps_plugin_sdk::VerifiedCaller;

/// The signed-in user who sent a request, as the host vouches for them.
///
/// There is one only for a request that the host signed: header fields alone never make one.
#[pyclass(frozen, module = "temps_plugin")]
pub(crate) struct Caller(pub(crate) VerifiedCaller);

#[pymethods]
impl Caller {
    /// The user's id on the platform.
    #[getter]
    fn user_id(&self) -> &str {
        self.0.user_id()
    }

    /// The user's e-mail address.
    #[getter]
    fn email(&self) -> &str {
        self.0.email()
    }

    /// The user's role: `admin`, `platform_admin`, `user`, `reader`, …
    #[getter]
    fn role(&self) -> &str {
        self.0.role().as_str()
    }

    /// The user's permissions, such as `projects:read`.
    #[getter]
    fn permissions<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, self.0.permissions())
    }

    /// Whether the user has this permission.
    fn has_permission(&self, permission: &str) -> bool {
        self.0.has_permission(permission)
    }

    /// Whether the user administers the platform.
    #[getter]
    fn is_admin(&self) -> bool {
        self.0.is_admin()
    }

    fn __repr__(&self) -> String {
        format!("Caller(user_id={:?}, role={:?})", self.0.user_id(), self.0.role().as_str())
    }
}
