//! Shrinking: the smallest script that still does it.
//!
//! Cases go first, then operations, then what those are made of: runs of things, long ones before
//! short ones, as in delta debugging (Zeller and Hildebrandt, "Simplifying and isolating
//! failure-inducing input", 2002).

mod smaller;

use self::smaller::Smaller;
pub(super) use self::smaller::runs;
use super::case::Script;

/// Tries a script from the beginning, so that nothing one attempt leaves behind helps the next.
pub(super) trait Trial {
    /// Whether the script still does it; `None` once there is no time left to try.
    fn still(&mut self, script: &Script) -> impl Future<Output = Option<bool>> + Send;
}

/// What is left of a script that does it when nothing more can go, or when time is up.
pub(super) async fn shrink(mut script: Script, trial: &mut impl Trial) -> Script {
    loop {
        let before = script.clone();
        if !fewer_cases(&mut script, trial).await {
            return script;
        }
        for at in 0..script.cases.len() {
            if !smaller_case(&mut script, at, trial).await {
                return script;
            }
        }
        if script == before {
            return script;
        }
    }
}

/// Takes cases away. False when time is up.
async fn fewer_cases(script: &mut Script, trial: &mut impl Trial) -> bool {
    let mut candidates = runs(&script.cases);
    let mut at = 0;
    while at < candidates.len() {
        let candidate = Script { cases: std::mem::take(&mut candidates[at]), ..*script };
        match attempt(&candidate, trial).await {
            None => return false,
            Some(false) => at += 1,
            // What was tried before it did not help and is not tried again in this pass.
            Some(true) => {
                candidates = runs(&candidate.cases);
                *script = candidate;
            }
        }
    }
    true
}

/// Makes one case smaller. False when time is up.
async fn smaller_case(script: &mut Script, case: usize, trial: &mut impl Trial) -> bool {
    let mut candidates = script.cases[case].smaller();
    let mut at = 0;
    while at < candidates.len() {
        let mut candidate = script.clone();
        candidate.cases[case] = candidates[at].clone();
        match attempt(&candidate, trial).await {
            None => return false,
            Some(false) => at += 1,
            Some(true) => {
                candidates = candidate.cases[case].smaller();
                *script = candidate;
            }
        }
    }
    true
}

