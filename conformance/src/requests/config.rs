//! Reading `conformance.toml` and judging what the shape alone does not say. Everything that is wrong
//! is found before a plugin is started, and told with its line.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};

use serde_json::Value;
use temps_plugin_host::{Identity, MemoryPlatform};
use temps_plugin_schema::calls::Method;
use temps_plugin_schema::channel::{ErrorBody, ErrorCode};
use temps_plugin_schema::http::{Role, header, path};
use temps_plugin_schema::manifest::HostPermission;
use temps_plugin_schema::{Dialect, EventPattern};
use toml::Spanned;

use super::file::{Expected, ExpectedCall, File, OpenApiUse, Sample, SampleCaller, SampleEvent};
use super::platform;

/// A caller who is not signed in.
pub const ANONYMOUS: &str = "anonymous";
/// How toml hands a date to a type that knows none.
const TOML_DATE: &str = "$__toml_private_datetime";

/// Why a file can't be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// It can't be read.
    #[error("{}: {source}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is no TOML, or has members or values that are not known.
    #[error("{}: {message}", .path.display())]
    Shape {
        /// The file.
        path: PathBuf,
        /// Where and why, over several lines.
        message: String,
    },
    /// Its values do not go together.
    #[error("{}", .0.join("\n"))]
    Values(Vec<String>),
}

/// Something out of the file, with the line where it begins.
#[derive(Debug, Clone)]
pub struct Placed<T> {
    /// The line, counted from 1.
    pub line: usize,
    /// What stands there.
    pub value: T,
}

/// A file that was found to be sound.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// The file's name, as it is told in reports.
    name: String,
    /// The sample requests, in their order.
    pub requests: Vec<Placed<Sample>>,
    /// The sample events, in their order.
    pub events: Vec<Placed<SampleEvent>>,
    /// How the `OpenAPI` document is used.
    pub openapi: OpenApiUse,
    callers: BTreeMap<String, Identity>,
    file: File,
}

impl Config {
    /// Reads and judges a file.
    ///
    /// # Errors
    /// When there is none, or anything in it is wrong; all wrong values are named at once.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        Self::parse(path, &text)
    }

    /// Judges the text of a file. `path` is what errors and reports call it.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let file: File = toml::from_str(text).map_err(|error| ConfigError::Shape {
            path: path.to_owned(),
            message: error.to_string().trim_end().to_owned(),
        })?;
        let mut problems = Problems::new(path, text);
        let callers = callers(&file, &mut problems);
        judge_requests(&file, &callers, &mut problems);
        judge_events(&file, &mut problems);
        judge_platform(&file, &mut problems);
        let asks = &file.openapi.caller;
        judge_caller(asks.get_ref(), &callers, problems.line(asks), "[openapi]", &mut problems);
        platform::build(&file.platform, &mut problems);
        let config = Self {
            name: path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned(),
            requests: file.request.iter().map(|sample| problems.place(sample)).collect(),
            events: file.event.iter().map(|event| problems.place(event)).collect(),
            openapi: file.openapi.clone(),
            callers,
            file,
        };
        problems.none().map(|()| config)
    }

    /// How a sample is called in reports: its name and its place.
    #[must_use]
    pub fn label<T: Named>(&self, sample: &Placed<T>) -> String {
        format!("{:?} ({}:{})", sample.value.name(), self.name, sample.line)
    }

    /// The file's name, without its directory.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Who `as = "…"` is; none for nobody.
    #[must_use]
    pub fn caller(&self, name: &str) -> Option<Identity> {
        self.callers.get(name).cloned().or_else(|| role_caller(name))
    }

    /// The request with this name.
    #[must_use]
    pub fn request(&self, name: &str) -> Option<&Placed<Sample>> {
        self.requests.iter().find(|sample| sample.value.name == name)
    }

    /// A fresh platform as the file describes it.
    #[must_use]
    pub fn platform(&self) -> MemoryPlatform {
        // What could be wrong with it was found when the file was judged.
        platform::build(&self.file.platform, &mut Problems::new(Path::new(&self.name), ""))
    }
}

