//! The load generator: the same bytes over kept-alive connections, and the smallest reader of
//! responses that can tell a good one. It runs in this process, apart from whatever answers.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinSet;

use crate::host::PATIENCE;
use crate::placement::{Placement, Processors};
use crate::process::Process;
use crate::report::{Goal, Row, Unit};
use crate::rounds::Series;
use crate::{BenchError, app, host};

/// Connections under load.
pub const CONNECTIONS: usize = 32;
/// Requests on each connection before the clock starts.
const WARM_UP: u64 = 20;
/// Room for one response with its head.
const BUFFER: usize = 4096;

/// When a load ends.
#[derive(Debug, Clone, Copy)]
pub enum Until {
    /// After this long.
    Elapsed(Duration),
    /// After this many requests on each connection.
    Each(u64),
}

/// How long the rounds of throughput and latency are.
#[derive(Debug, Clone, Copy)]
pub struct Effort {
    /// Rounds of each.
    pub rounds: usize,
    /// How long a round of load is.
    pub load: Duration,
    /// How many requests a round of latency has.
    pub requests: u64,
}

/// What the rounds of one side gave.
#[derive(Debug, Clone, Default)]
pub struct Rates {
    /// Requests per second.
    pub requests: Series,
    /// Seconds of processor time that each took.
    pub processor: Series,
}

/// Requests per second, and the processor time of each: through the SDK and without it.
///
/// # Errors
/// When a side fails to answer.
pub fn throughput(
    effort: Effort,
    plugin: &Process,
    bare: &Process,
) -> Result<[Row; 2], BenchError> {
    let [sdk, without] = rates("throughput", effort, [plugin, bare])?;
    Ok([
        Row::compare("throughput", "requests, 32 connections", Unit::PerSecond)
            .between(&sdk.requests, &without.requests)
            .goal(Goal::RatioAtLeast(0.95)),
        Row::compare("request-cpu", "processor time a request", Unit::Seconds)
            .between(&sdk.processor, &without.processor)
            .note("of the server alone; the generator's share is not in it"),
    ])
}

/// Puts load on each side in turn, round after round.
///
/// # Errors
/// When a side fails to answer.
pub fn rates<const SIDES: usize>(
    what: &str,
    effort: Effort,
    sides: [&Process; SIDES],
) -> Result<[Rates; SIDES], BenchError> {
    let request = app::signed_get(app::JSON_PATH);
    let mut rates = sides.map(|_| Rates::default());
    for round in 0..effort.rounds {
        if round % 10 == 0 {
            eprintln!("{what}: round {} of {}", round + 1, effort.rounds);
        }
        for (rates, process) in rates.iter_mut().zip(sides) {
            let cpu = process.cpu()?;
            let load = run(&process.socket(), &request, Until::Elapsed(effort.load))?;
            let used = process.cpu()?.saturating_sub(cpu);
            rates.requests.push(load.requests as f64 / load.took.as_secs_f64());
            let all = load.requests + WARM_UP * CONNECTIONS as u64;
            rates.processor.push(used.as_secs_f64() / all as f64);
        }
    }
    Ok(rates)
}

/// The time of one request at a time, in both fixed placements: through the SDK and without it.
///
/// # Errors
/// When a side fails to answer.
pub fn latency(effort: Effort, plugin: &Process, bare: &Process) -> Result<Vec<Row>, BenchError> {
    let places = [Placement::Together, Placement::Apart];
    let medians = medians("latency", effort, places, [plugin, bare])?;
    let rows = places.into_iter().zip(&medians).map(|(place, [sdk, without])| {
        let (name, what) = (place.name(), format!("request p50, 1 connection, {}", place.name()));
        Row::compare(&format!("latency-{name}"), &what, Unit::Seconds)
            .between(sdk, without)
            .goal(Goal::RatioAtMost(1.05))
    });
    Ok(rows.collect())
}

/// The median time of a request at one connection: in each placement, each side in turn, round after
/// round.
///
/// # Errors
/// When a side fails to answer.
pub fn medians<const PLACES: usize, const SIDES: usize>(
    what: &str,
    effort: Effort,
    places: [Placement; PLACES],
    sides: [&Process; SIDES],
) -> Result<[[Series; SIDES]; PLACES], BenchError> {
    let processors = Processors::all()?;
    let mut medians = places.map(|_| sides.map(|_| Series::default()));
    for round in 0..effort.rounds {
        if round % 10 == 0 {
            eprintln!("{what}: round {} of {}", round + 1, effort.rounds);
        }
        for (place, medians) in places.into_iter().zip(&mut medians) {
            processors.place(place, &sides)?;
            for (series, process) in medians.iter_mut().zip(sides) {
                series.push(one_by_one(process, effort.requests)?);
            }
        }
    }
    processors.place(Placement::Free, &sides)?;
    Ok(medians)
}

/// The median time of `requests` on one connection.
fn one_by_one(process: &Process, requests: u64) -> Result<f64, BenchError> {
    let request = app::signed_get(app::JSON_PATH);
    let mut stream = host::dial(&process.socket())?;
    for _ in 0..WARM_UP {
        exchange(&mut stream, &request)?;
    }
    let mut times = Series::default();
    for _ in 0..requests {
        let start = Instant::now();
        exchange(&mut stream, &request)?;
        times.push(start.elapsed().as_secs_f64());
    }
    Ok(times.median())
}

