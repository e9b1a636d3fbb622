//! Requests: methods, targets, headers, bodies, and what becomes of the connection.

use temps_plugin_schema::Dialect;
use temps_plugin_schema::http::{header, path};

use super::rand::Dice;
use super::{Generator, mutate};
use crate::fuzz::bytes::{Blob, Json, Part, Payload};
use crate::fuzz::case::{Body, Chunk, Connection, Message, Op, Request, Then};

pub(super) const METHODS: [&str; 9] =
    ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "CONNECT"];
const ODD_METHODS: [&str; 8] =
    ["get", "", "BREW", "G E T", "PRI", "GET\t", "M-SEARCH", "\u{fc}BER"];
const VERSIONS: [&str; 8] =
    ["HTTP/1.0", "HTTP/2.0", "HTTP/0.9", "HTTP/1.10", "http/1.1", "", "HTTP/1.1 ", "ICY"];
const ODD_TARGETS: [&str; 24] = [
    "*",
    "",
    "//",
    "/.",
    "/..",
    "/../../etc/passwd",
    "/ui/../../etc/passwd",
    "/ui/..%2f..%2fetc%2fpasswd",
    "/ui/%2e%2e/%2e%2e/x",
    "/ui/..\\..\\x",
    "/%00",
    "/%",
    "/%zz",
    "/%c0%ae",
    "/a b",
    "/a#b",
    "?",
    "/?&&==%",
    "http://plugin/health",
    "http://[::1/",
    "plugin:80",
    "/_temps/channel/../channel",
    "/_events/",
    "/\u{202e}",
];
const QUERIES: [&str; 8] = [
    "?",
    "?a=1",
    "?count=-1",
    "?ms=99999999999999999999",
    "?x=%zz",
    "?a[b]=c",
    "?;",
    "?count=NaN&n=1e9",
];
/// Headers that stand by themselves, good and bad.
const HEADERS: [&str; 44] = [
    "host: other",
    "host:",
    "connection: close",
    "connection: keep-alive, upgrade",
    "connection: x-temps-auth-signature",
    "expect: 100-continue",
    "expect: 200-ok",
    "content-type: application/json",
    "content-type: multipart/form-data; boundary=",
    "content-type: \u{e9}",
    "content-encoding: gzip",
    "accept-encoding: gzip;q=nan",
    "accept: */*;q=0.0000000000000000000000000000001",
    "range: bytes=0-0,-1,5-2,99999999999999999999-",
    "if-none-match: *",
    "if-modified-since: not a date",
    "content-length: 5",
    "content-length: -1",
    "content-length: +5",
    "content-length: 0x5",
    "content-length: 5, 5",
    "content-length: 18446744073709551616",
    "content-length: 9223372036854775807",
    "content-length:",
    "transfer-encoding: chunked",
    "transfer-encoding: identity, chunked",
    "transfer-encoding: chunked, chunked",
    "transfer-encoding: xchunked",
    "transfer-encoding : chunked",
    "trailer: x-temps-auth-signature",
    "te: trailers",
    "upgrade: h2c",
    "upgrade: websocket",
    "sec-websocket-key: short",
    "sec-websocket-version: 99",
    " folded: value",
    "no colon",
    ": no name",
    "na me: value",
    "x_temps_user_id: 1",
    "cookie: a=b; a=b; ;;=",
    "forwarded: for=\"[::1\"",
    "x: \u{0}",
    "x: a\rb",
];
const IDENTITY: [&str; 8] = [
    "x-temps-user-id: ",
    "x-temps-user-id: \u{1F980}",
    "x-temps-user-email: a@b\r\nx-temps-user-role: admin",
    "x-temps-user-role: king",
    "x-temps-user-permissions: ,,,,a:b, ,",
    "x-temps-actor-token: ",
    "x-temps-actor-token: at_1",
    "x-temps-request-id: not-a-uuid",
];

