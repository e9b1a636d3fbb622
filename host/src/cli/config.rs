//! The configuration file, and what is wrong with one.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::SignedDuration;
use serde::{Deserialize, Deserializer, de};
use temps_plugin_host::{Backoff, HealthPolicy, ProxyPolicy, RestartPolicy, Supervision};

use super::Failure;

/// What a configuration file may say. All of it may be left out.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Config {
    pub(super) plugins: Option<PathBuf>,
    pub(super) data: Option<PathBuf>,
    pub(super) listen: Option<SocketAddr>,
    /// A file of SHA-256 sums; what is not in it does not run.
    pub(super) checksums: Option<PathBuf>,
    stop_grace: Option<Span>,
    restart: Restart,
    health: Health,
    proxy: Proxy,
    pub(super) environment: Environment,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Restart {
    first_pause: Option<Span>,
    longest_pause: Option<Span>,
    losses: Option<usize>,
    within: Option<Span>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Health {
    interval: Option<Span>,
    timeout: Option<Span>,
    degraded_after: Option<Count>,
    restart_after: Option<Count>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Proxy {
    head_timeout: Option<Span>,
    idle_timeout: Option<Span>,
    most_in_flight: Option<Count>,
}

/// What plugins see of the environment.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Environment {
    /// The names of variables that are passed on.
    pub(super) pass: Option<Vec<String>>,
    /// Variables of their own.
    pub(super) set: BTreeMap<String, String>,
}

/// A time such as `500ms`, `10s` or `5m`, longer than none.
#[derive(Debug, Clone, Copy)]
struct Span(Duration);

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let span =
            text.parse::<SignedDuration>().ok().and_then(|span| Duration::try_from(span).ok());
        let allowed =
            || format!("{text:?} is no time: allowed are such as \"500ms\", \"10s\", \"5m\"");
        span.filter(|span| !span.is_zero()).map(Self).ok_or_else(|| de::Error::custom(allowed()))
    }
}

/// A number from 1.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "i64")]
struct Count(u32);

impl TryFrom<i64> for Count {
    type Error = String;

    fn try_from(number: i64) -> Result<Self, String> {
        let count = u32::try_from(number).ok().filter(|count| *count > 0);
        count.map(Self).ok_or_else(|| format!("{number} is not allowed: from 1 to {}", u32::MAX))
    }
}

impl Config {
    /// Reads the file. An error names it, the line, the key and what is allowed.
    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| format!("the configuration {}: {error}", path.display()))?;
        let mut config: Self = toml::from_str(&text)
            .map_err(|error| format!("the configuration {}: {error}", path.display()))?;
        // Paths in a file are meant from where the file is.
        let dir = path.parent().unwrap_or(Path::new(""));
        for path in [&mut config.plugins, &mut config.data, &mut config.checksums] {
            *path = path.take().map(|path| dir.join(path));
        }
        Ok(config)
    }

    pub(super) fn supervision(&self) -> Supervision {
        let all = Supervision::default();
        let or = |said: Option<Span>, default: Duration| said.map_or(default, |span| span.0);
        let count = |said: Option<Count>, default: u32| said.map_or(default, |count| count.0);
        Supervision {
            restart: RestartPolicy {
                backoff: Backoff {
                    first: or(self.restart.first_pause, all.restart.backoff.first),
                    most: or(self.restart.longest_pause, all.restart.backoff.most),
                    ..all.restart.backoff
                },
                losses: self.restart.losses.unwrap_or(all.restart.losses),
                within: or(self.restart.within, all.restart.within),
            },
            health: HealthPolicy {
                interval: or(self.health.interval, all.health.interval),
                timeout: or(self.health.timeout, all.health.timeout),
                degraded_after: count(self.health.degraded_after, all.health.degraded_after),
                restart_after: count(self.health.restart_after, all.health.restart_after),
            },
            grace: or(self.stop_grace, all.grace),
            ..all
        }
    }

    pub(super) fn proxy(&self) -> ProxyPolicy {
        let all = ProxyPolicy::default();
        let most = self.proxy.most_in_flight.map(|count| count.0 as usize);
        ProxyPolicy {
            head_timeout: self.proxy.head_timeout.map_or(all.head_timeout, |span| span.0),
            idle_timeout: self.proxy.idle_timeout.map_or(all.idle_timeout, |span| span.0),
            most_in_flight: most.unwrap_or(all.most_in_flight),
            ..all
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Config, String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("host.toml");
        std::fs::write(&path, text).unwrap();
        Config::read(&path).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_not_said_is_as_ever() {
        let config = read("").unwrap();
        let supervision = config.supervision();
        let ever = Supervision::default();
        assert_eq!((supervision.restart, supervision.health), (ever.restart, ever.health));
        assert_eq!(config.proxy(), ProxyPolicy::default());
    }

    #[test]
    fn the_readme_shows_the_defaults() {
        let readme = include_str!("../../README.md");
        let shown = readme.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
        let config = read(shown).unwrap();
        let (shown, ever) = (config.supervision(), Supervision::default());
        assert_eq!((shown.restart, shown.health), (ever.restart, ever.health));
        assert_eq!((shown.grace, config.proxy()), (ever.grace, ProxyPolicy::default()));
        assert_eq!(config.environment.pass.unwrap(), temps_plugin_host::ENVIRONMENT);
        assert_eq!(config.listen.unwrap().to_string(), crate::cli::serve::LISTEN);
    }

    #[test]
    fn what_is_said_counts() {
        let config = read(
            "plugins = \"here\"\nlisten = \"127.0.0.1:0\"\nstop_grace = \"1m 30s\"\n[restart]\nlosses = 0\n\
             [health]\ninterval = \"500ms\"\ndegraded_after = 1\n[proxy]\nmost_in_flight = 7\n\
             [environment]\npass = [\"PATH\"]\nset = { REGION = \"eu\" }\n",
        )
        .unwrap();
        let supervision = config.supervision();
        assert_eq!(supervision.grace, Duration::from_secs(90));
        assert_eq!(supervision.restart.losses, 0);
        assert_eq!(supervision.health.interval, Duration::from_millis(500));
        assert_eq!((supervision.health.degraded_after, config.proxy().most_in_flight), (1, 7));
        assert!(config.plugins.unwrap().ends_with("here"));
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line_and_what_is_allowed() {
        let all = [
            ("plugin = \"x\"", &["line 1", "unknown field `plugin`", "`plugins`"][..]),
            ("\n[health]\nintervall = 3", &["line 3", "unknown field `intervall`", "`interval`"]),
            ("[health]\ninterval = \"soon\"", &["line 2", "interval", "\"soon\"", "\"10s\""]),
            ("[health]\ninterval = \"0s\"", &["line 2", "\"0s\"", "\"10s\""]),
            ("[health]\ninterval = 10", &["line 2", "interval = 10", "expected a string"]),
            (
                "[health]\nrestart_after = 0",
                &["line 2", "restart_after", "0 is not allowed: from 1"],
            ),
            ("listen = \"everywhere\"", &["line 1", "listen", "invalid socket address"]),
            ("listen = ", &["line 1"]),
        ];
        for (text, says) in all {
            let error = read(text).unwrap_err();
            for part in says {
                assert!(error.contains(part), "{part:?} is missing for {text:?} in: {error}");
            }
            assert!(error.contains("host.toml"), "{error}");
        }
    }
}