impl Config {
    /// Takes back what a request had refused: the method is answered again, or refused as at all other
    /// times.
    pub(super) fn restore(&self, platform: &MemoryPlatform, method: Method) {
        let mut errors = self.file.platform.error.iter().map(Spanned::get_ref);
        match errors.rfind(|error| error.method == method) {
            Some(error) => {
                platform.refuse(method, ErrorBody::new(error.code.clone(), &*error.message));
            }
            None => platform.accept(method),
        }
    }
}

/// What has a name in the file.
pub trait Named {
    /// That name.
    fn name(&self) -> &str;
}

impl Named for Sample {
    fn name(&self) -> &str {
        &self.name
    }
}

impl Named for SampleEvent {
    fn name(&self) -> &str {
        &self.name
    }
}

/// Whether something is made in `dialect`.
#[must_use]
pub fn in_dialect(only: Option<Dialect>, dialect: Dialect) -> bool {
    only.is_none_or(|only| only == dialect)
}

/// What is wrong with a file so far, each with its line.
pub(super) struct Problems<'a> {
    path: &'a Path,
    text: &'a str,
    found: Vec<String>,
}

impl<'a> Problems<'a> {
    fn new(path: &'a Path, text: &'a str) -> Self {
        Self { path, text, found: Vec::new() }
    }

    fn line<T>(&self, spanned: &Spanned<T>) -> usize {
        let before = self.text.as_bytes().get(..spanned.span().start).unwrap_or_default();
        before.iter().filter(|byte| **byte == b'\n').count() + 1
    }

    fn place<T: Clone>(&self, spanned: &Spanned<T>) -> Placed<T> {
        Placed { line: self.line(spanned), value: spanned.get_ref().clone() }
    }

    fn add(&mut self, line: usize, text: impl fmt::Display) {
        self.found.push(format!("{}:{line}: {text}", self.path.display()));
    }

    /// Keeps what is right, and notes why the rest is not.
    pub(super) fn keep<T, U>(
        &mut self,
        at: &Spanned<T>,
        what: &str,
        outcome: Result<U, String>,
    ) -> Option<U> {
        outcome.map_err(|reason| self.add(self.line(at), format!("[[{what}]]: {reason}"))).ok()
    }

    fn none(self) -> Result<(), ConfigError> {
        if self.found.is_empty() { Ok(()) } else { Err(ConfigError::Values(self.found)) }
    }
}

/// A caller who has no more to say than a role.
fn role_caller(role: &str) -> Option<Identity> {
    let known = Role::from(role);
    known.is_known().then(|| Identity::new("7", format!("{role}@example.org"), known))
}

fn callers(file: &File, problems: &mut Problems<'_>) -> BTreeMap<String, Identity> {
    let mut callers = BTreeMap::new();
    for (name, spanned) in &file.callers {
        let line = problems.line(spanned);
        let SampleCaller { id, email, role, permissions } = spanned.get_ref();
        if name == ANONYMOUS || role_caller(name).is_some() {
            problems
                .add(line, format!("[callers.{name}]: {name:?} is taken: it is a role or nobody"));
        }
        let known = Role::from(role.as_str());
        if !known.is_known() {
            let allowed = Role::KNOWN.join(", ");
            problems
                .add(line, format!("[callers.{name}]: {role:?} is no role; there are {allowed}"));
        }
        for text in [id, email].into_iter().chain(permissions) {
            if http::HeaderValue::from_str(text).is_err() || text.trim().is_empty() {
                problems.add(line, format!("[callers.{name}]: {text:?} can't stand in a header"));
            }
        }
        let identity = Identity::new(id.as_str(), email.as_str(), known);
        callers.insert(name.clone(), identity.permissions(permissions.iter().cloned()));
    }
    callers
}

fn judge_caller(
    name: &str,
    callers: &BTreeMap<String, Identity>,
    line: usize,
    who: &str,
    problems: &mut Problems<'_>,
) {
    if name == ANONYMOUS || callers.contains_key(name) || role_caller(name).is_some() {
        return;
    }
    let own: Vec<_> = callers.keys().map(String::as_str).collect();
    let allowed = [Role::KNOWN, &[ANONYMOUS], &own].concat().join(", ");
    problems.add(line, format!("{who}: as = {name:?} is nobody; there are {allowed}"));
}