impl Generator {
    /// One connection with one to four requests.
    pub(super) fn http(&self, dice: &mut Dice) -> Vec<Op> {
        let count = dice.weighted(&[(70, 1), (20, 2), (10, 4)]);
        let mut messages: Vec<Message> =
            (0..count).map(|_| Message::Request(self.request(dice))).collect();
        if dice.percent(8) {
            let garbage = (0..1 + dice.below(64)).map(|_| dice.byte()).collect::<Vec<u8>>();
            let at = dice.below(messages.len() + 1);
            messages.insert(at, Message::Bytes(garbage.into()));
        }
        let then = dice.weighted(&[
            (60, Then::Answer),
            (15, Then::HalfClose),
            (20, Then::Leave),
            (5, Then::Hold),
        ]);
        vec![connection(messages, then, dice)]
    }

    /// Events, by the way a host takes without a channel.
    pub(super) fn events(&self, dice: &mut Dice) -> Vec<Op> {
        (0..=dice.below(2))
            .map(|_| {
                if dice.percent(40) {
                    return Op::Frame(self.event_frame(dice));
                }
                let body = Body::Sized(self.event(dice));
                let mut headers = self.proper_headers(dice);
                headers.push("content-type: application/json".into());
                if self.dialect == Dialect::One {
                    headers.push(secret_header(header::AUTH));
                }
                let line = format!("POST {} HTTP/1.1", path::EVENTS).into();
                let mut request = Request { line, headers, body };
                if dice.percent(20) {
                    odd_headers(&mut request, dice);
                }
                let then = if dice.percent(90) { Then::Answer } else { Then::Leave };
                connection(vec![Message::Request(request)], then, dice)
            })
            .collect()
    }

    /// `POST /call` of the everything profile, for a call from the corpus.
    pub(super) fn call(&self, dice: &mut Dice, then: Then) -> Op {
        let good = dice.percent(90);
        let calls = if good { &self.corpus.calls } else { &self.corpus.bad_calls };
        let (method, params) = dice.one(calls).clone();
        let params = match params {
            Payload::Json(json) => json,
            Payload::Blob(blob) => Json::Raw(blob),
        };
        let body =
            Json::Object(vec![("method".into(), Json::Text(method)), ("params".into(), params)]);
        let mut headers = self.proper_headers(dice);
        headers.push("content-type: application/json".into());
        let request = Request {
            line: "POST /call HTTP/1.1".into(),
            headers,
            body: Body::Sized(Payload::Json(body)),
        };
        Op::Connect(Connection {
            messages: vec![Message::Request(request)],
            cuts: Vec::new(),
            then,
        })
    }

    fn proper_headers(&self, dice: &mut Dice) -> Vec<Blob> {
        let mut headers = vec!["host: plugin".into()];
        if dice.percent(92) {
            headers.push(secret_header(header::AUTH_SIGNATURE));
        }
        headers
    }

    fn request(&self, dice: &mut Dice) -> Request {
        let (method, target) = self.request_line(dice);
        let version = if dice.percent(94) { "HTTP/1.1" } else { dice.text(&VERSIONS) };
        let get = method == Part::Text("GET".into());
        let blank = Part::Text(" ".into());
        let version = Part::Text(format!(" {version}"));
        let line = Blob::of([method, blank, target, version]);
        let headers = self.proper_headers(dice);
        let body = if get && dice.percent(80) { Body::None } else { self.body(dice) };
        let mut request = Request { line, headers, body };
        if dice.percent(60) {
            odd_headers(&mut request, dice);
        }
        if dice.percent(10) {
            mutate::blob(&mut request.line, dice);
        }
        if dice.percent(10) {
            let at = dice.below(request.headers.len());
            if let Some(header) = request.headers.get_mut(at) {
                mutate::blob(header, dice);
            }
        }
        request
    }

    fn request_line(&self, dice: &mut Dice) -> (Part, Part) {
        let (known_method, known_path) = dice.one(&self.routes).clone();
        let method = match dice.below(10) {
            0 => Part::Text(dice.text(&METHODS).to_owned()),
            1 => Part::Text(dice.text(&ODD_METHODS).to_owned()),
            2 if dice.percent(10) => Part::Repeat("X".into(), 70_000),
            _ => Part::Text(known_method),
        };
        let target = match dice.below(10) {
            0 | 1 => Part::Text(dice.text(&ODD_TARGETS).to_owned()),
            2 => Part::Text(format!("{known_path}{}", dice.text(&QUERIES))),
            3 if dice.percent(30) => Part::Repeat("/long".into(), 100 << dice.below(9)),
            4 => Part::Text(format!("{known_path}/{}", dice.text(&ODD_TARGETS))),
            _ => Part::Text(known_path),
        };
        (method, target)
    }

