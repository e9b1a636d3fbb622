//! One started plugin, and what a case does to it.

use std::sync::Arc;
use std::time::Duration;

use temps_plugin_host::tap::Direction;
use temps_plugin_schema::channel as wire;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::answers::whole_responses;
use super::breach::{Invariant, Trouble};
use super::bytes::Fill;
use super::case::{Case, Connection, Op, Then};
use super::in_place::{contains, in_place};
use super::proper::keeps_channel;
use super::resources::{self, Usage};
use super::{explain, start};
use crate::model::Stop;
use crate::subject::{Channel, Cx, Plugin, Subject};
use crate::transcript::Transcript;

/// Longest part of what comes back over a connection that is looked at.
const READ_BYTES: usize = 1024 * 1024;
/// How long an answer is waited for that may never come.
const ANSWER: Duration = Duration::from_millis(250);
/// How long more of an answer is waited for that has begun.
const MORE: Duration = Duration::from_millis(40);
/// How long an answer is read that goes on and on.
const READING: Duration = Duration::from_secs(1);
/// How long a call of the plugin is waited for.
const CALL: Duration = Duration::from_millis(300);
/// How often it is looked whether what the plugin holds has gone down again.
const SETTLE_POLL: Duration = Duration::from_millis(10);
/// Polls without a change after which descriptors have settled.
const SETTLED_POLLS: u32 = 10;

/// How long the plugin is given.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// For an answer that it owes.
    pub(super) answer: Duration,
    /// For a start.
    pub(super) start: Duration,
    /// For what it holds to go down again.
    settle: Duration,
    /// Scales what is waited for without need.
    scale: f64,
}

impl Patience {
    /// What a plugin gets on a busy machine.
    pub(super) fn long(scale: f64) -> Self {
        Self {
            answer: Duration::from_secs(10).mul_f64(scale),
            start: Duration::from_secs(20).mul_f64(scale),
            settle: Duration::from_secs(5).mul_f64(scale),
            scale,
        }
    }

    /// The same with time to get through so many bytes: a plugin built for debugging on a busy machine
    /// reads a megabyte a second.
    fn after(self, bytes: usize) -> Self {
        const BYTES_A_SECOND: f64 = 1024.0 * 1024.0;
        let more = Duration::from_secs_f64(bytes as f64 / BYTES_A_SECOND);
        Self { answer: self.answer + more.mul_f64(self.scale), ..self }
    }

    /// What it gets while a finding is shrunk, where much is tried and little is lost by a mistake.
    pub(super) fn short(scale: f64) -> Self {
        Self {
            answer: Duration::from_secs(3).mul_f64(scale),
            start: Duration::from_secs(8).mul_f64(scale),
            settle: Duration::from_millis(500).mul_f64(scale),
            scale,
        }
    }
}

/// A plugin that cases are played on, one after the other.
pub(super) struct Arena {
    cx: Cx,
    patience: Patience,
    stage: Option<Stage>,
}

/// The running plugin. There is none where all cases start processes of their own.
struct Stage {
    plugin: Plugin,
    pid: u32,
    health_path: String,
    /// Whether it keeps events for ever, as the everything profile asks (EP-37).
    keeps_events: bool,
    channel: Option<Channel>,
    /// The last call that came over the channel.
    call: Option<(u64, String)>,
    held: Vec<UnixStream>,
    /// As long as the secret, and not the secret.
    stand_in: String,
}

impl Arena {
    /// An arena where nothing has been started yet.
    pub(super) fn new(subject: &Arc<Subject>, patience: Patience) -> Self {
        Self { cx: Cx::new(Arc::clone(subject), None), patience, stage: None }
    }

    /// Goes through a case and looks whether everything still holds.
    ///
    /// # Errors
    /// The first thing that does not.
    pub(super) async fn play(&mut self, case: &Case) -> Result<(), Trouble> {
        for op in &case.0 {
            if let Op::Start(odd) = op {
                start::play(&self.cx, odd, self.patience.start).await?;
            }
        }
        if case.0.iter().all(|op| matches!(op, Op::Start(_))) {
            return Ok(());
        }
        let patience = self.patience;
        if self.stage.is_none() {
            self.stage = Some(Stage::open(&self.cx, patience).await?);
        }
        let Some(stage) = &mut self.stage else {
            return Ok(());
        };
        let sent = stage.play(case, patience).await?;
        stage.judge(patience.after(sent)).await
    }

