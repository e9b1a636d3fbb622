//! The requests profile: whether the plugin's own `OpenAPI` document is true.

use super::http::NOWHERE;
use super::prelude::*;
use crate::requests::expect::{excerpt, is_json};
use crate::requests::openapi::{Document, Operation};
use crate::requests::session::{Findings, Session};

/// A type of content that no route takes, for operations that are not to do anything.
const NO_TYPE: &str = "application/x-conformance";

/// A request that one of the documented operations is about, and its answer.
struct Asked<'a> {
    operation: &'a Operation,
    /// What was sent, in words.
    what: String,
    /// Whether the author wrote the request, who may ask for what does not exist.
    is_sample: bool,
    answer: Result<Response, Stop>,
}

/// What was asked, and what was not with the reason.
struct Tour<'a> {
    asked: Vec<Asked<'a>>,
    left_out: Vec<(String, String)>,
}

fn document(cx: &Cx) -> Result<Document, Stop> {
    match &cx.ready_value()["openapi"] {
        Value::Null => Err(Stop::skip("the plugin sends no `openapi`")),
        root => Document::read(root).map_err(|seen| Stop::failed("a document of OpenAPI 3", seen)),
    }
}

/// Requests each `GET` operation that can be requested, then makes the sample requests.
async fn tour<'a>(session: &Session, document: &'a Document) -> Result<Tour<'a>, Stop> {
    let mut tour = Tour { asked: Vec::new(), left_out: Vec::new() };
    for operation in document.operations.iter().filter(|operation| operation.method == "GET") {
        match request(session, operation) {
            Ok(request) => tour.asked.push(Asked {
                operation,
                what: request.to_string(),
                is_sample: false,
                answer: session.plugin().send(request).await,
            }),
            Err(reason) => tour.left_out.push((operation.to_string(), reason)),
        }
    }
    for sample in session.samples().unwrap_or_default() {
        let answer = session.ask(&sample.value).await;
        let found = document.operation(&sample.value.method, &sample.value.path);
        if let Some(operation) = found {
            let what = session.config().label(sample);
            tour.asked.push(Asked { operation, what, is_sample: true, answer });
        }
    }
    Ok(tour)
}

/// A request for an operation, or the reason why none can be made.
fn request(session: &Session, operation: &Operation) -> Result<Request, String> {
    let settings = &session.config().openapi;
    let named = operation.to_string();
    if let Some(skipped) = settings.skip.iter().find(|skipped| skipped.operation == named) {
        return Err(format!("conformance.toml leaves it out: {}", skipped.reason));
    }
    if let Some(reason) = operation.endless() {
        return Err(reason.to_owned());
    }
    let target = operation.target.as_ref().map_err(Clone::clone)?;
    let mut request = session.proxied(Request::new(&operation.method, target));
    for (name, value) in &operation.headers {
        request = request.header(name, value);
    }
    Ok(match session.identity(settings.caller.get_ref()) {
        Some(identity) => request.identity(identity),
        None => request,
    })
}

impl Tour<'_> {
    fn findings(
        self,
        judge: impl Fn(&Asked<'_>, &Response) -> Result<String, Stop>,
    ) -> Result<Findings, Stop> {
        let mut findings = Findings::default();
        for asked in self.asked {
            let what = format!("{} by {}", asked.operation, asked.what);
            match &asked.answer {
                Ok(response) => findings.note(&what, judge(&asked, response))?,
                Err(stop) => findings.note(&what, Err(stop.clone()))?,
            }
        }
        for (operation, reason) in self.left_out {
            findings.note(&operation, Err(Stop::skip(reason)))?;
        }
        Ok(findings)
    }
}