async fn attempt(script: &Script, trial: &mut impl Trial) -> Option<bool> {
    if script.is_empty() {
        return Some(false);
    }
    trial.still(script).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzz::bytes::{Blob, Json, Part, Payload};
    use crate::fuzz::case::{Body, Case, Connection, Frame, Message, Op, Request, Start, Then};

    /// Asks a function instead of a plugin.
    struct Asked<F> {
        still: F,
        left: usize,
    }

    impl<F: Fn(&Script) -> bool + Send> Trial for Asked<F> {
        async fn still(&mut self, script: &Script) -> Option<bool> {
            self.left = self.left.checked_sub(1)?;
            Some((self.still)(script))
        }
    }

    async fn shrunk(script: Script, still: impl Fn(&Script) -> bool + Send) -> Script {
        assert!(still(&script), "a script that does not do it cannot be shrunk");
        shrink(script, &mut Asked { still, left: 100_000 }).await
    }

    fn frame(json: Json) -> Op {
        Op::Frame(Frame { reserved: 3, ..Frame::text(Payload::Json(json)) })
    }

    fn connection(path: &str, headers: &[&str]) -> Op {
        Op::Connect(Connection {
            messages: vec![Message::Request(Request {
                line: format!("GET {path} HTTP/1.1").into(),
                headers: headers.iter().map(|line| (*line).into()).collect(),
                body: Body::Sized(Payload::Blob("some body".into())),
            })],
            cuts: vec![3, 9],
            then: Then::Hold,
        })
    }

    fn has(script: &Script, wanted: impl Fn(&Op) -> bool) -> bool {
        script.cases.iter().flat_map(|case| &case.0).any(wanted)
    }

    /// A frame whose JSON holds a list within a list.
    fn nests(op: &Op) -> bool {
        fn nested(json: &Json) -> bool {
            match json {
                Json::List(items) => {
                    items.iter().any(|item| matches!(item, Json::List(_)) || nested(item))
                }
                Json::Object(members) => members.iter().any(|(_, value)| nested(value)),
                Json::Raw(_) | Json::Text(_) => false,
            }
        }
        matches!(op, Op::Frame(Frame { payload: Payload::Json(json), .. }) if nested(json))
    }

    fn busy_script() -> Script {
        let data = Json::Object(vec![
            ("a".into(), Json::Text("text".into())),
            ("b".into(), Json::List(vec![Json::raw("1"), Json::List(vec![Json::raw("2")])])),
        ]);
        let event = Json::Object(vec![("type".into(), Json::raw("1")), ("data".into(), data)]);
        let harmless = Case(vec![connection("/a", &["x: y"]), Op::AwaitCall]);
        let guilty = Case(vec![Op::AwaitCall, frame(event), Op::Cut, connection("/b", &[])]);
        let mut cases = vec![harmless; 20];
        cases.insert(13, guilty);
        Script::once(cases)
    }

    #[tokio::test]
    async fn one_guilty_member_among_many_cases_is_all_that_is_left() {
        let smallest = shrunk(busy_script(), |script| has(script, nests)).await;
        let list = Json::List(vec![Json::List(Vec::new())]);
        let mut expected = Frame::text(Payload::Json(list));
        expected.mask = Some([0; 4]);
        assert_eq!(smallest, Script::once(vec![Case(vec![Op::Frame(expected)])]));
    }

    #[tokio::test]
    async fn what_takes_a_sequence_stays_a_sequence() {
        let first = |op: &Op| matches!(op, Op::AwaitCall);
        let smallest = shrunk(busy_script(), |script| {
            let at = script.cases.iter().position(|case| case.0.iter().any(first));
            let then = script.cases.iter().rposition(|case| case.0.iter().any(nests));
            at.zip(then).is_some_and(|(at, then)| at < then)
        })
        .await;
        assert_eq!((smallest.cases.len(), smallest.len()), (2, 2));
    }

    #[tokio::test]
    async fn bytes_headers_and_numbers_go_down_to_what_is_needed() {
        let request = |script: &Script| match &script.cases[0].0[0] {
            Op::Connect(connection) => match &connection.messages[..] {
                [Message::Request(request)] => Some(request.clone()),
                _ => None,
            },
            _ => None,
        };
        let case = Case(vec![connection("/a/%zz/b", &["x: 1", "guilty: yes", "y: 2"])]);
        let smallest = shrunk(Script::once(vec![case]), |script| {
            request(script).is_some_and(|request| {
                let text =
                    |blob: &Blob| matches!(&blob.0[..], [Part::Text(text)] if text.contains("%z"));
                text(&request.line) && request.headers.contains(&"guilty: yes".into())
            })
        })
        .await;
        let Op::Connect(left) = &smallest.cases[0].0[0] else { panic!("{smallest:?}") };
        let request =
            Request { line: "%z".into(), headers: vec!["guilty: yes".into()], body: Body::None };
        let expected =
            Connection { messages: vec![Message::Request(request)], ..Connection::default() };
        assert_eq!(*left, expected);

        let long = Blob::of([Part::Text("--x=".into()), Part::Repeat("y".into(), 100_000)]);
        let start = Start { args: vec!["--a".into(), long.clone()], stdin: vec![long] };
        let smallest = shrunk(Script::once(vec![Case(vec![Op::Start(start)])]), |script| {
            has(script, |op| {
                let Op::Start(start) = op else { return false };
                start
                    .stdin
                    .iter()
                    .flat_map(|blob| &blob.0)
                    .any(|part| matches!(part, Part::Repeat(_, times) if *times > 65_535))
            })
        })
        .await;
        let expected =
            Start { args: Vec::new(), stdin: vec![Blob::of([Part::Repeat("y".into(), 65_536)])] };
        assert_eq!(smallest.cases[0].0[0], Op::Start(expected));
    }

    #[tokio::test]
    async fn time_that_is_up_leaves_what_was_found_so_far() {
        let script = busy_script();
        let mut trial = Asked { still: |script: &Script| has(script, nests), left: 3 };
        let left = shrink(script.clone(), &mut trial).await;
        assert!(left.len() < script.len() && has(&left, nests));
    }
}
