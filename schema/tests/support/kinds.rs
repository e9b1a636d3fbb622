//! Every kind of message that has a schema document: how it is read, and its document.

use jsonschema::Validator;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use temps_plugin_schema::api_call::{ApiCall, ApiReply};
use temps_plugin_schema::calls::*;
use temps_plugin_schema::channel::{HostFrame1, HostFrame2, PluginFrame1, PluginFrame2};
use temps_plugin_schema::event::*;
use temps_plugin_schema::handshake::{LaunchConfig, PluginLine};
use temps_plugin_schema::platform::{
    Deployment, Environment, GeneratedText, HostCapabilities, Project,
};
use temps_plugin_schema::{PluginEvent, PluginManifest, Wire, json_schemas};

/// Reads and validates one message, and writes it again.
type Read = Box<dyn Fn(&[u8]) -> Result<Value, String> + Send + Sync>;

/// One kind of message.
pub(crate) struct Kind {
    /// The path of its document below `json/`, without `.json`.
    pub(crate) name: String,
    read: Read,
    schema: Validator,
}

impl Kind {
    /// Reads one message as a peer would, and writes it again.
    pub(crate) fn read(&self, bytes: &[u8]) -> Result<Value, String> {
        (self.read)(bytes)
    }

    /// Whether the document of this kind accepts the message.
    pub(crate) fn schema_accepts(&self, message: &Value) -> bool {
        self.schema.is_valid(message)
    }
}

/// Whether a message breaks a rule of the kind that no JSON Schema can see: the JSON text inside the
/// body of an `api_call`.
pub(crate) fn is_beyond_schema(kind: &Kind, message: &Value) -> bool {
    let body = &message["body"];
    let is_json = |text: &str| serde_json::from_str::<Value>(text).is_ok();
    kind.name == "calls/api_call.params"
        && body["kind"] == "json"
        && body["body"].as_str().is_some_and(|text| !is_json(text))
}

/// Every kind, one for each of [`json_schemas`], in that order.
pub(crate) fn kinds() -> Vec<Kind> {
    let readers = readers();
    let documents = json_schemas();
    assert_eq!(readers.len(), documents.len(), "a document without reader");
    let kind = |((name, read), (path, schema)): ((String, Read), (String, schemars::Schema))| {
        assert_eq!(format!("{name}.json"), path);
        let schema = jsonschema::draft202012::new(schema.as_value()).unwrap();
        Kind { name, read, schema }
    };
    readers.into_iter().zip(documents).map(kind).collect()
}

fn readers() -> Vec<(String, Read)> {
    let mut readers = vec![
        wire::<PluginManifest>("manifest"),
        wire::<PluginLine>("plugin-line"),
        wire::<LaunchConfig>("launch"),
        wire::<PluginFrame1>("plugin-frame.dialect1"),
        wire::<PluginFrame2>("plugin-frame.dialect2"),
        wire::<HostFrame1>("host-frame.dialect1"),
        wire::<HostFrame2>("host-frame.dialect2"),
        wire::<PluginEvent>("event"),
        data::<DeploymentCreated>("deployment.created"),
        data::<DeploymentSucceeded>("deployment.succeeded"),
        data::<DeploymentReady>("deployment.ready"),
        data::<DeploymentFailed>("deployment.failed"),
        data::<DeploymentCancelled>("deployment.cancelled"),
        data::<ProjectChanged>("project.created"),
        data::<ProjectChanged>("project.deleted"),
        data::<DomainChanged>("domain.created"),
        data::<DomainChanged>("domain.provisioned"),
    ];
    let calls = [
        [params::<GetProject>(), result::<GetProject, Project>()],
        [params::<ListProjects>(), results::<ListProjects, Project>()],
        [params::<GetEnvironment>(), result::<GetEnvironment, Environment>()],
        [params::<ListEnvironments>(), results::<ListEnvironments, Environment>()],
        [params::<GetDeployment>(), result::<GetDeployment, Deployment>()],
        [params::<GetLastDeployment>(), result::<GetLastDeployment, Deployment>()],
        [params::<ListDeployments>(), results::<ListDeployments, Deployment>()],
        [params::<GetHostCapabilities>(), result::<GetHostCapabilities, HostCapabilities>()],
        [params::<GenerateAi>(), result::<GenerateAi, GeneratedText>()],
        [params::<ApiCall>(), result::<ApiCall, ApiReply>()],
    ];
    readers.extend(calls.into_iter().flatten());
    readers
}

fn reader(
    name: String,
    read: impl Fn(&[u8]) -> Result<Value, String> + Send + Sync + 'static,
) -> (String, Read) {
    (name, Box::new(read))
}

fn written(value: impl Serialize) -> Result<Value, String> {
    serde_json::to_value(value).map_err(|error| error.to_string())
}

fn json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    serde_json::from_slice(bytes).map_err(|error| error.to_string())
}

fn read_wire<T: Wire>(bytes: &[u8]) -> Result<Value, String> {
    written(T::from_json(bytes).map_err(|error| error.to_string())?)
}

fn wire<T: Wire + 'static>(name: &str) -> (String, Read) {
    reader(name.to_owned(), read_wire::<T>)
}

/// The data of a known event: read by way of the envelope, as a plugin does.
fn data<T: Serialize + DeserializeOwned>(event_type: &'static str) -> (String, Read) {
    reader(format!("event-data/{event_type}"), move |bytes| {
        let data: Value = json(bytes)?;
        let event = json!({ "id": "1", "event_type": event_type, "timestamp": "", "data": data });
        let event: PluginEvent = serde_json::from_value(event).map_err(|e| e.to_string())?;
        match event.payload() {
            Err(error) => Err(error.to_string()),
            Ok(EventPayload::Unknown) => Err(format!("{event_type} is not known")),
            Ok(_) => written(json::<T>(bytes)?),
        }
    })
}

/// The parameters of a call: read as a host does.
fn params<P: CallParams>() -> (String, Read) {
    reader(format!("calls/{}.params", P::METHOD), |bytes| {
        let call = Call::from_parts(P::METHOD.as_str(), json(bytes)?);
        assert_eq!(call.map_err(|error| error.to_string())?.method(), P::METHOD);
        written(json::<P>(bytes)?)
    })
}

fn result<P: CallParams<Output = T>, T: Wire + 'static>() -> (String, Read) {
    reader(format!("calls/{}.result", P::METHOD), read_wire::<T>)
}

fn results<P: CallParams<Output = Vec<T>>, T: Wire + 'static>() -> (String, Read) {
    reader(format!("calls/{}.result", P::METHOD), |bytes| {
        let items: Vec<Value> = json(bytes)?;
        let items = items.iter().map(|item| read_wire::<T>(item.to_string().as_bytes()));
        written(items.collect::<Result<Vec<_>, _>>()?)
    })
}
