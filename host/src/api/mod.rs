//! What a host serves: its own API, and its plugins beside it.

mod access;
mod events;
mod logs;
mod metrics;
mod openapi;
mod plugins;

use axum::Router;
use axum::routing::{any, get, post};
use http::StatusCode;
use utoipa_swagger_ui::{Config, SwaggerUi};

use crate::plugin_host::PluginHost;
use crate::proxy::{PREFIX, Problem, pass_on};

/// Names under which no plugin can be reached, because the host's own API is there. What else it serves
/// has names that no plugin can have (MF-02).
const OWN_NAMES: [&str; 2] = ["plugins", "events"];

/// Whether a plugin may have this name, and if not, why.
pub(crate) fn can_be_reached(name: &str) -> Result<(), String> {
    match OWN_NAMES.contains(&name) {
        true => {
            Err(format!("the host's own API is at {PREFIX}{name}: the plugin needs another name"))
        }
        false => Ok(()),
    }
}

impl PluginHost {
    /// Serves the host's own API and the plugins, below `/x/`: to be nested under `/api`.
    ///
    /// | route | who | what |
    /// |---|---|---|
    /// | `/x/{plugin}/…` | callers; public paths for all | the plugin itself |
    /// | `GET /x/plugins` | callers | the manifests of the plugins that serve |
    /// | `GET /x/openapi.json` | callers | this API and those of the plugins, as one document |
    /// | `GET /x/_docs/` | all | Swagger UI, which asks for that document |
    /// | `GET /x/_status` | administrators | everything about all plugins |
    /// | `GET /x/_metrics` | administrators | what is counted, for Prometheus |
    /// | `GET /x/plugins/{plugin}` | administrators | everything about one |
    /// | `GET /x/plugins/{plugin}/logs` | administrators | its standard error, as server-sent events |
    /// | `POST /x/plugins/{plugin}/restart` | administrators | starts it again |
    /// | `POST /x/plugins/reload` | administrators | looks at the directory again |
    /// | `POST /x/events` | administrators | hands an event to the plugins |
    ///
    /// Callers are those whom the [`Authenticator`](crate::Authenticator) knows; administrators have the
    /// role `admin` or `platform_admin`. Answers of the host itself that are no success are problem
    /// documents (RFC 9457).
    pub fn router(&self) -> Router {
        Router::new()
            .route("/x/plugins", get(plugins::list))
            .route("/x/plugins/reload", post(plugins::reload))
            .route("/x/plugins/{name}", get(plugins::detail))
            .route("/x/plugins/{name}/restart", post(plugins::restart))
            .route("/x/plugins/{name}/logs", get(logs::logs))
            .route("/x/events", post(events::fire))
            .route("/x/_status", get(plugins::status))
            .route("/x/_metrics", get(metrics::metrics))
            .route("/x/openapi.json", get(openapi::document))
            .merge(SwaggerUi::new("/x/_docs").config(Config::from("../openapi.json")))
            .method_not_allowed_fallback(wrong_method)
            .route("/x/{*rest}", any(pass_on))
            .with_state(self.clone())
    }
}

async fn wrong_method() -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "this path has another method")
}