/// What a load was.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    /// Requests answered.
    pub requests: u64,
    /// From the first request after the warm-up to the last answer.
    pub took: Duration,
}

/// Puts load on a server: [`CONNECTIONS`] connections, each with one request under way at any time.
///
/// # Errors
/// When an answer is missing or no 200.
pub fn run(socket: &Path, request: &[u8], until: Until) -> Result<Load, BenchError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(BenchError::system("start the load generator"))?;
    runtime.block_on(async {
        let mut connections = Vec::with_capacity(CONNECTIONS);
        for _ in 0..CONNECTIONS {
            let mut connection = Connection::open(socket, request).await?;
            for _ in 0..WARM_UP {
                connection.exchange().await?;
            }
            connections.push(connection);
        }
        let start = Instant::now();
        let mut tasks = JoinSet::new();
        for connection in connections {
            tasks.spawn(connection.load(start, until));
        }
        let expected = match until {
            Until::Elapsed(time) => time,
            Until::Each(_) => Duration::from_secs(600),
        };
        let all = tokio::time::timeout(expected + PATIENCE, async {
            let mut requests = 0;
            while let Some(done) = tasks.join_next().await {
                let done = done.map_err(|error| BenchError::unexpected(error.to_string()))?;
                requests += done?;
            }
            Ok(requests)
        });
        let requests =
            all.await.map_err(|_| BenchError::unexpected("the server stopped answering"))??;
        let took = start.elapsed();
        Ok(Load { requests, took })
    })
}

struct Connection {
    stream: tokio::net::UnixStream,
    request: Vec<u8>,
    buffer: Vec<u8>,
}

impl Connection {
    async fn open(socket: &Path, request: &[u8]) -> Result<Self, BenchError> {
        let stream = tokio::net::UnixStream::connect(socket)
            .await
            .map_err(BenchError::system("connect to a server"))?;
        Ok(Self { stream, request: request.to_vec(), buffer: vec![0; BUFFER] })
    }

    async fn load(mut self, start: Instant, until: Until) -> Result<u64, BenchError> {
        let mut requests = 0;
        loop {
            let over = match until {
                Until::Elapsed(time) => start.elapsed() >= time,
                Until::Each(count) => requests >= count,
            };
            if over {
                return Ok(requests);
            }
            self.exchange().await?;
            requests += 1;
        }
    }

    async fn exchange(&mut self) -> Result<(), BenchError> {
        self.stream.write_all(&self.request).await.map_err(BenchError::system("send a request"))?;
        let mut filled = 0;
        loop {
            let read = self
                .stream
                .read(&mut self.buffer[filled..])
                .await
                .map_err(BenchError::system("read a response"))?;
            filled += read;
            if is_whole(&self.buffer[..filled], read)?.is_some() {
                return Ok(());
            }
        }
    }
}

/// One request and its response, blocking; gives the body.
///
/// # Errors
/// When the response is missing or no 200.
pub fn exchange(stream: &mut UnixStream, request: &[u8]) -> Result<Vec<u8>, BenchError> {
    stream.write_all(request).map_err(BenchError::system("send a request"))?;
    let mut buffer = [0; BUFFER];
    let mut filled = 0;
    loop {
        let read =
            stream.read(&mut buffer[filled..]).map_err(BenchError::system("read a response"))?;
        filled += read;
        if let Some(body) = is_whole(&buffer[..filled], read)? {
            return Ok(buffer[body..filled].to_vec());
        }
    }
}

/// Where the body starts when `response` is all of a response; `None` when more is to come.
fn is_whole(response: &[u8], read: usize) -> Result<Option<usize>, BenchError> {
    let bad = || {
        let text = String::from_utf8_lossy(response);
        BenchError::unexpected(format!("the server answered {text:?}"))
    };
    if read == 0 || (response.len() >= 12 && !response.starts_with(b"HTTP/1.1 200")) {
        return Err(bad());
    }
    let Some(head) = response.windows(4).position(|four| four == b"\r\n\r\n") else {
        return Ok(None);
    };
    let body = head + 4;
    let length = content_length(&response[..head]).ok_or_else(bad)?;
    match response.len().checked_sub(body + length) {
        Some(0) => Ok(Some(body)),
        // More than was asked for: the two sides have lost each other.
        Some(_) => Err(bad()),
        None => Ok(None),
    }
}

fn content_length(head: &[u8]) -> Option<usize> {
    const NAME: &[u8] = b"content-length:";
    let line = head
        .split(|byte| *byte == b'\n')
        .find(|line| line.len() > NAME.len() && line[..NAME.len()].eq_ignore_ascii_case(NAME))?;
    std::str::from_utf8(&line[NAME.len()..]).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_is_whole_with_the_last_byte_of_its_body() {
        let text = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\ndate: x\r\n\r\nabc";
        for end in 1..text.len() {
            assert_eq!(is_whole(&text[..end], end).unwrap(), None, "{end}");
        }
        assert_eq!(is_whole(text, 1).unwrap(), Some(text.len() - 3));
        assert!(is_whole(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\nx", 1).is_err());
    }

    #[test]
    fn anything_but_200_and_an_early_end_are_errors() {
        assert!(is_whole(b"HTTP/1.1 401 Unauthorized", 9).is_err());
        assert!(is_whole(b"HTTP/1.1 200", 0).is_err());
        assert!(is_whole(b"HTTP/1.1 200 OK\r\n\r\n", 1).is_err());
    }
}
