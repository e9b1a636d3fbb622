//! A plugin that somebody else has started, perhaps under a debugger: there is its socket, and nothing
//! besides.
//!
//! What takes more than the socket is not checked on it. A check that starts the plugin is told so when
//! it asks for a start; one that looks at streams, signals or files of the process has done so by
//! [`Plugin`](super::Plugin), which remembers.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Value, json};
use temps_plugin_host::{
    ChannelError, Dial, HttpError, MemoryPlatform, PluginHttp, RawChannel, WireTap,
};
use temps_plugin_schema::http::path;
use temps_plugin_schema::{Dialect, PluginManifest, Secret};

use super::plan::{Base, Plan};
use super::{Facts, Subject};
use crate::transcript::Tape;

/// Why a check that takes more than a socket is not made.
pub(crate) const OUT_OF_SIGHT: &str = "it takes more than the socket of a plugin that somebody else has \
     started: a start, a signal, its streams, its files or its manifest";

/// A plugin to attach to.
#[derive(Clone)]
pub struct Attach {
    /// Where it listens.
    pub socket: PathBuf,
    /// The secret it was started with.
    pub secret: Secret,
    /// What it wrote to standard output, if that is known: the two lines of the handshake.
    pub handshake: Option<String>,
}

impl fmt::Debug for Attach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attach").field("socket", &self.socket).finish_non_exhaustive()
    }
}

/// The connections to such a plugin.
pub(super) struct Attached {
    pub(super) http: PluginHttp,
    pub(super) dialect: Dialect,
    /// Socket and secret are true, the rest nobody knows.
    pub(super) plan: Plan,
    /// Held open for as long as the plugin is checked, with all its calls answered.
    _channel: temps_plugin_host::Channel,
}

/// Connects to a plugin and its channel.
///
/// # Errors
/// A text that says what to do when there is no plugin, or not one that takes this suite for its host.
pub(crate) async fn attach(attach: &Attach, base: Base) -> Result<Arc<Subject>, String> {
    let at = attach.socket.display();
    let (manifest, ready) = said(attach.handshake.as_deref(), base.dialect)?;
    let announced = attach.handshake.is_some();
    let health_path = manifest["health_path"].as_str().unwrap_or(path::HEALTH).to_owned();
    let tape = Tape::default();
    let tap: Arc<dyn WireTap> = Arc::new(tape.for_process(&attach.secret));
    let http = PluginHttp::attach(
        &attach.socket,
        &health_path,
        base.dialect,
        attach.secret.clone(),
        Some(tap),
    );
    match http.health().await {
        Ok(status) if status == 200 => {}
        Ok(status) => {
            return Err(format!(
                "what listens at {at} answers {status} to GET {health_path}, where a plugin answers \
                 200; a manifest with another health path is handed over with --handshake FILE"
            ));
        }
        Err(HttpError::Connect(error)) => {
            return Err(format!("nothing can be reached at {at}: {error}"));
        }
        Err(error) => return Err(format!("what listens at {at} does not answer as HTTP: {error}")),
    }
    let raw = RawChannel::dial_with(&http, Dial::channel()).await.map_err(|e| refused(&e))?;
    let known = serde_json::from_value(manifest.clone());
    let known = known.unwrap_or_else(|_| PluginManifest::builder("attached", "0.0.0").build());
    let platform = Arc::new(MemoryPlatform::default());
    let channel = temps_plugin_host::Channel::serve(raw, base.dialect, Arc::new(known), platform);
    let serves_ui = http.get("/ui/").send().await.is_ok_and(|ui| ui.status() == 200);
    let manifest = if announced { manifest } else { json!({ "name": own_name(&http).await }) };
    let mut plan = Plan::new(&base, &manifest).map_err(|stop| stop.to_string())?;
    plan.socket.clone_from(&attach.socket);
    plan.set_secret(attach.secret.expose());
    let dialect = base.dialect;
    let attached = Attached { http, dialect, plan, _channel: channel };
    let facts = Facts { manifest, ready, serves_ui, refused: None };
    Ok(Arc::new(Subject::attached(base, facts, announced, Arc::new(attached), tape)))
}