    /// What the plugin holds once everything that was sent is over and `enough` holds, or does not hold
    /// in time. `None` when nothing runs or the system does not tell.
    pub(super) async fn settled(&mut self, enough: impl Fn(Usage) -> bool) -> Option<Usage> {
        let stage = self.stage.as_ref()?;
        stage.forget_events(self.patience).await;
        let pid = stage.pid;
        let deadline = tokio::time::Instant::now() + self.patience.settle;
        let mut last = resources::usage(pid)?;
        let mut unchanged = 0;
        while unchanged < SETTLED_POLLS || !enough(last) {
            if tokio::time::Instant::now() >= deadline {
                break;
            }
            tokio::time::sleep(SETTLE_POLL).await;
            let now = resources::usage(pid)?;
            unchanged = if now.descriptors == last.descriptors { unchanged + 1 } else { 0 };
            last = now;
        }
        Some(last)
    }

    /// Looks for ended children that the plugin goes on not waiting for.
    ///
    /// # Errors
    /// When there are some.
    pub(super) async fn no_zombies(&self) -> Result<(), Trouble> {
        let Some(stage) = &self.stage else {
            return Ok(());
        };
        let pid = stage.pid;
        let deadline = tokio::time::Instant::now() + self.patience.settle;
        loop {
            let zombies = resources::zombies(pid);
            if zombies.is_empty() {
                return Ok(());
            }
            if tokio::time::Instant::now() >= deadline {
                let seen = format!("{} of them: {zombies:?}", zombies.len());
                return Err(Trouble::breach(Invariant::Children, seen));
            }
            tokio::time::sleep(SETTLE_POLL).await;
        }
    }

    /// Ends what was started and hands out what went over the wire.
    pub(super) async fn close(self) -> Transcript {
        self.cx.clean_up().await;
        self.cx.transcript()
    }
}

impl Stage {
    async fn open(cx: &Cx, patience: Patience) -> Result<Self, Trouble> {
        let failed = |stop| Trouble::of(stop, Invariant::Start);
        let plugin = cx.fresh().await.map_err(failed)?;
        let pid = plugin.running().map_err(failed)?.pid();
        let mut stage = Self {
            stand_in: plugin.secret().bytes().map(|_| '7').collect(),
            plugin,
            pid,
            health_path: cx.health_path().to_owned(),
            keeps_events: cx.manifest()["name"]
                .as_str()
                .is_some_and(|name| name.starts_with("everything-")),
            channel: None,
            call: None,
            held: Vec::new(),
        };
        stage.judge(patience).await?;
        Ok(stage)
    }

    /// Goes through the case; returns how many bytes of frames the plugin has to get through.
    async fn play(&mut self, case: &Case, patience: Patience) -> Result<usize, Trouble> {
        let (stand_in, plan) = (self.stand_in.clone(), self.plugin.plan().clone());
        let dir = plan.dir().to_string_lossy().into_owned();
        let fill = Fill { secret: &stand_in, dir: &dir, database: plan.database_url(), call: None };
        let stays = keeps_channel(case, &fill);
        let mut sent = 0;
        for op in &case.0 {
            let call = self.call.clone();
            let call = call.as_ref().map(|(id, method)| (*id, method.as_str()));
            let fill = Fill { call, ..fill };
            match op {
                Op::Start(_) => {}
                Op::Connect(connection) => self.connect(connection, &fill, patience).await?,
                Op::Frame(frame) => {
                    let bytes = frame.bytes(&fill);
                    sent += bytes.len();
                    self.write(&bytes, op, patience.after(sent)).await?;
                }
                Op::ChannelBytes(blob) => self.write(&blob.bytes(&fill), op, patience).await?,
                Op::AwaitCall => self.await_call(patience).await?,
                Op::Cut => self.channel = None,
            }
        }
        self.held.clear();
        if !stays {
            self.channel = None;
        }
        Ok(sent)
    }

    /// Looks whether everything holds.
    async fn judge(&mut self, patience: Patience) -> Result<(), Trouble> {
        let alive = self.ask(&self.health(), Invariant::Health, patience).await?;
        if alive != 200 {
            return Err(Trouble::breach(Invariant::Health, format!("status {alive}")));
        }
        let signed = format!(
            "GET /is/anybody/there HTTP/1.1\r\nhost: plugin\r\nconnection: close\r\n\
             x-temps-auth-signature: {}\r\n\r\n",
            self.plugin.secret()
        );
        if self.ask(&signed, Invariant::Answers, patience).await? == 401 {
            return Err(Trouble::breach(Invariant::Answers, "status 401"));
        }
        self.channel_stays(patience).await?;
        match self.plugin.leaks() {
            0 => Ok(()),
            lines => Err(Trouble::breach(
                Invariant::Secret,
                format!("the secret in {lines} lines of standard output and standard error"),
            )),
        }
    }

    fn health(&self) -> String {
        let path = &self.health_path;
        format!("GET {path} HTTP/1.1\r\nhost: plugin\r\nconnection: close\r\n\r\n")
    }

