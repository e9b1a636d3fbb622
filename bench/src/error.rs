//! Why a measurement could not be made.

use std::io;

/// Why a measurement could not be made. A missed goal is none of these.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BenchError {
    /// The system refused something.
    #[error("{what}: {source}")]
    System {
        /// What was tried.
        what: String,
        /// What the system answered.
        source: io::Error,
    },
    /// Something under measure did not do its part.
    #[error("{0}")]
    Unexpected(String),
}

impl BenchError {
    /// Wraps a refusal of the system, for `map_err`.
    pub fn system(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::System { what, source }
    }

    /// Something under measure did not do its part.
    pub fn unexpected(what: impl Into<String>) -> Self {
        Self::Unexpected(what.into())
    }
}