fn judge_requests(file: &File, callers: &BTreeMap<String, Identity>, problems: &mut Problems<'_>) {
    let mut names = BTreeSet::new();
    for spanned in &file.request {
        let (line, sample) = (problems.line(spanned), spanned.get_ref());
        let who = format!("request {:?}", sample.name);
        if sample.name.trim().is_empty() || !names.insert(&sample.name) {
            problems.add(line, format!("{who}: a name that is empty or taken"));
        }
        judge_caller(&sample.caller, callers, line, &who, problems);
        for reason in faults(sample) {
            problems.add(line, format!("{who}: {reason}"));
        }
        judge_limit(sample.within, line, &who, problems);
        judge_expected(&sample.expect, line, &who, problems);
    }
}

/// What is wrong with a request apart from what others share with it.
fn faults(sample: &Sample) -> Vec<String> {
    let mut faults = Vec::new();
    if http::Method::from_bytes(sample.method.as_bytes()).is_err() {
        faults.push(format!("{:?} is no HTTP method", sample.method));
    }
    let visible = sample.path.bytes().all(|byte| byte.is_ascii_graphic());
    if !sample.path.starts_with('/') || !visible || sample.path.contains(['?', '#']) {
        faults.push(format!(
            "path {:?}: a path begins with / and has visible ASCII characters only, others \
             percent-encoded; a query is given as `query`",
            sample.path
        ));
    }
    for reserved in [path::RESERVED, path::EVENTS] {
        if path::is_under(&sample.path, reserved) {
            faults.push(format!(
                "path {:?}: a host passes no caller's request to {reserved} (PX-23); events are \
                 given as [[event]]",
                sample.path
            ));
        }
    }
    let visible = |query: &String| query.bytes().all(|b| b.is_ascii_graphic() && b != b'#');
    if let Some(query) = sample.query.as_ref().filter(|query| !visible(query)) {
        faults.push(format!("query {query:?}: visible ASCII characters only, without #"));
    }
    for (name, value) in &sample.headers {
        let lower = name.to_ascii_lowercase();
        if http::HeaderName::from_bytes(name.as_bytes()).is_err()
            || http::HeaderValue::from_str(value).is_err()
        {
            faults.push(format!("header {name:?}: this is no header of HTTP"));
        } else if lower.starts_with(header::PREFIX) || header::STRIPPED.contains(&lower.as_str()) {
            faults.push(format!(
                "header {name:?}: a host removes it from a caller's request (PX-09 to PX-12); \
                 `as` says who asks"
            ));
        }
    }
    if sample.json.is_some() && sample.body.is_some() {
        faults.push("`json` and `body` are both given; a request has one body".to_owned());
    }
    if sample.json.as_ref().is_some_and(has_date) {
        faults.push(DATE_IN_JSON.to_owned());
    }
    if sample.private && sample.caller == ANONYMOUS {
        faults.push("`private` asks for a signed-in caller, and `as` is \"anonymous\"".to_owned());
    }
    if sample.private && [401, 403].into_iter().any(|status| sample.expect.status.contain(status)) {
        faults.push(
            "`private` compares callers who are refused with one who is let in, and this one gets \
             401 or 403"
                .to_owned(),
        );
    }
    for code in sample.refuse.values().filter(|code| !code.is_known()) {
        faults.push(unknown_code(code));
    }
    faults
}

fn unknown_code(code: &ErrorCode) -> String {
    let allowed = ErrorCode::KNOWN.join(", ");
    format!("{:?} is no error code; there are {allowed}", code.as_str())
}

const DATE_IN_JSON: &str = "JSON has no dates; put this one in quotes";

fn has_date(value: &Value) -> bool {
    match value {
        Value::Object(members) => members.contains_key(TOML_DATE) || members.values().any(has_date),
        Value::Array(elements) => elements.iter().any(has_date),
        _ => false,
    }
}

fn judge_limit(within: f64, line: usize, who: &str, problems: &mut Problems<'_>) {
    if !(0.1..=600.0).contains(&within) {
        problems.add(line, format!("{who}: within = {within}: 0.1 to 600 seconds are allowed"));
    }
}

