//! What a host counts, in Prometheus' text form (OpenMetrics).

use std::fmt;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::plugin_host::{Emitted, HostedPlugin};
use crate::supervise::{Delivery, State};

/// The media type of the text.
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Upper bounds of the histogram's buckets, in seconds: from what a plugin that is near takes to what
/// callers put up with.
const SECONDS: [f64; 12] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 10.0, 60.0];

type Labels<const N: usize> = [(&'static str, String); N];

/// What is counted as it happens.
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<Labels<2>, Counter>,
    seconds: Family<Labels<1>, Histogram, fn() -> Histogram>,
    events: Family<Labels<2>, Counter>,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut registry = Registry::with_prefix("temps_plugin");
        let requests = Family::default();
        let help = "Requests of callers, by the class of the status they were answered with";
        registry.register("requests", help, requests.clone());
        let histogram: fn() -> Histogram = || Histogram::new(SECONDS);
        let seconds = Family::new_with_constructor(histogram);
        let help = "Time until a response to a caller's request has begun";
        registry.register("request_duration_seconds", help, seconds.clone());
        let events = Family::default();
        let help = "Events, by how they went: channel, post, not-wanted or failed";
        registry.register("events", help, events.clone());
        Self { registry, requests, seconds, events }
    }

    /// A request was answered.
    pub(crate) fn answered(&self, plugin: &str, status: u16, after: Duration) {
        let plugin = ("plugin", plugin.to_owned());
        let class = ("status", format!("{}xx", status / 100));
        self.requests.get_or_create(&[plugin.clone(), class]).inc();
        self.seconds.get_or_create(&[plugin]).observe(after.as_secs_f64());
    }

    /// An event was handed over, or was not.
    pub(crate) fn emitted(&self, emitted: &Emitted) {
        let result = match &emitted.result {
            Ok(Delivery::Channel) => "channel",
            Ok(Delivery::Post) => "post",
            Ok(Delivery::NotWanted) => "not-wanted",
            Err(_) => "failed",
        };
        let labels = [("plugin", emitted.plugin.clone()), ("result", result.to_owned())];
        self.events.get_or_create(&labels).inc();
    }

    /// All of it, and how the plugins are at this moment. Looks through `/proc`.
    pub(crate) fn text(&self, plugins: &[impl AsRef<HostedPlugin>]) -> Result<String, fmt::Error> {
        let mut text = String::new();
        encode_registry(&mut text, &self.registry)?;
        encode_registry(&mut text, &now(plugins))?;
        encode_eof(&mut text)?;
        Ok(text)
    }
}

/// How the plugins are.
fn now(plugins: &[impl AsRef<HostedPlugin>]) -> Registry {
    let mut registry = Registry::with_prefix("temps_plugin");
    let mut family = |name: &str, help: &str| {
        let family = Family::<Labels<1>, Gauge<f64, AtomicU64>>::default();
        registry.register(name, help, family.clone());
        family
    };
    let up = family("up", "1 while the plugin serves, 0 otherwise");
    let restarts = family("restarts", "How often it was started after it was lost");
    let in_flight = family("requests_in_flight", "Requests under way");
    let memory = family("memory_bytes", "Resident memory of its processes");
    let cpu = family("cpu_seconds", "Processor time its processes have taken");
    let processes = family("processes", "Its processes");
    let states = Family::<Labels<2>, Gauge>::default();
    registry.register("state", "1 for the state it is in, 0 for all others", states.clone());
    for plugin in plugins.iter().map(AsRef::as_ref) {
        let of_file = || plugin.path().file_name().unwrap_or_default().to_string_lossy().into();
        let label = ("plugin", plugin.name().unwrap_or_else(of_file));
        let (status, usage) = (plugin.status(), plugin.usage().unwrap_or_default());
        for state in State::ALL {
            let labels = [label.clone(), ("state", state.name().to_owned())];
            states.get_or_create(&labels).set(i64::from(state == status.state));
        }
        let label = [label];
        up.get_or_create(&label).set(f64::from(u8::from(status.state.serves())));
        restarts.get_or_create(&label).set(status.restarts as f64);
        in_flight.get_or_create(&label).set(plugin.requests_in_flight() as f64);
        memory.get_or_create(&label).set(usage.memory_bytes as f64);
        cpu.get_or_create(&label).set(usage.cpu_seconds);
        processes.get_or_create(&label).set(usage.processes as f64);
    }
    registry
}
