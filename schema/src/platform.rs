//! What the platform tells a plugin about itself. Ids are `i32`; times are RFC 3339 text.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::manifest::HostPermission;
use crate::strict;
use crate::validate::Wire;

/// A project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Project {
    /// The project's id.
    pub id: i32,
    /// The name people read.
    pub name: String,
    /// The name in URLs.
    pub slug: String,
    /// The repository's name.
    pub repo_name: String,
    /// The repository's owner.
    pub repo_owner: String,
    /// The branch that production is built from.
    pub main_branch: String,
    /// How it is built, such as `nextjs`.
    pub preset: String,
    /// Where its source comes from, such as `git`.
    pub source_type: String,
    /// When it was made, RFC 3339.
    pub created_at: String,
    /// When it was last changed, RFC 3339.
    pub updated_at: String,
    /// When it was last deployed, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_deployment: Option<String>,
    /// Whether branches get environments of their own.
    pub enable_preview_environments: bool,
}

/// An environment of a project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Environment {
    /// The environment's id.
    pub id: i32,
    /// The project it belongs to.
    pub project_id: i32,
    /// The name people read.
    pub name: String,
    /// The name in URLs.
    pub slug: String,
    /// The branch it follows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// Whether it was made for a branch and goes with it.
    pub is_preview: bool,
    /// The deployment that serves it now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current_deployment_id: Option<i32>,
    /// When it was made, RFC 3339.
    pub created_at: String,
    /// When it was last changed, RFC 3339.
    pub updated_at: String,
}

/// A deployment of an environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Deployment {
    /// The deployment's id.
    pub id: i32,
    /// The project it belongs to.
    pub project_id: i32,
    /// The environment it was made for.
    pub environment_id: i32,
    /// How far it is, such as `completed`.
    pub state: String,
    /// The branch it was made from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// The tag it was made from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// The commit it was made from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit_sha: Option<String>,
    /// That commit's message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit_message: Option<String>,
    /// That commit's author.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit_author: Option<String>,
    /// When it was made, RFC 3339.
    pub created_at: String,
    /// When it started, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<String>,
    /// When it ended, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<String>,
}

/// What this plugin may do on this host at this moment (dialect 2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HostCapabilities {
    /// The account the plugin acts as.
    #[serde(deserialize_with = "strict::one")]
    pub actor: Actor,
    /// What is granted now. A grant may go at any time.
    pub permissions: Vec<HostPermission>,
    /// The state of text generation.
    #[serde(deserialize_with = "strict::one")]
    pub ai: AiStatus,
}

/// The account a plugin acts as.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Actor {
    /// The account's id.
    pub id: i32,
    /// The account's name.
    pub name: String,
    /// Whether it may be used.
    pub active: bool,
}

/// Whether and how much text can be generated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AiStatus {
    /// Whether a model is set up.
    pub configured: bool,
    /// Why not, when not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The console page where an administrator sets it up.
    pub setup_path: String,
    /// Calls a plugin may make in a day.
    pub daily_call_limit: u64,
    /// Most tokens one answer may have.
    pub max_output_tokens: u32,
    /// Longest prompt, in bytes.
    pub max_prompt_bytes: u64,
}

/// A generated text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GeneratedText {
    /// The text.
    pub text: String,
    /// The model that wrote it.
    pub model: String,
}

impl Wire for Project {}
impl Wire for Environment {}
impl Wire for Deployment {}
impl Wire for HostCapabilities {}
impl Wire for GeneratedText {}