    /// Sends a proper request over a connection of its own and returns the status.
    async fn ask(
        &self,
        request: &str,
        invariant: Invariant,
        patience: Patience,
    ) -> Result<u16, Trouble> {
        let exchange = async {
            let mut raw = self.plugin.raw().await?;
            raw.write(request.as_bytes()).await?;
            raw.response().await
        };
        let seen = match timeout(patience.answer, exchange).await {
            Ok(Ok(response)) => {
                self.no_secret(&response.body, "the answer to a proper request")?;
                return Ok(response.status);
            }
            Ok(Err(stop)) => Trouble::of(stop, invariant),
            Err(_) => {
                let seen = format!("no answer within {} s", patience.answer.as_secs_f64());
                Trouble::late(invariant, seen)
            }
        };
        Err(self.or_dead(seen).await)
    }

    /// The end of the process, if that is what is behind it.
    async fn or_dead(&self, seen: Trouble) -> Trouble {
        // The connection goes before the process does.
        let Ok(running) = self.plugin.running() else {
            return seen;
        };
        match running.wait_exit(Duration::from_millis(500)).await {
            Some(ended) => {
                let last = self.plugin.stderr();
                let last = last.iter().rev().find(|line| !line.trim().is_empty());
                let last = last.map(|line| format!("; its last words: {line}"));
                let seen = format!("it {}{}", ended.exit, last.unwrap_or_default());
                Trouble::breach(Invariant::Lives, seen)
            }
            None => seen,
        }
    }

    /// Sees that the channel is open: the one there was, or a new one.
    async fn channel_stays(&mut self, patience: Patience) -> Result<(), Trouble> {
        if let Some(channel) = &mut self.channel {
            let pong = timeout(patience.answer, channel.ping()).await;
            let seen = match pong {
                Ok(Ok(())) => return self.take_texts(),
                Ok(Err(stop)) => Trouble::of(stop, Invariant::ChannelStays),
                Err(_) => {
                    let seen = format!("no pong within {} s", patience.answer.as_secs_f64());
                    Trouble::late(Invariant::ChannelStays, seen)
                }
            };
            return Err(self.or_dead(seen).await);
        }
        self.dial(patience).await
    }

    async fn dial(&mut self, patience: Patience) -> Result<(), Trouble> {
        self.call = None;
        let deadline = tokio::time::Instant::now() + patience.answer;
        let seen = loop {
            let dialled = tokio::time::timeout_at(deadline, self.plugin.dial_until_accepted());
            match dialled.await {
                Ok(Ok(channel)) => {
                    self.channel = Some(channel);
                    return Ok(());
                }
                Ok(Err(Stop::Failed(failure))) => {
                    if tokio::time::Instant::now() >= deadline || !self.plugin.lives() {
                        break failure.seen;
                    }
                    // One that refuses at once need not be asked at once again.
                    tokio::time::sleep(SETTLE_POLL).await;
                }
                Ok(Err(other)) => return Err(Trouble::of(other, Invariant::ChannelOpens)),
                Err(_) => break format!("not within {} s", patience.answer.as_secs_f64()),
            }
        };
        Err(self.or_dead(Trouble::late(Invariant::ChannelOpens, seen)).await)
    }

    /// Looks at what came over the channel while something else was waited for.
    fn take_texts(&mut self) -> Result<(), Trouble> {
        let texts: Vec<String> = self.channel.iter_mut().flat_map(Channel::take_texts).collect();
        texts.iter().try_for_each(|text| self.no_secret(text.as_bytes(), "a frame of the plugin"))
    }

    async fn write(&mut self, bytes: &[u8], op: &Op, patience: Patience) -> Result<(), Trouble> {
        if self.channel.is_none() {
            self.dial(patience).await?;
        }
        if let Some(channel) = &mut self.channel {
            let note = explain::op(op);
            self.plugin.tape().note(Direction::ToPlugin, "channel", bytes.len(), &note);
            // A plugin that has ended the channel, or does not read, is for the judge.
            let _ = timeout(patience.answer, channel.send_raw(bytes)).await;
        }
        Ok(())
    }

    async fn await_call(&mut self, patience: Patience) -> Result<(), Trouble> {
        if self.channel.is_none() {
            self.dial(patience).await?;
        }
        let Some(channel) = &mut self.channel else {
            return Ok(());
        };
        let answered = async {
            match self.held.last() {
                // A request that is answered makes no call any more.
                Some(stream) => drop(stream.readable().await),
                None => std::future::pending().await,
            }
        };
        let came = tokio::select! {
            biased;
            text = timeout(CALL.mul_f64(patience.scale), channel.text()) => text,
            () = answered => return Ok(()),
        };
        if let Ok(Ok(text)) = came {
            self.no_secret(text.as_bytes(), "a frame of the plugin")?;
            if let Ok(call) = wire::Request::decode(self.plugin.dialect(), &text) {
                self.call = Some((call.id, call.method));
            }
        }
        Ok(())
    }