/// Manifest and `ready` as the plugin wrote them; null when nobody has told.
fn said(handshake: Option<&str>, dialect: Dialect) -> Result<(Value, Value), String> {
    let Some(text) = handshake else { return Ok((Value::Null, Value::Null)) };
    let mut lines = text.lines();
    let mut line = |what: &str, kinds: &[&str]| {
        let text = lines.next().unwrap_or_default();
        let value: Value = serde_json::from_str(text).unwrap_or_default();
        let fits = kinds.iter().any(|kind| value["type"] == *kind);
        fits.then_some(value).ok_or_else(|| {
            let shown: String = text.chars().take(80).collect();
            format!("--handshake: {what} line is {shown:?}, where {} is due", kinds.join(" or "))
        })
    };
    let mut first = line("the first", &["hello", "manifest"])?;
    let ready = line("the second", &["ready"])?;
    let said = if first["type"] == "hello" { Dialect::Two } else { Dialect::One };
    if said != dialect {
        return Err(format!("--handshake: it is of {said}, and --dialect says {dialect}"));
    }
    match dialect {
        Dialect::One => Ok((first, ready)),
        Dialect::Two => Ok((first["manifest"].take(), ready)),
    }
}

/// The name that a plugin of the everything profile tells by itself (EP-43).
async fn own_name(http: &PluginHttp) -> Value {
    let answer = async {
        let response = http.get("/context").send().await.ok()?;
        if response.status() != 200 {
            return None;
        }
        serde_json::from_str::<Value>(&response.text().await.ok()?).ok()
    };
    answer.await.map_or(Value::Null, |mut context| context["plugin_name"].take())
}

/// What to do about a channel that does not open.
fn refused(error: &ChannelError) -> String {
    match error {
        ChannelError::Refused { status: 401, .. } => {
            "the plugin refuses the channel with 401: the secret is not the one it was started \
             with, or it speaks the other dialect"
                .to_owned()
        }
        ChannelError::Refused { status: 409, .. } => {
            "the plugin refuses the channel with 409: another host has it open; only one can at a \
             time"
                .to_owned()
        }
        other => format!("the plugin does not open the channel: {other}"),
    }
}

/// The secret in a file that holds nothing else but it, apart from an end of line.
///
/// # Errors
/// When the file cannot be read or holds no secret.
pub fn secret_from(file: &Path) -> Result<Secret, String> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| format!("--auth-secret-file {}: {error}", file.display()))?;
    secret_in(&text).map_err(|why| format!("--auth-secret-file {}: {why}", file.display()))
}

/// The secret in a text of one line.
///
/// # Errors
/// When there is none, or more than one line.
pub fn secret_in(text: &str) -> Result<Secret, String> {
    let line = text.trim_end_matches(['\r', '\n']);
    match line {
        "" => Err("it is empty, where the secret is due on one line".into()),
        line if line.contains('\n') => {
            Err("it has several lines, where the secret is due on one".into())
        }
        line => Ok(Secret::new(line)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_one_line() {
        assert_eq!(secret_in("abc\n").unwrap().expose(), "abc");
        assert!(secret_in("\n").err().unwrap().contains("empty"));
        assert!(secret_in("a\nb\n").err().unwrap().contains("several lines"));
    }

    #[test]
    fn a_handshake_is_two_lines_of_the_dialect() {
        let one = "{\"type\":\"manifest\",\"name\":\"a\"}\n{\"type\":\"ready\",\"has_ui\":true}\n";
        let (manifest, ready) = said(Some(one), Dialect::One).unwrap();
        assert_eq!((&manifest["name"], &ready["has_ui"]), (&json!("a"), &json!(true)));
        assert!(said(Some(one), Dialect::Two).unwrap_err().contains("--dialect"));
        assert!(said(Some("hello"), Dialect::Two).unwrap_err().contains("\"hello\""));
        assert!(
            said(Some(one.lines().next().unwrap()), Dialect::One).unwrap_err().contains("second")
        );
    }
}