    fn body(&self, dice: &mut Dice) -> Body {
        let payload = self.content(dice);
        match dice.below(10) {
            0 | 1 => Body::None,
            2..=5 => Body::Sized(payload),
            6 => Body::Unannounced(payload),
            _ => Body::Chunked(chunks(payload, dice)),
        }
    }

    fn content(&self, dice: &mut Dice) -> Payload {
        let mut payload = match dice.below(6) {
            0 => Payload::Blob(Blob::of([Part::Repeat("x".into(), 1 << dice.below(18))])),
            1 => Payload::Blob("a=b&c=%zz&d".into()),
            2 => {
                Payload::Blob((0..dice.below(80)).map(|_| dice.byte()).collect::<Vec<u8>>().into())
            }
            3 => self.event(dice),
            _ => dice.one(&self.corpus.bad_calls).1.clone(),
        };
        if dice.percent(50) {
            mutate::payload(&mut payload, dice);
        }
        payload
    }
}

fn secret_header(name: &str) -> Blob {
    Blob::of([Part::Text(format!("{name}: ")), Part::Secret])
}

fn odd_headers(request: &mut Request, dice: &mut Dice) {
    for _ in 0..=dice.below(3) {
        let header: Blob = match dice.below(20) {
            0 => Blob::of([
                Part::Text("x-long: ".into()),
                Part::Repeat("v".into(), 1 << dice.below(18)),
            ]),
            1 => Blob::of([
                Part::Repeat("x-many: v\r\n".into(), 1 << dice.below(10)),
                Part::Text("x-last: 1".into()),
            ]),
            2 => {
                Blob::of([Part::Repeat("n".into(), 1 << dice.below(17)), Part::Text(": v".into())])
            }
            3..=6 => dice.text(&IDENTITY).into(),
            7 => format!("{}: wrong", header::AUTH_SIGNATURE).into(),
            8 => {
                request.headers.get(dice.below(request.headers.len())).cloned().unwrap_or_default()
            }
            _ => dice.text(&HEADERS).into(),
        };
        let at = dice.below(request.headers.len() + 1);
        request.headers.insert(at, header);
    }
    if dice.percent(10) && !request.headers.is_empty() {
        request.headers.remove(dice.below(request.headers.len()));
    }
}

fn chunks(payload: Payload, dice: &mut Dice) -> Vec<Chunk> {
    const SIZES: [&str; 14] = [
        "ffffffffffffffff",
        "fffffffffffffffff",
        "-1",
        "0x5",
        "5;a=\"b",
        "5 ",
        " 5",
        "",
        "g",
        "00000005",
        "7fffffff",
        "5\r\n",
        "5;",
        "00",
    ];
    const TRAILERS: [&str; 6] = [
        "x-sum: 1\r\n",
        "content-length: 9\r\n",
        "x-temps-auth-signature: wrong\r\n",
        "no colon\r\n",
        "host: other\r\n",
        ": a\r\n",
    ];
    let text = |text: &str| Payload::Blob(text.into());
    let mut chunks = vec![Chunk { size: None, data: payload }];
    for _ in 0..dice.below(3) {
        chunks.push(Chunk { size: None, data: text("more") });
    }
    if dice.percent(80) {
        chunks.push(Chunk::default());
    }
    if dice.percent(40) {
        let at = dice.below(chunks.len());
        let size = Some(dice.text(&SIZES).into());
        chunks.insert(at, Chunk { size, data: text("hello") });
    }
    if dice.percent(15) {
        // What stands where the last chunk's data would are trailers.
        chunks.push(Chunk { size: Some("0".into()), data: text(dice.text(&TRAILERS)) });
    }
    chunks
}

fn connection(messages: Vec<Message>, then: Then, dice: &mut Dice) -> Op {
    let mut cuts = Vec::new();
    if dice.percent(25) {
        let mut at = 0;
        for _ in 0..=dice.below(6) {
            at += 1 + dice.below(60) as u32;
            cuts.push(at);
        }
    }
    Op::Connect(Connection { messages, cuts, then })
}
