//! What `receive()` and `send()` return: something done already, or a future of the event loop; and
//! the end of a task that awaits neither.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use pyo3::exceptions::{PyRuntimeError, PyStopIteration};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

/// An awaitable that is done already. Making a future for each would cost more than the rest.
#[pyclass(frozen, module = "temps_plugin._core")]
pub(crate) struct Done(Mutex<Option<Py<PyAny>>>);

/// One for all that have nothing to tell.
static NOTHING: PyOnceLock<Py<Done>> = PyOnceLock::new();

impl Done {
    /// Done, with nothing to tell.
    pub(crate) fn nothing(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
        let nothing = NOTHING.get_or_try_init(py, || Py::new(py, Self(Mutex::new(None))))?;
        Ok(nothing.bind(py).clone().into_any())
    }

    /// Done, with a value.
    pub(crate) fn with(value: Bound<'_, PyAny>) -> PyResult<Bound<'_, PyAny>> {
        let py = value.py();
        Ok(Bound::new(py, Self(Mutex::new(Some(value.unbind()))))?.into_any())
    }
}

#[pymethods]
impl Done {
    fn __await__(this: Py<Self>) -> Py<Self> {
        this
    }

    fn __iter__(this: Py<Self>) -> Py<Self> {
        this
    }

    fn __next__(&self) -> PyResult<Option<Py<PyAny>>> {
        let value = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        // A `StopIteration` without a value needs no exception object.
        value.map_or(Ok(None), |value| Err(PyStopIteration::new_err((value,))))
    }
}

/// A future of the event loop that somebody awaits.
pub(crate) struct Waiting(Py<PyAny>);

impl Waiting {
    /// A new future, and our hold on it.
    pub(crate) fn new<'py>(event_loop: &Bound<'py, PyAny>) -> PyResult<(Bound<'py, PyAny>, Self)> {
        let future = event_loop.call_method0(pyo3::intern!(event_loop.py(), "create_future"))?;
        let waiting = Self(future.clone().unbind());
        Ok((future, waiting))
    }

    /// A new future for the one who reads, in the place where the last one may still be. A reader that
    /// gave up, as one with a time limit does, leaves its place to the next.
    pub(crate) fn only<'py>(
        place: &mut Option<Self>,
        event_loop: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        if let Some(reading) = place
            && !reading.is_done(event_loop.py())?
        {
            return Err(PyRuntimeError::new_err("receive() is awaited by another task already"));
        }
        let (future, waiting) = Self::new(event_loop)?;
        *place = Some(waiting);
        Ok(future)
    }

    /// Whether nobody awaits it any more.
    pub(crate) fn is_done(&self, py: Python<'_>) -> PyResult<bool> {
        self.0.bind(py).call_method0(pyo3::intern!(py, "done"))?.extract()
    }

    /// Wakes whoever awaits it. False when that was cancelled: then nobody takes the outcome.
    pub(crate) fn resolve(
        self,
        py: Python<'_>,
        outcome: PyResult<Bound<'_, PyAny>>,
    ) -> PyResult<bool> {
        let future = self.0.bind(py);
        if self.is_done(py)? {
            return Ok(false);
        }
        match outcome {
            Ok(value) => future.call_method1(pyo3::intern!(py, "set_result"), (value,))?,
            Err(error) => {
                future.call_method1(pyo3::intern!(py, "set_exception"), (error.into_value(py),))?
            }
        };
        Ok(true)
    }
}

/// Cancels an application that waits for something else than its peer, who is gone.
#[pyclass(frozen)]
pub(crate) struct Cancel {
    pub(crate) task: Py<PyAny>,
    pub(crate) told: Arc<AtomicBool>,
}

#[pymethods]
impl Cancel {
    fn __call__(&self, py: Python<'_>) -> PyResult<()> {
        if !self.told.load(Ordering::Relaxed) {
            self.task.call_method0(py, pyo3::intern!(py, "cancel"))?;
        }
        Ok(())
    }
}
