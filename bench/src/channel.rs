//! The channel: a call's round trip and an event's delivery, beside 128 bytes sent back and forth
//! between two processes.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::time::Instant;

use serde::Deserialize;
use temps_plugin_schema::Dialect;

use crate::host::{self, Channel};
use crate::placement::{Placement, Processors};
use crate::process::{Binary, Process};
use crate::report::{Goal, Row, Unit};
use crate::rounds::Series;
use crate::{BenchError, app, load};

/// The size of a ping, of its pong, and of what an event handler answers with.
pub const PING: usize = 128;

/// Round trips before the clock starts.
const WARM_UP: u64 = 100;

/// How long the rounds are.
#[derive(Debug, Clone, Copy)]
pub struct Effort {
    /// Rounds of each.
    pub rounds: usize,
    /// Round trips in a round.
    pub trips: u64,
}

/// Which of the author's two event hooks answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hook {
    /// `on_event_async`.
    Async,
    /// `on_event`.
    Plain,
}

/// A plugin whose event handler answers on a socket of its own.
#[derive(Debug)]
pub struct Answering {
    /// The host's end of its channel.
    pub channel: Channel,
    /// Where its handler answers.
    pub answers: UnixStream,
    /// The plugin.
    pub process: Process,
}

impl Answering {
    /// Starts one and opens its channel.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start(hook: Hook) -> Result<Self, BenchError> {
        Self::start_by(|flag| {
            let plain = (hook == Hook::Plain).then_some("--bench-plain");
            let flags: Vec<_> = std::iter::once(flag).chain(plain).collect();
            Process::plugin(Binary::Plugin, Dialect::Two, &flags)
        })
    }

    /// Starts one by `launch`, which is given the flag that says where to answer.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start_by(
        launch: impl FnOnce(&str) -> Result<Process, BenchError>,
    ) -> Result<Self, BenchError> {
        let dir = tempfile::tempdir().map_err(BenchError::system("make a directory"))?;
        let path = dir.path().join("answers.sock");
        let listener = UnixListener::bind(&path).map_err(BenchError::system("bind a socket"))?;
        let flag = format!("--bench-socket={}", path.display());
        let process = launch(&flag)?;
        // It connected before anything else, or it would not be ready.
        let (answers, _) =
            listener.accept().map_err(BenchError::system("accept the handler's connection"))?;
        Ok(Self {
            channel: Channel::open(&process.socket())?,
            answers: host::patient(answers)?,
            process,
        })
    }

    /// Sends `count` events at once and waits until each was handled.
    ///
    /// # Errors
    /// When one was not.
    pub fn events(&mut self, count: usize) -> Result<(), BenchError> {
        for _ in 0..count {
            self.channel.send(host::event_frame())?;
        }
        let mut answers = vec![0; PING * count];
        self.answers
            .read_exact(&mut answers)
            .map_err(BenchError::system("wait for the event handler"))
    }

    /// Closes the channel, opens the next one and sees an event through it.
    ///
    /// # Errors
    /// When the plugin does not take part.
    pub fn reconnect(&mut self) -> Result<(), BenchError> {
        self.channel.close()?;
        self.channel = Channel::open(&self.process.socket())?;
        self.events(1)
    }
}

/// Times calls and events, in every placement.
///
/// # Errors
/// When a side fails to answer.
pub fn measure(effort: Effort) -> Result<Vec<Row>, BenchError> {
    let mut ends = Ends {
        ping: Process::bare(Binary::Ping, &[])?,
        tokio_ping: Process::bare(Binary::Ping, &["--tokio"])?,
        by_async: Answering::start(Hook::Async)?,
        by_plain: Answering::start(Hook::Plain)?,
    };
    let processors = Processors::all()?;
    let mut series = Placement::ALL.map(|_| Trips::default());
    for round in 0..effort.rounds {
        if round % 10 == 0 {
            eprintln!("channel: round {} of {}", round + 1, effort.rounds);
        }
        for (placement, series) in Placement::ALL.into_iter().zip(&mut series) {
            processors.place(placement, &ends.processes())?;
            series.round(&mut ends, effort.trips)?;
        }
    }
    processors.place(Placement::Free, &[])?;
    let rows = Placement::ALL.into_iter().zip(&series);
    Ok(rows.flat_map(|(place, series)| series.rows(place)).collect())
}

