//! A body on its way through the host: nothing of it is kept, and nothing of it may stop for ever.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::{Instant, Sleep};

use super::headers::remove_the_hosts;
use crate::http::BoxError;

/// When a body last moved on.
#[derive(Debug, Clone)]
pub(super) struct Pace(Arc<watch::Sender<Instant>>);

impl Pace {
    pub(super) fn new() -> Self {
        Self(Arc::new(watch::Sender::new(Instant::now())))
    }

    fn moved(&self) {
        self.0.send_replace(Instant::now());
    }

    /// Waits until nothing has moved for so long.
    pub(super) async fn stopped_for(&self, patience: Duration) {
        loop {
            let until = *self.0.borrow() + patience;
            if until <= Instant::now() {
                return;
            }
            tokio::time::sleep_until(until).await;
        }
    }
}

/// A body that breaks off when nothing of it comes for too long.
pub(super) struct Passing<B> {
    body: B,
    patience: Duration,
    /// Runs while something is waited for.
    waiting: Option<Pin<Box<Sleep>>>,
    pace: Option<Pace>,
    /// Whether trailers come from a caller.
    of_a_caller: bool,
    /// The request's place among those under way, given back at the end of its response.
    _place: Option<OwnedSemaphorePermit>,
}

impl<B> Passing<B> {
    /// From a caller to a plugin.
    pub(super) fn request(body: B, patience: Duration, pace: Pace) -> Self {
        let pace = Some(pace);
        Self { body, patience, waiting: None, pace, of_a_caller: true, _place: None }
    }

    /// From a plugin to a caller.
    pub(super) fn response(body: B, patience: Duration, place: OwnedSemaphorePermit) -> Self {
        let place = Some(place);
        Self { body, patience, waiting: None, pace: None, of_a_caller: false, _place: place }
    }
}

impl<B> Body for Passing<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(cx) else {
            let patience = this.patience;
            let waiting =
                this.waiting.get_or_insert_with(|| Box::pin(tokio::time::sleep(patience)));
            ready!(waiting.as_mut().poll(cx));
            let stopped = format!("nothing of the body came for {} s", patience.as_secs_f64());
            return Poll::Ready(Some(Err(stopped.into())));
        };
        this.waiting = None;
        if let Some(pace) = &this.pace {
            pace.moved();
        }
        Poll::Ready(frame.map(|frame| match frame.map_err(Into::into)?.into_trailers() {
            Ok(mut trailers) => {
                if this.of_a_caller {
                    remove_the_hosts(&mut trailers);
                }
                Ok(Frame::trailers(trailers))
            }
            Err(data) => Ok(data),
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
