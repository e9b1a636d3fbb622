//! Making cases: what a host could send, changed in ways that a host would not.
//!
//! The same seed, number, dialect and plugin make the same case. Nothing here looks at a clock or at
//! what the plugin answers.

mod channel;
mod http;
mod mutate;
mod rand;
mod start;

use serde_json::Value;
use temps_plugin_schema::Dialect;
use temps_plugin_schema::http::path;

use self::rand::Dice;
use super::bytes::Payload;
use super::case::{Case, Op, Then};
use super::corpus::Corpus;

/// What is known of the plugin, and what is asked for.
pub(crate) struct Generator {
    seed: u64,
    dialect: Dialect,
    corpus: &'static Corpus,
    manifest: Value,
    /// Methods and paths that the plugin knows, as far as is known.
    routes: Vec<(String, String)>,
    /// Whether `POST /call` makes a call (EP-32).
    everything: bool,
}

/// Routes of the everything profile that its `OpenAPI` document need not have.
const EVERYTHING: [(&str, &str); 22] = [
    ("GET", "/echo"),
    ("POST", "/echo/a%20b?x=1"),
    ("POST", "/stream/echo"),
    ("GET", "/status/204"),
    ("GET", "/status/599"),
    ("GET", "/bytes/70000"),
    ("GET", "/bytes/1073741824"),
    ("GET", "/sse?count=3"),
    ("GET", "/sse?count=1000000000&interval_ms=1"),
    ("GET", "/ws"),
    ("GET", "/slow?ms=100000"),
    ("GET", "/cancelled"),
    ("GET", "/whoami"),
    ("GET", "/private"),
    ("POST", "/call"),
    ("POST", "/api"),
    ("GET", "/events"),
    ("POST", "/print"),
    ("GET", "/panic"),
    ("POST", "/answer"),
    ("POST", "/unread?ms=100000"),
    ("GET", "/broken/100"),
];

impl Generator {
    /// A generator for the plugin that wrote these lines.
    pub(crate) fn new(seed: u64, dialect: Dialect, manifest: &Value, ready: &Value) -> Self {
        let everything =
            manifest["name"].as_str().is_some_and(|name| name.starts_with("everything-"));
        let health = manifest["health_path"].as_str().unwrap_or(path::HEALTH);
        let mut routes: Vec<(String, String)> = [
            ("GET", health),
            ("HEAD", health),
            ("GET", path::CHANNEL),
            ("POST", path::EVENTS),
            ("GET", path::UI),
            ("GET", "/ui/"),
            ("GET", "/ui/index.html"),
            ("GET", "/"),
            ("GET", "/no/such/route"),
        ]
        .map(|(method, path)| (method.to_owned(), path.to_owned()))
        .into();
        if everything {
            routes.extend(EVERYTHING.map(|(method, path)| (method.to_owned(), path.to_owned())));
        }
        routes.extend(documented(ready));
        let corpus = Corpus::of(dialect);
        Self { seed, dialect, corpus, manifest: manifest.clone(), routes, everything }
    }

    /// Case number `number`.
    pub(crate) fn case(&self, number: u64) -> Case {
        let mut dice = Dice::new(self.seed, number);
        type Make = fn(&Generator, &mut Dice) -> Vec<Op>;
        let kinds: [(u32, Make); 6] = [
            (32, Self::http),
            (14, Self::events),
            (30, Self::channel),
            (12, Self::replies),
            (5, Self::start),
            (7, Self::mixed),
        ];
        let make = dice.weighted(&kinds);
        Case(make(self, &mut dice))
    }

    fn mixed(&self, dice: &mut Dice) -> Vec<Op> {
        let mut ops = self.channel(dice);
        ops.truncate(1 + dice.below(ops.len()));
        for _ in 0..=dice.below(3) {
            let more = if dice.percent(50) { self.http(dice) } else { self.events(dice) };
            for op in more {
                let at = dice.below(ops.len() + 1);
                ops.insert(at, op);
            }
        }
        ops
    }

    /// Lets the plugin make a call, as far as it is known how, and answers it oddly.
    fn replies(&self, dice: &mut Dice) -> Vec<Op> {
        let mut ops = Vec::new();
        for _ in 0..=dice.below(2) {
            if self.everything {
                ops.push(self.call(dice, Then::Hold));
                ops.push(Op::AwaitCall);
            }
            for _ in 0..=dice.below(2) {
                ops.push(Op::Frame(self.reply(dice)));
            }
        }
        if dice.percent(15) {
            ops.push(Op::Cut);
        }
        ops
    }

    /// An event's envelope, mostly changed.
    fn event(&self, dice: &mut Dice) -> Payload {
        let mut payload = dice.one(&self.corpus.events).clone();
        if dice.percent(80) {
            mutate::payload(&mut payload, dice);
        }
        payload
    }
}

/// The routes in a plugin's own `OpenAPI` document, with something in place of their parameters.
fn documented(ready: &Value) -> Vec<(String, String)> {
    let paths = ready["openapi"]["paths"].as_object().into_iter().flatten();
    paths
        .flat_map(|(path, item)| {
            let filled: Vec<&str> = path
                .split('/')
                .map(|segment| if segment.starts_with('{') { "1" } else { segment })
                .collect();
            let filled = filled.join("/");
            let methods = item.as_object().into_iter().flatten();
            methods
                .map(move |(method, _)| (method.to_ascii_uppercase(), filled.clone()))
                .filter(|(method, _)| http::METHODS.contains(&method.as_str()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn generator(seed: u64) -> Generator {
        let manifest = json!({"name": "everything-test", "requires_db": true});
        let ready = json!({"openapi": {"paths": {"/a/{id}": {"post": {}, "parameters": []}}}});
        Generator::new(seed, Dialect::Two, &manifest, &ready)
    }

    #[test]
    fn a_case_is_that_of_its_seed_and_number() {
        let (one, other) = (generator(7), generator(8));
        for number in 0..300 {
            assert_eq!(one.case(number), generator(7).case(number));
        }
        assert!((0..300).any(|number| one.case(number) != other.case(number)));
    }

    #[test]
    fn every_kind_of_operation_is_made() {
        let cases: Vec<Case> = (0..500).map(|number| generator(1).case(number)).collect();
        let any = |wanted: fn(&Op) -> bool| cases.iter().flat_map(|case| &case.0).any(wanted);
        assert!(any(|op| matches!(op, Op::Start(_))));
        assert!(any(|op| matches!(op, Op::Connect(_))));
        assert!(any(|op| matches!(op, Op::Frame(frame) if frame.reserved > 0)));
        assert!(any(|op| matches!(op, Op::ChannelBytes(_))));
        assert!(any(|op| matches!(op, Op::AwaitCall)));
        assert!(any(|op| matches!(op, Op::Cut)));
        assert!(cases.iter().all(|case| !case.0.is_empty()));
    }

    #[test]
    fn routes_come_from_the_plugins_own_document() {
        assert!(generator(0).routes.contains(&("POST".into(), "/a/1".into())));
    }
}
