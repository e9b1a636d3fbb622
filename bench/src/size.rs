//! What a plugin weighs: the file that is deployed.

use crate::BenchError;
use crate::process::Binary;
use crate::report::{Goal, Row, Unit};

/// What the file of the smallest plugin may have.
const BYTES: f64 = 4e6;

/// The stripped release binary of the minimal plugin, beside the bare server's.
///
/// # Errors
/// When one was not built.
pub fn measure() -> Result<Row, BenchError> {
    let (plugin, bare) = (bytes(Binary::Minimal)?, bytes(Binary::Bare)?);
    Ok(Row::compare("size", "binary of the minimal plugin", Unit::Bytes)
        .values(plugin, bare)
        .goal(Goal::AtMost(BYTES)))
}

fn bytes(binary: Binary) -> Result<f64, BenchError> {
    let path = binary.path()?;
    let found = std::fs::metadata(&path).map_err(BenchError::system(path.display().to_string()))?;
    Ok(found.len() as f64)
}