/// Times events to a plugin in another language, in every placement, beside `on_event_async` of the
/// Rust SDK. `key` is how the names of its rows begin, `language` what people call it.
///
/// # Errors
/// When a side fails to answer.
pub(crate) fn events_beside_rust(
    key: &str,
    language: &str,
    mut ours: Answering,
    effort: Effort,
) -> Result<Vec<Row>, BenchError> {
    let mut rust = Answering::start(Hook::Async)?;
    let processors = Processors::all()?;
    let mut series = Placement::ALL.map(|_| [Series::default(), Series::default()]);
    for round in 0..effort.rounds {
        if round % 10 == 0 {
            eprintln!("{key}-event: round {} of {}", round + 1, effort.rounds);
        }
        for (place, [by_ours, by_rust]) in Placement::ALL.into_iter().zip(&mut series) {
            processors.place(place, &[&ours.process, &rust.process])?;
            by_ours.push(events_to(&mut ours, effort.trips)?);
            by_rust.push(events_to(&mut rust, effort.trips)?);
        }
    }
    processors.place(Placement::Free, &[])?;
    let rows = Placement::ALL.into_iter().zip(&series).map(|(place, [by_ours, by_rust])| {
        let what = format!("{language}: event, async handler, {}", place.name());
        let row = Row::compare(&format!("{key}-event-{}", place.name()), &what, Unit::Seconds)
            .between(by_ours, by_rust);
        match place {
            Placement::Together | Placement::Apart => row.goal(Goal::RatioAtMost(3.0)),
            Placement::Free => row,
        }
    });
    Ok(rows.collect())
}

/// What is at the other end of the round trips.
struct Ends {
    ping: Process,
    tokio_ping: Process,
    by_async: Answering,
    by_plain: Answering,
}

/// The medians of each round, in one placement.
#[derive(Default)]
struct Trips {
    pings: Series,
    tokio_pings: Series,
    calls: Series,
    async_events: Series,
    plain_events: Series,
}

impl Ends {
    fn processes(&self) -> [&Process; 4] {
        let plugins = [&self.by_async.process, &self.by_plain.process];
        [&self.ping, &self.tokio_ping, plugins[0], plugins[1]]
    }
}

impl Trips {
    fn round(&mut self, ends: &mut Ends, trips: u64) -> Result<(), BenchError> {
        self.pings.push(pings_to(&ends.ping.socket(), trips)?);
        self.calls.push(calls_by(&mut ends.by_async, trips)?);
        self.async_events.push(events_to(&mut ends.by_async, trips)?);
        self.plain_events.push(events_to(&mut ends.by_plain, trips)?);
        self.tokio_pings.push(pings_to(&ends.tokio_ping.socket(), trips)?);
        Ok(())
    }

    fn rows(&self, placement: Placement) -> [Row; 4] {
        let place = placement.name();
        let row = |name: &str, what: &str, series: &Series| {
            let (name, what) = (format!("{name}-{place}"), format!("{what}, {place}"));
            Row::compare(&name, &what, Unit::Seconds).between(series, &self.pings)
        };
        let against_goal = |row: Row| match placement {
            // Which side had the luck decides there; the two other placements hold the goal.
            Placement::Free => row,
            Placement::Together | Placement::Apart => row.goal(Goal::RatioAtMost(1.5)),
        };
        [
            against_goal(row("call", "channel call", &self.calls)).note(placement.explain()),
            against_goal(row("event-async", "event, on_event_async", &self.async_events)),
            against_goal(row("event-plain", "event, on_event", &self.plain_events)),
            row("tokio-ping", "128 bytes, tokio", &self.tokio_pings),
        ]
    }
}

/// The median of `trips` pings to the process at `socket`.
fn pings_to(socket: &Path, trips: u64) -> Result<f64, BenchError> {
    let mut stream = host::dial(socket)?;
    let mut buffer = [7; PING];
    timed(trips, || {
        stream
            .write_all(&buffer)
            .and_then(|()| stream.read_exact(&mut buffer))
            .map_err(BenchError::system("ping"))
    })
}

/// The median of `trips` events from the host to the plugin's handler and its answer.
fn events_to(plugin: &mut Answering, trips: u64) -> Result<f64, BenchError> {
    timed(trips, || plugin.events(1))
}

/// The median of `trips`, after some that do not count.
fn timed(trips: u64, mut trip: impl FnMut() -> Result<(), BenchError>) -> Result<f64, BenchError> {
    for _ in 0..WARM_UP {
        trip()?;
    }
    let mut times = Series::default();
    for _ in 0..trips {
        let start = Instant::now();
        trip()?;
        times.push(start.elapsed().as_secs_f64());
    }
    Ok(times.median())
}

/// What `/calls` of the plugin answers with: the median it measured.
#[derive(Debug, Deserialize)]
struct Calls {
    p50_seconds: f64,
}

/// Has the plugin make calls, one after the other, and answers them; the plugin's own median.
fn calls_by(plugin: &mut Answering, trips: u64) -> Result<f64, BenchError> {
    let request = app::signed_get(&format!("/calls/{WARM_UP}/{trips}"));
    let mut stream = host::dial(&plugin.process.socket())?;
    let channel = &mut plugin.channel;
    let body = std::thread::scope(|scope| {
        let asking = scope.spawn(move || load::exchange(&mut stream, &request));
        channel.answer_projects(WARM_UP + trips)?;
        asking.join().map_err(|_| BenchError::unexpected("the thread that asks panicked"))?
    })?;
    let calls: Calls = serde_json::from_slice(&body)
        .map_err(|error| BenchError::unexpected(format!("/calls answered no median: {error}")))?;
    Ok(calls.p50_seconds)
}
