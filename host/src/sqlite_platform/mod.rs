//! A platform in an SQLite file, for a host at home: filled with samples when it is new.
//!
//! Each table has one column `data` that holds what goes over the wire, as JSON; `sqlite3` and its
//! `json_set` are enough to change it while the host runs.

mod api;
mod sample;

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, Params};
use serde::de::DeserializeOwned;
use temps_plugin_schema::api_call::{ApiCall, ApiReply};
use temps_plugin_schema::calls::{
    GetDeployment, GetEnvironment, GetHostCapabilities, GetLastDeployment, GetProject,
    ListDeployments, ListEnvironments, ListProjects,
};
use temps_plugin_schema::channel::{ErrorBody, ErrorCode};
use temps_plugin_schema::platform::{Deployment, Environment, HostCapabilities, Project};

use crate::platform::{CallFuture, CallOrigin, Platform};

/// How many a list has at most (CH-44).
const MOST: u32 = 100;

const TABLES: &str = "
CREATE TABLE IF NOT EXISTS projects (
    data TEXT NOT NULL CHECK (json_valid(data)),
    id INTEGER GENERATED ALWAYS AS (json_extract(data, '$.id')) STORED UNIQUE
);
CREATE TABLE IF NOT EXISTS environments (
    data TEXT NOT NULL CHECK (json_valid(data)),
    id INTEGER GENERATED ALWAYS AS (json_extract(data, '$.id')) STORED UNIQUE,
    project_id INTEGER GENERATED ALWAYS AS (json_extract(data, '$.project_id')) STORED
);
CREATE TABLE IF NOT EXISTS deployments (
    data TEXT NOT NULL CHECK (json_valid(data)),
    id INTEGER GENERATED ALWAYS AS (json_extract(data, '$.id')) STORED UNIQUE,
    project_id INTEGER GENERATED ALWAYS AS (json_extract(data, '$.project_id')) STORED,
    environment_id INTEGER GENERATED ALWAYS AS (json_extract(data, '$.environment_id')) STORED
);
";

/// Answers plugins' calls from an SQLite file. It has no model, so `generate_ai` is not set up.
#[derive(Debug, Clone)]
pub struct SqlitePlatform {
    database: Arc<Mutex<Connection>>,
}

