//! The little of the platform's API that there is at home: reading what the calls read, too.

use serde::Serialize;
use temps_plugin_schema::api_call::{ApiCall, ApiMethod, ApiReply};
use temps_plugin_schema::channel::{ErrorBody, ErrorCode};
use temps_plugin_schema::platform::{Deployment, Environment, Project};

use super::{MOST, SqlitePlatform};
use crate::platform::CallOrigin;
use crate::proxy::Problem;

impl SqlitePlatform {
    pub(super) async fn answer_api(
        &self,
        origin: CallOrigin,
        call: ApiCall,
    ) -> Result<ApiReply, ErrorBody> {
        if origin.caller.is_none() {
            let message = "nobody has checked this actor token";
            return Err(ErrorBody::new(ErrorCode::Unauthenticated, message));
        }
        if call.method != ApiMethod::Get {
            return Ok(problem(405, "the API of this host is for reading"));
        }
        let segments: Vec<&str> = call.path.split('/').skip(2).collect();
        let id = || segments.get(1).and_then(|id| id.parse::<i32>().ok()).unwrap_or_default();
        match segments.as_slice() {
            ["projects"] => {
                let query = "SELECT data FROM projects ORDER BY id LIMIT ?";
                Ok(found(&self.all::<Project, _>(query, [MOST]).await?))
            }
            ["projects", _] => {
                let query = "SELECT data FROM projects WHERE id = ?";
                Ok(first(self.all::<Project, _>(query, [id()]).await?))
            }
            ["projects", _, "environments"] => {
                let query = "SELECT data FROM environments WHERE project_id = ? ORDER BY id";
                Ok(found(&self.all::<Environment, _>(query, [id()]).await?))
            }
            ["projects", _, "deployments"] => {
                let query = "SELECT data FROM deployments WHERE project_id = ? ORDER BY id DESC";
                Ok(found(&self.all::<Deployment, _>(query, [id()]).await?))
            }
            _ => Ok(problem(404, "the API of this host has no such path")),
        }
    }
}

fn found<T: Serialize>(value: &T) -> ApiReply {
    ApiReply { status: 200, body: serde_json::to_string(value).ok() }
}

fn first<T: Serialize>(all: Vec<T>) -> ApiReply {
    all.first().map_or_else(|| problem(404, "there is no such project"), found)
}

fn problem(status: u16, detail: &str) -> ApiReply {
    let status_code = http::StatusCode::from_u16(status).unwrap_or_default();
    ApiReply { status, body: serde_json::to_string(&Problem::new(status_code, detail)).ok() }
}