fn judge_expected(expected: &Expected, line: usize, who: &str, problems: &mut Problems<'_>) {
    for name in expected.headers.keys() {
        if http::HeaderName::from_bytes(name.as_bytes()).is_err() {
            problems.add(line, format!("{who}: {name:?} is no header name"));
        }
    }
    for pointer in expected.absent.iter().filter(|pointer| !pointer.starts_with('/')) {
        problems.add(line, format!("{who}: {pointer:?}: a JSON Pointer begins with /"));
    }
    if [&expected.json, &expected.json_equals].into_iter().flatten().any(has_date) {
        problems.add(line, format!("{who}: {DATE_IN_JSON}"));
    }
    judge_calls(&expected.calls, line, who, problems);
}

fn judge_calls(calls: &[ExpectedCall], line: usize, who: &str, problems: &mut Problems<'_>) {
    for call in calls {
        if call.params.values().any(has_date) {
            problems.add(line, format!("{who}: {DATE_IN_JSON}"));
        }
        if call.params.contains_key("actor") {
            problems.add(line, format!("{who}: the actor of a call is never told to anybody"));
        }
    }
}

fn judge_events(file: &File, problems: &mut Problems<'_>) {
    let requests: BTreeSet<_> = file.request.iter().map(|r| r.get_ref().name.as_str()).collect();
    let mut names = BTreeSet::new();
    for spanned in &file.event {
        let (line, event) = (problems.line(spanned), spanned.get_ref());
        let who = format!("event {:?}", event.name);
        if event.name.trim().is_empty() || !names.insert(&event.name) {
            problems.add(line, format!("{who}: a name that is empty or taken"));
        }
        let exact = event
            .event_type
            .parse()
            .is_ok_and(|pattern: EventPattern| matches!(pattern, EventPattern::Exact(_)));
        if !exact {
            problems.add(line, format!(
                "{who}: type {:?}: words of a-z, 0-9, _ and - joined by single dots are allowed",
                event.event_type
            ));
        }
        if event.calls.is_empty() && event.then.is_empty() && event.logs.0.is_empty() {
            problems.add(
                line,
                format!("{who}: none of `calls`, `then` and `logs`: nothing would be seen"),
            );
        }
        if has_date(&Value::Object(event.data.clone())) {
            problems.add(line, format!("{who}: {DATE_IN_JSON}"));
        }
        judge_limit(event.within, line, &who, problems);
        judge_calls(&event.calls, line, &who, problems);
        let named = event.after.iter().chain(event.then.iter().map(|then| &then.request));
        for name in named.filter(|name| !requests.contains(name.as_str())) {
            problems.add(line, format!("{who}: there is no [[request]] named {name:?}"));
        }
        for then in &event.then {
            judge_expected(&then.expect, line, &who, problems);
        }
    }
}

fn judge_platform(file: &File, problems: &mut Problems<'_>) {
    for spanned in &file.platform.error {
        let (line, error) = (problems.line(spanned), spanned.get_ref());
        if !error.code.is_known() {
            problems.add(line, format!("[[platform.error]]: {}", unknown_code(&error.code)));
        }
    }
    for spanned in file.platform.permissions.iter().flatten() {
        let (line, name) = (problems.line(spanned), spanned.get_ref());
        if !name.is_known() {
            let allowed = HostPermission::KNOWN.join(", ");
            let name = name.as_str();
            let text = format!("[platform]: {name:?} is no host permission; there are {allowed}");
            problems.add(line, text);
        }
    }
    for answer in &file.platform.api {
        let (line, answer) = (problems.line(answer), answer.get_ref());
        if !(100..=599).contains(&answer.status) {
            problems.add(line, format!("[[platform.api]]: {} is no status", answer.status));
        }
        if !answer.path.starts_with('/') {
            problems
                .add(line, format!("[[platform.api]]: path {:?} begins with no /", answer.path));
        }
        if answer.json.as_ref().is_some_and(has_date) {
            problems.add(line, format!("[[platform.api]]: {DATE_IN_JSON}"));
        }
    }
}
