//! What JavaScript does to a request under way. A request that is over takes everything and does nothing.

use bytes::Bytes;
use napi::bindgen_prelude::{Result, Uint8ArraySlice};
use napi_derive::napi;
use temps_plugin_sdk::binding::Head;
use temps_plugin_sdk::binding::flow::Sent;

use crate::exchange::Exchange;
use crate::runtime::NativeRuntime;
use crate::{headers, invalid};

#[napi]
impl NativeRuntime {
    /// Gives a whole answer with a text for its body. `headers` is `name\nvalue\n…`.
    #[napi]
    pub fn respond_text(&self, id: f64, status: i32, headers: String, body: String) -> Result<()> {
        self.whole(id, status, &headers, Bytes::from(body))
    }

    /// Gives a whole answer with bytes for its body, which are copied.
    #[napi]
    pub fn respond_bytes(
        &self,
        id: f64,
        status: i32,
        headers: String,
        body: Uint8ArraySlice<'_>,
    ) -> Result<()> {
        self.whole(id, status, &headers, Bytes::copy_from_slice(&body))
    }

    /// Gives the head of an answer; the body follows by `write`.
    #[napi]
    pub fn start(&self, id: f64, status: i32, headers: String) -> Result<()> {
        let head = Head::new(i64::from(status), headers::read(&headers)?).map_err(invalid)?;
        self.with(id, (), |exchange| {
            let listener = exchange.listener();
            exchange.answering.start(head, listener).map_err(invalid)
        })
    }

    /// Gives a piece of an answer's body, which is copied: false when the next one has to wait
    /// for DRAIN, or for GONE.
    #[napi]
    pub fn write_bytes(&self, id: f64, piece: Uint8ArraySlice<'_>) -> Result<bool> {
        self.write(id, || Bytes::copy_from_slice(&piece))
    }

    /// `writeBytes` for text.
    #[napi]
    pub fn write_text(&self, id: f64, piece: String) -> Result<bool> {
        self.write(id, || Bytes::from(piece))
    }

    /// Ends the body of an answer, with trailers as `name\nvalue\n…` or an empty text.
    #[napi]
    pub fn end(&self, id: f64, trailers: String) -> Result<()> {
        let trailers = (!trailers.is_empty()).then(|| headers::read(&trailers)).transpose()?;
        self.with(id, (), |exchange| {
            if exchange.taken_over.is_some() {
                exchange.end_raw()
            } else {
                exchange.answering.end(trailers).map_err(invalid)
            }
        })
    }

    /// Breaks an answer off: 500 if nothing was sent, else the connection is closed.
    #[napi]
    pub fn abort(&self, id: f64) {
        let _runtime = self.enter();
        let removed = self.exchanges().remove(&key(id));
        if let Some(mut exchange) = removed {
            exchange.answering.break_off();
        }
    }

    /// Asks for the next piece of the request's body, or of what comes in on a connection that was taken
    /// over: BODY or BODY_FAILED follows.
    #[napi]
    pub fn pull(&self, id: f64) -> Result<()> {
        let tokio = self.tokio()?.clone();
        self.with(id, (), |exchange| {
            match &exchange.taken_over {
                Some(taken) => taken.pull(),
                None => exchange.pull(&tokio),
            }
            Ok(())
        })
    }

    /// The rest of the request's body is of no interest.
    #[napi]
    pub fn discard(&self, id: f64) -> Result<()> {
        self.with(id, (), |exchange| {
            exchange.discard();
            Ok(())
        })
    }

    /// Takes the connection over: the first bytes to be written are the head of a response. An error when
    /// the request did not ask for it.
    #[napi]
    pub fn upgrade(&self, id: f64) -> Result<()> {
        let (tokio, ctx) = (self.tokio()?.clone(), self.ctx()?.clone());
        self.with(id, (), |exchange| {
            if exchange.take_over(tokio, ctx) {
                return Ok(());
            }
            Err(invalid("the request does not ask for an upgrade, or it was answered"))
        })
    }
}

impl NativeRuntime {
    fn whole(&self, id: f64, status: i32, headers: &str, body: Bytes) -> Result<()> {
        let head = Head::new(i64::from(status), headers::read(headers)?).map_err(invalid)?;
        self.with(id, (), |exchange| exchange.answering.whole(head, body).map_err(invalid))
    }

    fn write(&self, id: f64, piece: impl FnOnce() -> Bytes) -> Result<bool> {
        self.with(id, true, |exchange| {
            let sent = if exchange.taken_over.is_some() {
                exchange.write_raw(piece())?
            } else {
                exchange.answering.piece(piece()).map_err(invalid)?
            };
            // GONE is on its way to a writer whose peer is gone: it waits for that in the same way.
            Ok(sent == Sent::Room)
        })
    }

    /// Does something to a request; `otherwise` when it is over.
    fn with<T>(
        &self,
        id: f64,
        otherwise: T,
        act: impl FnOnce(&mut Exchange) -> Result<T>,
    ) -> Result<T> {
        let mut exchanges = self.exchanges();
        let Some(exchange) = exchanges.get_mut(&key(id)) else { return Ok(otherwise) };
        // What is left of a body that is let go is read and thrown away on the runtime.
        let _runtime = self.enter();
        let outcome = act(exchange);
        let over = exchange.is_over().then(|| exchanges.remove(&key(id)));
        drop(exchanges);
        drop(over);
        outcome
    }
}

/// Ids count up from one, far below where numbers of JavaScript become inexact.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "ids are small and whole"
)]
pub(crate) fn key(id: f64) -> u64 {
    id as u64
}
