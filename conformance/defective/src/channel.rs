//! The channel: one live one at a time, frames in, frames out (CH-02 to CH-36).

use std::io;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::net::unix::OwnedWriteHalf;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::watch;

use crate::defects::{
    Defect, channel as defect, everything_events, faults, http, limits, stop as stop_defect,
};
use crate::events::Event;
use crate::http::{Answered, Exchange, Input, Reply};
use crate::plugin::Plugin;
use crate::websocket::{self, Broken, GOING_AWAY, Incoming, NORMAL, Outgoing, Reader};
use crate::{json, log};

/// How long the host's close frame is waited for when the plugin closes.
const CLOSING: Duration = Duration::from_millis(500);

/// The place a live channel has.
#[derive(Default)]
pub(crate) struct Place {
    live: Mutex<Option<Live>>,
    numbers: AtomicU64,
    /// Whether the last channel was closed by the host's close frame and there is no other.
    closed: AtomicBool,
}

struct Live {
    number: u64,
    out: UnboundedSender<Outgoing>,
    over: watch::Receiver<bool>,
}

impl Place {
    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Live>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the host has closed the channel with a close frame and opened none since.
    pub(crate) fn was_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    /// Queues a message; false when there is no channel.
    pub(crate) fn send(&self, text: String) -> bool {
        self.lock().as_ref().is_some_and(|live| live.out.send(Outgoing::Text(text)).is_ok())
    }

    /// Closes the live channel with a close frame and waits, bounded, for its end (LC-10).
    pub(crate) async fn close(&self) {
        if stop_defect::SECOND_DIAL_BLOCKS.active() && self.numbers.load(Ordering::Relaxed) > 1 {
            std::future::pending::<()>().await;
        }
        if stop_defect::CHANNEL_CUT.active() {
            return;
        }
        let over = self.lock().as_ref().map(|live| {
            // A channel that is just ending has nobody to close it for.
            let _ = live.out.send(Outgoing::Close(GOING_AWAY));
            live.over.clone()
        });
        if let Some(mut over) = over {
            let ended = over.wait_for(|over| *over);
            let _ = tokio::time::timeout(CLOSING, ended).await;
        }
    }
}

/// Answers a request for `/_temps/channel`.
pub(crate) async fn upgrade(
    plugin: &Arc<Plugin>,
    exchange: &mut Exchange<'_>,
) -> io::Result<Answered> {
    let Some(key) = websocket::key(&exchange.request) else {
        if exchange.request.method == "GET" && http::CHANNEL_TO_GET.active() {
            return exchange.answer(Reply::text(200, "this is the channel")).await;
        }
        return exchange.answer(Reply::text(426, "this is no WebSocket upgrade")).await;
    };
    let (out, messages) = unbounded_channel();
    let (over, is_over) = watch::channel(false);
    let number = plugin.channel.numbers.fetch_add(1, Ordering::Relaxed);
    let taken = {
        let mut place = plugin.channel.lock();
        let mut free = place.is_none() && !plugin.is_stopping();
        if defect::SECOND_ACCEPTED.active() {
            free = !plugin.is_stopping();
        }
        if defect::ONE_FOR_LIFE.active() && number > 0 {
            free = false;
        }
        if defect::SECOND_ENDS_FIRST.active()
            && let Some(live) = place.as_ref()
        {
            // One that is just ending cannot be lost a second time.
            let _ = live.out.send(Outgoing::Close(GOING_AWAY));
        }
        if free {
            plugin.channel.closed.store(false, Ordering::Relaxed);
            *place = Some(Live { number, out: out.clone(), over: is_over });
        }
        free
    };
    if !taken {
        return exchange.answer(Reply::text(409, "another channel is live")).await;
    }
    let link = Link { plugin: Arc::clone(plugin), number, out, over };
    let accepted = websocket::accept(exchange, &key).await;
    if accepted.is_err() && faults::GIVEN_UP_DIAL_KEEPS_PLACE.active() {
        std::mem::forget(link);
        return Ok(Answered::Response);
    }
    accepted?;
    if faults::CHANNEL_LEAKS_DESCRIPTOR.active() {
        std::mem::forget(std::fs::File::open("/dev/null")?);
    }
    plugin.had_channel.send_replace(true);
    Ok(Answered::Upgraded(Box::new(move |input, output| {
        Box::pin(link.live(input, output, messages))
    })))
}

/// A live channel. Dropping it makes room for the next one.
struct Link {
    plugin: Arc<Plugin>,
    number: u64,
    out: UnboundedSender<Outgoing>,
    over: watch::Sender<bool>,
}

impl Drop for Link {
    fn drop(&mut self) {
        let mut place = self.plugin.channel.lock();
        if place.as_ref().is_some_and(|live| live.number == self.number) {
            *place = None;
        }
        drop(place);
        self.plugin.calls.lost();
        self.over.send_replace(true);
        if limits::LOST_CHANNEL_30_S.active() {
            tokio::spawn(end_without_channel(Arc::clone(&self.plugin)));
        }
    }
}

/// What a sound plugin does after `ready` only (CH-11).
async fn end_without_channel(plugin: Arc<Plugin>) {
    let opened = plugin.channel.numbers.load(Ordering::Relaxed);
    tokio::time::sleep(Duration::from_secs(30)).await;
    // One that was dialled meanwhile has a time of its own when it is lost.
    if plugin.channel.numbers.load(Ordering::Relaxed) == opened {
        std::process::exit(1);
    }
}