async fn routes(cx: Cx) -> Verdict {
    let document = document(&cx)?;
    let session = Session::start(&cx).await?;
    let mut tour = tour(&session, &document).await?;
    for operation in document.operations.iter().filter(|operation| operation.method != "GET") {
        if tour.asked.iter().any(|asked| std::ptr::eq(asked.operation, operation)) {
            continue;
        }
        // Without a body, or with one that is taken, the operation would do what it is there for.
        let request = match request(&session, operation) {
            Ok(request) if operation.needs_body => {
                request.header("content-type", NO_TYPE).body("x")
            }
            Ok(_) => {
                let reason = "it might do something, and no [[request]] asks for it";
                tour.left_out.push((operation.to_string(), reason.to_owned()));
                continue;
            }
            Err(reason) => {
                tour.left_out.push((operation.to_string(), reason));
                continue;
            }
        };
        let what = format!("{request} with a body of a type that no route takes");
        let answer = session.plugin().send(request).await;
        tour.asked.push(Asked { operation, what, is_sample: false, answer });
    }
    let nowhere = session.plugin().send(session.proxied(Request::get(NOWHERE))).await?;
    let mut findings = tour.findings(|asked, response| is_routed(asked, response, &nowhere))?;
    for skipped in &session.config().openapi.skip {
        if !document.operations.iter().any(|operation| operation.to_string() == skipped.operation) {
            let what = format!("[openapi] skip of {:?}", skipped.operation);
            let known: Vec<_> = document.operations.iter().map(ToString::to_string).collect();
            let expected = "an operation of the document";
            findings.note(&what, Err(Stop::failed(expected, known.join(", "))))?;
        }
    }
    findings.verdict("each documented operation has a route")
}

/// Whether an answer comes from a route, as far as can be told.
fn is_routed(asked: &Asked<'_>, response: &Response, nowhere: &Response) -> Result<String, Stop> {
    let status = response.status;
    let documented = asked.operation.response(status).is_some();
    match status {
        405 if !documented => Err(Stop::failed("a route with this method", "405")),
        404 if !documented && !asked.is_sample => Err(Stop::failed("a route", "404")),
        404 if same_answer(response, nowhere) && response.body.is_empty() => Err(Stop::skip(
            "an empty 404, which can't be told from that of a route that does not exist",
        )),
        404 if same_answer(response, nowhere) => {
            Err(Stop::failed("a route", "404, as for a path that does not exist"))
        }
        _ => Ok(status.to_string()),
    }
}

/// Whether two answers are the same, as those of a router to paths that it does not know.
fn same_answer(a: &Response, b: &Response) -> bool {
    a.status == b.status && a.header("content-type") == b.header("content-type") && a.body == b.body
}

async fn statuses(cx: Cx) -> Verdict {
    let document = document(&cx)?;
    let session = Session::start(&cx).await?;
    let findings = tour(&session, &document).await?.findings(|asked, response| {
        let documented = asked.operation.response(response.status).is_some();
        let expected = format!("one of the documented answers: {}", asked.operation.statuses());
        let seen = || format!("{}: {}", response.status, excerpt(response));
        ensure(documented, expected, seen)?;
        Ok(format!("{} is documented", response.status))
    })?;
    findings.verdict("each documented operation answers with a status that is documented")
}

async fn schemas(cx: Cx) -> Verdict {
    let document = document(&cx)?;
    let session = Session::start(&cx).await?;
    let findings = tour(&session, &document).await?.findings(|asked, response| {
        if !is_json(&response.header("content-type")) {
            return Err(Stop::skip("its answer is no JSON"));
        }
        let Some(schema) = document.schema(asked.operation, response.status) else {
            return Err(Stop::skip(format!("no JSON Schema for its {}", response.status)));
        };
        follows(&schema, response)
    })?;
    findings.verdict("each answer follows the schema that the document gives for it")
}

fn follows(schema: &Value, response: &Response) -> Result<String, Stop> {
    let validator = jsonschema::validator_for(schema)
        .map_err(|error| Stop::failed("a JSON Schema in the document", error.to_string()))?;
    let answer: Value = serde_json::from_slice(&response.body)
        .map_err(|error| Stop::failed("JSON", format!("{error} in {}", excerpt(response))))?;
    let faults: Vec<_> = validator
        .iter_errors(&answer)
        .map(|error| format!("{error} at {:?}", error.instance_path().to_string()))
        .collect();
    let expected = format!("what the document says of {}", response.status);
    ensure(faults.is_empty(), expected, || faults.join("; "))?;
    Ok(format!("its {} follows the schema", response.status))
}

/// The table.
pub const CHECKS: &[Check] = &[
    Check::promise(
        "requests/openapi-routes",
        "each operation of the plugin's OpenAPI document has a route",
        &["HS-40"],
        |cx| Box::pin(routes(cx)),
    ),
    Check::promise(
        "requests/openapi-statuses",
        "each operation answers with a status that its document lists",
        &["HS-40"],
        |cx| Box::pin(statuses(cx)),
    ),
    Check::promise(
        "requests/openapi-schemas",
        "each answer follows the schema that the document gives for it",
        &["HS-40"],
        |cx| Box::pin(schemas(cx)),
    ),
];