    async fn connect(
        &mut self,
        connection: &Connection,
        fill: &Fill<'_>,
        patience: Patience,
    ) -> Result<(), Trouble> {
        let stood_in = connection.bytes(fill);
        let real = in_place(&stood_in, self.stand_in.as_bytes());
        let bytes = match real {
            true => connection.bytes(&Fill { secret: self.plugin.secret(), ..*fill }),
            false => stood_in,
        };
        let note = String::from_utf8_lossy(&bytes[..bytes.len().min(1024)]).into_owned();
        self.plugin.tape().note(Direction::ToPlugin, "raw", bytes.len(), &note);
        let Ok(mut stream) = self.plugin.http().connect_raw().await else {
            // What the judge asks next is not accepted either.
            return Ok(());
        };
        let answers = connection.messages.len();
        let back = exchange(&mut stream, &bytes, connection, answers, patience).await;
        let shown = String::from_utf8_lossy(&back[..back.len().min(1024)]).into_owned();
        self.plugin.tape().note(Direction::FromPlugin, "raw", back.len(), &shown);
        if connection.then == Then::Hold {
            self.held.push(stream);
        }
        self.no_secret(&back, "an answer")
    }

    fn no_secret(&self, bytes: &[u8], place: &str) -> Result<(), Trouble> {
        if contains(bytes, self.plugin.secret().as_bytes()) {
            return Err(Trouble::breach(Invariant::Secret, format!("the secret in {place}")));
        }
        Ok(())
    }

    /// Makes a plugin of the everything profile forget the events it has recorded (EP-39).
    async fn forget_events(&self, patience: Patience) {
        if self.keeps_events {
            let request = format!(
                "DELETE /events HTTP/1.1\r\nhost: plugin\r\nconnection: close\r\n\
                 x-temps-auth-signature: {}\r\n\r\n",
                self.plugin.secret()
            );
            // One that does not answer is found by the next case.
            let _ = self.ask(&request, Invariant::Answers, patience).await;
        }
    }
}

/// Writes to a connection and reads what comes back, each without waiting for the other.
async fn exchange(
    stream: &mut UnixStream,
    bytes: &[u8],
    connection: &Connection,
    answers: usize,
    patience: Patience,
) -> Vec<u8> {
    let (mut from, mut to) = stream.split();
    let written = async {
        let ended = write_pieces(&mut to, bytes, &connection.cuts).await;
        if connection.then == Then::HalfClose {
            // The plugin may have closed it first.
            let _ = to.shutdown().await;
        }
        ended
    };
    let begins = ANSWER.mul_f64(patience.scale);
    match connection.then {
        Then::Answer | Then::HalfClose => {
            let read = read_answers(&mut from, answers, patience.scale);
            tokio::pin!(read);
            // A plugin that answers early may not read the rest.
            let early = tokio::select! {
                back = &mut read => Some(back),
                _ = timeout(patience.answer, written) => None,
            };
            match early {
                Some(back) => back,
                None => read.await,
            }
        }
        Then::Leave | Then::Hold => {
            let _ = timeout(begins, written).await;
            Vec::new()
        }
    }
}

async fn write_pieces(
    to: &mut (impl AsyncWrite + Unpin),
    bytes: &[u8],
    cuts: &[u32],
) -> std::io::Result<()> {
    let mut from = 0;
    for cut in cuts.iter().map(|cut| *cut as usize).chain([bytes.len()]) {
        if let Some(piece) = bytes.get(from..cut.min(bytes.len())).filter(|it| !it.is_empty()) {
            to.write_all(piece).await?;
            to.flush().await?;
            // Lets the other end see the piece by itself, now and then.
            tokio::task::yield_now().await;
            from = cut;
        }
    }
    Ok(())
}

/// Reads until so many answers have come, until the end, or until nothing comes any more.
async fn read_answers(from: &mut (impl AsyncRead + Unpin), answers: usize, scale: f64) -> Vec<u8> {
    let mut back = Vec::new();
    let until = tokio::time::Instant::now() + READING.mul_f64(scale);
    while back.len() < READ_BYTES && tokio::time::Instant::now() < until {
        let wait = if back.is_empty() { ANSWER } else { MORE };
        match timeout(wait.mul_f64(scale), from.read_buf(&mut back)).await {
            Ok(Ok(1..)) if whole_responses(&back) < answers => {}
            _ => break,
        }
    }
    back
}
