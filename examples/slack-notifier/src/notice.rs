//! What is told to people about an event.

use temps_plugin_sdk::PluginEvent;
use temps_plugin_sdk::schema::event::EventPayload;

/// Something worth a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Notice {
    pub(crate) event_id: String,
    pub(crate) event_type: String,
    pub(crate) project_id: i32,
    pub(crate) environment: String,
    pub(crate) outcome: Outcome,
}

/// How a deployment ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    Succeeded { url: Option<String>, commit: Option<String> },
    Failed { reason: Option<String> },
}

/// Most characters of a text from outside that go into a message.
const LONGEST_REASON: usize = 500;
const SHORT_COMMIT: usize = 7;

impl Notice {
    /// The notice of an event; `None` for one that nobody needs to hear about.
    pub(crate) fn of(event: &PluginEvent) -> Result<Option<Self>, serde_json::Error> {
        let (project_id, environment, outcome) = match event.payload()? {
            EventPayload::DeploymentSucceeded(data) => (
                data.project_id,
                data.environment_name,
                Outcome::Succeeded { url: data.url, commit: data.commit_sha },
            ),
            EventPayload::DeploymentFailed(data) => (
                data.project_id,
                data.environment_name,
                Outcome::Failed { reason: data.error_message },
            ),
            _ => return Ok(None),
        };
        Ok(Some(Self {
            event_id: event.id.clone(),
            event_type: event.event_type.clone(),
            project_id,
            environment,
            outcome,
        }))
    }

    /// The project's name as long as the platform has not told it.
    pub(crate) fn project_fallback(&self) -> String {
        format!("project {}", self.project_id)
    }

    /// The message, in Slack's markup.
    pub(crate) fn text(&self, project: &str) -> String {
        let (project, environment) = (escape(project), escape(&self.environment));
        match &self.outcome {
            Outcome::Succeeded { url, commit } => {
                let mut text =
                    format!(":white_check_mark: *{project}* was deployed to *{environment}*");
                if let Some(commit) = commit {
                    let short: String = commit.chars().take(SHORT_COMMIT).collect();
                    text += &format!(" at `{}`", escape(&short));
                }
                if let Some(url) = url {
                    text += &format!("\n{}", escape(url));
                }
                text
            }
            Outcome::Failed { reason } => {
                let mut text = format!(":x: deploying *{project}* to *{environment}* failed");
                if let Some(reason) = reason {
                    let reason: String = reason.chars().take(LONGEST_REASON).collect();
                    text += &format!("\n> {}", escape(&reason).replace('\n', "\n> "));
                }
                text
            }
        }
    }
}

/// The three characters that are Slack's own; with them a project's name could mention a channel.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn event(event_type: &str, data: Value) -> PluginEvent {
        serde_json::from_value(json!({
            "id": "e1", "event_type": event_type, "timestamp": "", "data": data,
        }))
        .unwrap()
    }

    fn text(event_type: &str, more: Value) -> String {
        let mut data = json!({
            "deployment_id": 1, "project_id": 7, "environment_id": 3, "environment_name": "production",
        });
        data.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let notice = Notice::of(&event(event_type, data)).unwrap().unwrap();
        notice.text("shop")
    }

    #[test]
    fn a_message_says_what_went_where() {
        assert_eq!(
            text(
                "deployment.succeeded",
                json!({ "url": "https://shop.example.org/?a=1&b=2", "commit_sha": "a1b2c3d4e5f6" }),
            ),
            ":white_check_mark: *shop* was deployed to *production* at `a1b2c3d`\n\
             https://shop.example.org/?a=1&amp;b=2"
        );
        assert_eq!(
            text("deployment.succeeded", json!({})),
            ":white_check_mark: *shop* was deployed to *production*"
        );
        assert_eq!(
            text("deployment.failed", json!({ "error_message": "no <!channel>\ntwo" })),
            ":x: deploying *shop* to *production* failed\n> no &lt;!channel&gt;\n> two"
        );
    }

    #[test]
    fn other_events_are_nothing_and_half_a_deployment_is_an_error() {
        assert_eq!(Notice::of(&event("deployment.paused", json!({}))).unwrap(), None);
        let half = json!({ "project_id": 7 });
        assert!(Notice::of(&event("deployment.succeeded", half)).is_err());
    }
}