impl Link {
    async fn live(
        self,
        input: Input,
        output: OwnedWriteHalf,
        messages: UnboundedReceiver<Outgoing>,
    ) {
        let mut reader = Reader::new(input);
        // Beside reading, so that a host that does not read still gets its replies read.
        let mut writer = tokio::spawn(write(output, messages));
        let mut kept = false;
        loop {
            if everything_events::HANDLERS_ON_THE_READER.active() {
                self.plugin.events.handled().await;
            }
            let message = tokio::select! {
                message = reader.next() => message,
                _ = &mut writer => return closed(reader).await,
            };
            let mut taken = ControlFlow::Continue(());
            match message {
                Ok(Incoming::Text(text)) => taken = self.take(&text),
                Ok(Incoming::Binary(bytes)) if defect::BINARY_AS_TEXT.active() => {
                    taken = self.take(&String::from_utf8_lossy(&bytes));
                }
                Ok(Incoming::Binary(_)) => {
                    taken = self.skip(defect::BINARY_FATAL, "a binary message");
                }
                Ok(Incoming::Ping(_)) if defect::PINGS_UNANSWERED.active() => {}
                Ok(Incoming::Ping(payload)) => self.queue(Outgoing::Pong(payload)),
                Ok(Incoming::Close(_)) if defect::CLOSE_UNANSWERED.active() => {
                    writer.abort();
                    break;
                }
                Ok(Incoming::Close(_)) => {
                    self.plugin.channel.closed.store(true, Ordering::Relaxed);
                    self.queue(Outgoing::Close(NORMAL));
                    kept = defect::KEPT_AFTER_CLOSE.active();
                    break;
                }
                Err(Broken::Lost) => {
                    if reader.is_within_a_frame() && defect::DIES_WITHIN_A_FRAME.active() {
                        std::process::exit(1);
                    }
                    kept = reader.is_within_a_frame() && defect::KEPT_WITHIN_A_FRAME.active();
                    writer.abort();
                    break;
                }
                Err(Broken::Protocol(_)) if defect::DIES_OF_A_BROKEN_FRAME.active() => {
                    std::process::exit(1);
                }
                Err(Broken::Protocol(code)) => {
                    log::warn("the host broke the rules of WebSocket; closing the channel");
                    self.queue(Outgoing::Close(code));
                    break;
                }
            }
            if taken.is_break() {
                let _ = writer.await;
                return closed(reader).await;
            }
        }
        if kept {
            std::mem::forget(self);
        } else {
            drop(self);
        }
        // What is left to be said, to a host that may not listen.
        let _ = tokio::time::timeout(CLOSING, writer).await;
    }

    fn queue(&self, message: Outgoing) {
        // The writer ends first only after a close frame, and then nothing is owed any more.
        let _ = self.out.send(message);
    }

    /// A text message of the host. Breaks when it is fatal: nothing that comes later is looked at.
    fn take(&self, text: &str) -> ControlFlow<()> {
        let message: Value = match serde_json::from_str(text) {
            Ok(message) => message,
            Err(_) => return self.skip(defect::NO_JSON_FATAL, "a message that is no JSON"),
        };
        match json::filled(&message, "type") {
            Some("response") => {
                if let Err(why) = self.plugin.calls.complete(self.plugin.dialect, &message) {
                    let text = message["id"].is_string();
                    let fatal = if text { defect::TEXT_ID_FATAL } else { defect::UNKNOWN_ID_FATAL };
                    return self.skip(fatal, &format!("a response: {why}"));
                }
            }
            Some("event") => match Event::read(message.get("event").unwrap_or(&Value::Null)) {
                Ok(_) if too_odd(&message["event"]) => return self.close(),
                Ok(_) if self.number > 0 && everything_events::FIRST_CHANNEL_ONLY.active() => {}
                Ok(event) => self.plugin.events.put(event),
                Err(why) => {
                    return self.skip(defect::BAD_EVENT_FATAL, &format!("what is no event: {why}"));
                }
            },
            Some(_) => {
                return self.skip(defect::UNKNOWN_TYPE_FATAL, "a message of an unknown type");
            }
            None => return self.skip(defect::NO_TYPE_FATAL, "a message without a type"),
        }
        ControlFlow::Continue(())
    }

    /// Logs what is skipped (CH-33). A plugin to which it is fatal closes the channel over it.
    fn skip(&self, fatal: Defect, what: &str) -> ControlFlow<()> {
        if !defect::SKIPS_SILENTLY.active() {
            log::warn(&format!("skipped on the channel: {what}"));
        }
        if fatal.active() { self.close() } else { ControlFlow::Continue(()) }
    }

    fn close(&self) -> ControlFlow<()> {
        self.queue(Outgoing::Close(NORMAL));
        ControlFlow::Break(())
    }
}

/// The plugin has closed: the host's close frame ends the channel, or the connection's end.
async fn closed(mut reader: Reader) {
    let ended = async { while !matches!(reader.next().await, Ok(Incoming::Close(_)) | Err(_)) {} };
    let _ = tokio::time::timeout(CLOSING, ended).await;
}

/// Whether an event is one of those that a plugin may wrongly rely on.
fn too_odd(event: &Value) -> bool {
    let known = event["event_type"].as_str().is_some_and(|kind| kind.starts_with("deployment."));
    defect::BARE_EVENT_FATAL.active() && event.get("data").is_none()
        || defect::TYPED_DATA_FATAL.active() && known && !event["data"].is_object()
}

/// Sends what is queued, up to a close frame.
async fn write(mut output: OwnedWriteHalf, mut messages: UnboundedReceiver<Outgoing>) {
    while let Some(message) = messages.recv().await {
        let sent = websocket::send(&mut output, &message).await;
        if sent.is_err() || matches!(message, Outgoing::Close(_)) {
            return;
        }
    }
}
