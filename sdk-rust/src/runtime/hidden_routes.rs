//! Warning an author whose route is hidden by one of the SDK's (HT-12).

use temps_plugin_schema::PluginManifest;
use temps_plugin_schema::http::path;

/// Logs a warning for each route of `router` that requests cannot reach.
pub(crate) fn warn(router: &axum::Router, manifest: &PluginManifest, serves_ui: bool) {
    for route in hidden(router, &manifest.health_path, serves_ui) {
        tracing::warn!(
            plugin = manifest.name,
            route,
            "this route is hidden: the SDK answers there itself"
        );
    }
}

/// The routes of `router` at paths that the SDK answers.
///
/// axum does not list a router's routes. Its `Debug` form does, as quoted paths, and a warning is
/// all that hangs on it: should that form change, the warning goes, nothing else.
fn hidden(router: &axum::Router, health_path: &str, serves_ui: bool) -> Vec<String> {
    let text = format!("{router:?}");
    let mut routes: Vec<_> = text
        .split('"')
        .filter(|quoted| {
            *quoted == health_path
                || path::is_under(quoted, path::EVENTS)
                || path::is_under(quoted, path::RESERVED)
                || (serves_ui && path::is_under(quoted, path::UI))
        })
        .map(str::to_owned)
        .collect();
    routes.sort_unstable();
    routes.dedup();
    routes
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::routing::get;

    use super::hidden;

    #[test]
    fn reserved_routes_are_found_in_a_router_and_below_a_nested_one() {
        let ok = || async { "ok" };
        let router: Router = Router::new()
            .route("/health", get(ok))
            .route("/ui/{*path}", get(ok))
            .route("/mine", get(ok))
            .nest("/_temps", Router::new().route("/spy", get(ok)));
        assert_eq!(hidden(&router, "/health", true), ["/_temps/spy", "/health", "/ui/{*path}"]);
        assert_eq!(hidden(&router, "/alive", false), ["/_temps/spy"]);
        assert!(hidden(&Router::new().route("/mine", get(ok)), "/health", true).is_empty());
    }
}
