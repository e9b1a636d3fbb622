//! The `SlackNotifier` of the architecture article, as it stands there: one `use`, a unit struct,
//! the prelude's names. Only the two handlers the article leaves out are ours.

use temps_plugin_sdk::prelude::*;

struct SlackNotifier;

impl ExternalPlugin for SlackNotifier {
    fn manifest(&self) -> PluginManifest {
        PluginManifest::builder("slack-notifier", "1.0.0")
            .display_name("Slack Notifier")
            .description("Sends deployment notifications to Slack")
            .event("deployment.succeeded")
            .build()
    }

    fn router(&self, ctx: PluginContext) -> axum::Router {
        axum::Router::new()
            .route("/settings", get(get_settings).patch(update_settings))
            .with_state(ctx)
    }

    fn on_event(&self, ctx: &PluginContext, event: PluginEvent) {
        if event.event_type != "deployment.succeeded" {
            return;
        }
        let url = event.data.get("url").and_then(|v| v.as_str()).unwrap_or_default();
        // Post to Slack webhook, etc.
        tracing::info!(url, "Deployment succeeded — notifying Slack");
        let _ = std::fs::write(ctx.data_dir().join("last-url"), url);
    }
}

async fn get_settings(axum::extract::State(ctx): axum::extract::State<PluginContext>) -> String {
    std::fs::read_to_string(ctx.data_dir().join("settings")).unwrap_or_default()
}

async fn update_settings(
    axum::extract::State(ctx): axum::extract::State<PluginContext>,
    body: String,
) -> axum::http::StatusCode {
    match std::fs::write(ctx.data_dir().join("settings"), body) {
        Ok(()) => axum::http::StatusCode::NO_CONTENT,
        Err(_) => axum::http::StatusCode::INTERNAL_SERVER_ERROR,
    }
}

temps_plugin_sdk::main!(SlackNotifier);

#[cfg(test)]
mod tests {
    use super::*;
    use temps_plugin_sdk::testing::{TestPlugin, event};

    #[tokio::test]
    async fn it_serves_settings_and_hears_of_deployments_in_both_dialects() {
        for dialect in Dialect::ALL {
            let plugin = TestPlugin::builder(SlackNotifier).dialect(dialect).start().await.unwrap();
            let written = plugin.patch("/settings").body("#deploys").send().await.unwrap();
            assert_eq!(written.status(), 204);
            assert_eq!(plugin.get("/settings").send().await.unwrap().text(), "#deploys");

            let data = serde_json::json!({ "url": "https://shop.example" });
            plugin.emit(event("deployment.succeeded", data)).await.unwrap();
            let noted = std::fs::read_to_string(plugin.data_dir().join("last-url")).unwrap();
            assert_eq!(noted, "https://shop.example");
            plugin.stop().await.unwrap();
        }
    }
}