/// A database that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the platform's database: {0}")]
pub struct DatabaseError(#[from] rusqlite::Error);

impl SqlitePlatform {
    /// Opens the file, and fills it with two projects, their environments and deployments when it is
    /// new. Blocks.
    ///
    /// # Errors
    /// When it cannot be opened, or is no such database.
    pub fn open(path: &Path) -> Result<Self, DatabaseError> {
        Self::with(Connection::open(path)?)
    }

    fn with(mut database: Connection) -> Result<Self, DatabaseError> {
        database.pragma_update(None, "journal_mode", "wal")?;
        database.execute_batch(TABLES)?;
        let filling = database.transaction()?;
        let projects: i64 =
            filling.query_row("SELECT count(*) FROM projects", [], |row| row.get(0))?;
        if projects == 0 {
            sample::fill(&filling)?;
        }
        filling.commit()?;
        Ok(Self { database: Arc::new(Mutex::new(database)) })
    }

    /// What a query finds, each row's `data` read as a `T`.
    async fn all<T, P>(&self, query: &'static str, of: P) -> Result<Vec<T>, ErrorBody>
    where
        T: DeserializeOwned + Send + 'static,
        P: Params + Send + 'static,
    {
        let database = Arc::clone(&self.database);
        let asking = tokio::task::spawn_blocking(move || {
            let database = database.lock().unwrap_or_else(PoisonError::into_inner);
            let mut query = database.prepare_cached(query).map_err(internal)?;
            let rows = query.query_map(of, |row| row.get::<_, String>(0)).map_err(internal)?;
            rows.map(|row| serde_json::from_str(&row.map_err(internal)?).map_err(internal))
                .collect()
        });
        asking.await.map_err(internal)?
    }

    async fn one<T, P>(&self, query: &'static str, of: P, what: &str) -> Result<T, ErrorBody>
    where
        T: DeserializeOwned + Send + 'static,
        P: Params + Send + 'static,
    {
        let missing = || ErrorBody::new(ErrorCode::NotFound, format!("there is no {what}"));
        self.all(query, of).await?.into_iter().next().ok_or_else(missing)
    }
}

fn internal(error: impl std::fmt::Display) -> ErrorBody {
    ErrorBody::new(ErrorCode::Internal, format!("the platform's database: {error}"))
}

/// At most so many, and never more than [`MOST`].
fn limit(asked: Option<u32>) -> u32 {
    asked.unwrap_or(MOST).min(MOST)
}

impl Platform for SqlitePlatform {
    fn get_project(&self, _: CallOrigin, params: GetProject) -> CallFuture<'_, Project> {
        let id = params.project_id;
        Box::pin(async move {
            let what = format!("project {id}");
            self.one("SELECT data FROM projects WHERE id = ?", [id], &what).await
        })
    }

    fn list_projects(&self, _: CallOrigin, params: ListProjects) -> CallFuture<'_, Vec<Project>> {
        let most = limit(params.limit);
        Box::pin(self.all("SELECT data FROM projects ORDER BY id LIMIT ?", [most]))
    }

    fn get_environment(
        &self,
        _: CallOrigin,
        params: GetEnvironment,
    ) -> CallFuture<'_, Environment> {
        let id = params.environment_id;
        Box::pin(async move {
            let what = format!("environment {id}");
            self.one("SELECT data FROM environments WHERE id = ?", [id], &what).await
        })
    }

    fn list_environments(
        &self,
        _: CallOrigin,
        params: ListEnvironments,
    ) -> CallFuture<'_, Vec<Environment>> {
        let query = "SELECT data FROM environments WHERE project_id = ? ORDER BY id LIMIT ?";
        Box::pin(self.all(query, (params.project_id, MOST)))
    }

    fn get_deployment(&self, _: CallOrigin, params: GetDeployment) -> CallFuture<'_, Deployment> {
        let id = params.deployment_id;
        Box::pin(async move {
            let what = format!("deployment {id}");
            self.one("SELECT data FROM deployments WHERE id = ?", [id], &what).await
        })
    }

    fn get_last_deployment(
        &self,
        _: CallOrigin,
        params: GetLastDeployment,
    ) -> CallFuture<'_, Deployment> {
        let (project, environment) = (params.project_id, params.environment_id);
        Box::pin(async move {
            let query = "SELECT data FROM deployments WHERE project_id = ?1 AND \
                         (?2 IS NULL OR environment_id = ?2) ORDER BY id DESC LIMIT 1";
            let what = format!("deployment of project {project} that is asked for");
            self.one(query, (project, environment), &what).await
        })
    }

    fn list_deployments(
        &self,
        _: CallOrigin,
        params: ListDeployments,
    ) -> CallFuture<'_, Vec<Deployment>> {
        let query = "SELECT data FROM deployments WHERE project_id = ?1 AND \
                     (?2 IS NULL OR environment_id = ?2) ORDER BY id DESC LIMIT ?3";
        Box::pin(self.all(query, (params.project_id, params.environment_id, limit(params.limit))))
    }

    fn get_host_capabilities(
        &self,
        _: CallOrigin,
        _: GetHostCapabilities,
    ) -> CallFuture<'_, HostCapabilities> {
        Box::pin(std::future::ready(Ok(sample::capabilities())))
    }

    fn api_call(&self, origin: CallOrigin, params: ApiCall) -> CallFuture<'_, ApiReply> {
        Box::pin(self.answer_api(origin, params))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;
    use temps_plugin_schema::api_call::ApiMethod;
    use temps_plugin_schema::http::Role;
    use temps_plugin_schema::{Dialect, PluginManifest, Secret};

    use super::*;
    use crate::http::Identity;

    fn platform() -> SqlitePlatform {
        SqlitePlatform::with(Connection::open_in_memory().unwrap()).unwrap()
    }

    fn origin() -> CallOrigin {
        let manifest = PluginManifest::builder("test", "1.0.0").build();
        CallOrigin::new(Arc::new(manifest), Dialect::Two)
    }

    fn params<T: DeserializeOwned>(value: serde_json::Value) -> T {
        serde_json::from_value(value).unwrap()
    }

    #[tokio::test]
    async fn the_samples_are_there_and_what_is_not_is_not_found() {
        let platform = platform();
        let all = platform.list_projects(origin(), params(json!({}))).await.unwrap();
        assert_eq!(all.iter().map(|p| p.name.as_str()).collect::<Vec<_>>(), ["Shop", "Blog"]);
        let one = platform.list_projects(origin(), params(json!({"limit": 1}))).await.unwrap();
        assert_eq!(one.len(), 1);
        let shop = all[0].id;
        let of_shop = json!({"project_id": shop});
        let environments = platform.list_environments(origin(), params(of_shop.clone())).await;
        assert_eq!(environments.unwrap().len(), 2);
        let newest = platform.get_last_deployment(origin(), params(of_shop.clone())).await.unwrap();
        let listed = platform.list_deployments(origin(), params(of_shop)).await.unwrap();
        assert_eq!(newest, listed[0]);
        assert!(listed.windows(2).all(|pair| pair[0].id > pair[1].id));

        let missing = platform.get_project(origin(), params(json!({"project_id": 7}))).await;
        let missing = missing.unwrap_err();
        assert_eq!(missing.code, ErrorCode::NotFound);
        assert!(missing.message.contains("project 7"), "{}", missing.message);
    }

    #[tokio::test]
    async fn what_is_changed_by_hand_stays() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("platform.db");
        drop(SqlitePlatform::open(&path).unwrap());
        let other = Connection::open(&path).unwrap();
        other.execute("DELETE FROM projects WHERE id = 43", []).unwrap();
        drop(other);
        let platform = SqlitePlatform::open(&path).unwrap();
        let all = platform.list_projects(origin(), params(json!({}))).await.unwrap();
        assert_eq!(all.len(), 1);
        std::fs::write(&path, "this is no database, whatever its name says").unwrap();
        let error = SqlitePlatform::open(&path).unwrap_err().to_string();
        assert!(error.contains("not a database"), "{error}");
    }

    #[tokio::test]
    async fn the_api_answers_callers_only() {
        let platform = platform();
        let call = |path: &str| ApiCall {
            method: ApiMethod::Get,
            path: path.to_owned(),
            query: None,
            body: None,
            actor: Secret::new("checked before"),
        };
        let nobody = platform.api_call(origin(), call("/api/projects")).await.unwrap_err();
        assert_eq!(nobody.code, ErrorCode::Unauthenticated);
        let mut origin = origin();
        origin.caller = Some(Arc::new(Identity::new("1", "a@b.c", Role::Reader)));
        let known = [
            ("/api/projects", "Shop"),
            ("/api/projects/42", "Shop"),
            ("/api/projects/42/environments", "Production"),
            ("/api/projects/42/deployments", "v1.2.0"),
        ];
        for (path, says) in known {
            let reply = platform.api_call(origin.clone(), call(path)).await.unwrap();
            let body = reply.body.unwrap();
            assert!(reply.status == 200 && body.contains(says), "{path}: {body}");
        }
        for path in ["/api/projects/7", "/api/users", "/api/projects/42/secrets"] {
            let reply = platform.api_call(origin.clone(), call(path)).await.unwrap();
            assert_eq!(reply.status, 404, "{path}");
        }
        let delete = ApiCall { method: ApiMethod::Delete, ..call("/api/projects/42") };
        assert_eq!(platform.api_call(origin, delete).await.unwrap().status, 405);
    }
}
