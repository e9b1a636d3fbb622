//! What a new database holds: the samples of the platform in memory.

use rusqlite::Transaction;
use serde::Serialize;
use temps_plugin_schema::platform::HostCapabilities;

use super::DatabaseError;
use crate::memory_platform::sample;

pub(super) fn fill(database: &Transaction<'_>) -> Result<(), DatabaseError> {
    insert(database, "projects", &sample::projects())?;
    insert(database, "environments", &sample::environments())?;
    insert(database, "deployments", &sample::deployments())
}

fn insert<T: Serialize>(
    database: &Transaction<'_>,
    table: &'static str,
    all: &[T],
) -> Result<(), DatabaseError> {
    let mut insert = database.prepare(&format!("INSERT INTO {table} (data) VALUES (?)"))?;
    for one in all {
        // What goes over the wire is always JSON.
        insert.execute([serde_json::to_string(one).unwrap_or_default()])?;
    }
    Ok(())
}

/// Everything is granted, and there is no model.
pub(super) fn capabilities() -> HostCapabilities {
    let mut capabilities = sample::capabilities();
    capabilities.ai.configured = false;
    capabilities.ai.reason = Some("this host has no model".to_owned());
    capabilities
}
