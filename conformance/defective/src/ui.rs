//! The small user interface, from memory (UI-01 to UI-12, EP-46, EP-47).

use std::fmt::Write as _;
use std::io;
use std::path::Path;
use std::sync::LazyLock;

use percent_encoding::percent_decode_str;
use sha1::{Digest as _, Sha1};

use crate::defects::{everything_http, ui as wrong};
use crate::http::{Answered, Exchange, Reply};
use crate::manifest::NAME;

const SCRIPT: &str = include_str!("../ui/app.js");
const STYLE: &str = include_str!("../ui/style.css");
const PAGE: &str = include_str!("../ui/index.html");

const NO_CACHE: &str = "no-cache";
const FOR_EVER: &str = "public, max-age=31536000, immutable";
const FOR_AN_HOUR: &str = "max-age=3600";
/// Where the bundle would be, were it in the file system. It needs to be there, and nothing else.
const DIRECTORY: &str = "/usr/share";

/// A file of the bundle.
struct File {
    path: String,
    kind: &'static str,
    cache: &'static str,
    content: String,
}

/// The bundle; `index.html` stands first.
static BUNDLE: LazyLock<Vec<File>> = LazyLock::new(|| {
    let digest = Sha1::digest(SCRIPT);
    let hash = digest[..4].iter().fold(String::new(), |mut text, byte| {
        // Writing into a text does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    });
    let script = format!("assets/app-{hash}.js");
    let file =
        |path: &str, kind, cache, content| File { path: path.to_owned(), kind, cache, content };
    let name = if everything_http::PAGE_WITHOUT_NAME.active() { "A plugin" } else { NAME };
    let mut page = PAGE.replace("{name}", name).replace("{script}", &script);
    if wrong::REFERENCES_FROM_ROOT.active() {
        page = page.replace("href=\"", "href=\"/").replace("src=\"", "src=\"/");
    }
    let either = |wrong: bool, then: &'static str, otherwise| if wrong { then } else { otherwise };
    let page_kind = "text/html; charset=utf-8";
    let page_kind =
        either(wrong::INDEX_WITHOUT_TYPE.active(), "application/octet-stream", page_kind);
    let script_kind = "text/javascript; charset=utf-8";
    let script_kind = either(wrong::SCRIPT_AS_TEXT.active(), "text/plain", script_kind);
    let script_cache = either(wrong::HASHED_NOT_CACHED.active(), NO_CACHE, FOR_EVER);
    let style_cache = either(wrong::ALL_IMMUTABLE.active(), FOR_EVER, NO_CACHE);
    let mut files = vec![
        file("index.html", page_kind, NO_CACHE, page),
        file(&script, script_kind, script_cache, SCRIPT.to_owned()),
    ];
    if !wrong::STYLE_MISSING.active() {
        files.push(file("style.css", "text/css; charset=utf-8", style_cache, STYLE.to_owned()));
    }
    files
});

/// Answers a request for `/ui`, with an empty `path`, or below it.
pub(crate) async fn answer(exchange: &mut Exchange<'_>, path: &str) -> io::Result<Answered> {
    let method = exchange.request.method.as_str();
    if !matches!(method, "GET" | "HEAD") || (method == "HEAD" && wrong::HEAD_IS_405.active()) {
        return exchange.answer(Reply::text(405, "GET and HEAD only")).await;
    }
    let Some(path) =
        path.strip_prefix("/ui/").or_else(|| wrong::NO_REDIRECT.active().then_some(""))
    else {
        let location = if wrong::REDIRECT_FROM_ROOT.active() { "/ui/" } else { "ui/" };
        return exchange.answer(Reply::text(308, location).header("location", location)).await;
    };
    let file = outside(path).or_else(|| find(path, exchange.request.query()));
    exchange.answer(file.unwrap_or_else(|| Reply::text(404, "no such file"))).await
}

/// The file at a path of the bundle, or `index.html` where a client-side route may be.
fn find(path: &str, query: Option<&str>) -> Option<Reply> {
    if wrong::PROMISED.active() {
        return None;
    }
    let exact = BUNDLE.iter().find(|file| file.path == path);
    let is_page = path.is_empty() || path == "index.html";
    let extension = path.rsplit('/').next().is_some_and(|last| last.contains('.'))
        || (wrong::EXTENSION_IN_QUERY.active() && query.is_some_and(|query| query.contains('.')));
    let file = match exact {
        Some(file) => file,
        None if extension && !wrong::MISSING_IS_INDEX.active() => return None,
        None if !is_page && wrong::NO_FALLBACK.active() => return None,
        None => BUNDLE.first()?,
    };
    let is_cached = match is_page {
        true => wrong::INDEX_CACHED.active(),
        false => exact.is_none() && wrong::FALLBACK_CACHED.active(),
    };
    let cache = if is_cached { FOR_AN_HOUR } else { file.cache };
    let reply = Reply::new(200, file.content.clone());
    Some(reply.header("content-type", file.kind).header("cache-control", cache))
}

/// The file that a defect finds by a path that leads out of a directory (UI-10).
fn outside(path: &str) -> Option<Reply> {
    let climbs = |path: &str| path.split('/').any(|segment| segment == "..");
    let decoded = |path: &str| percent_decode_str(path).decode_utf8_lossy().into_owned();
    let found = if wrong::WAY_UP.active() {
        path.trim_start_matches('/').to_owned()
    } else if wrong::WAY_UP_ENCODED.active() && !climbs(path) {
        decoded(path).trim_start_matches('/').to_owned()
    } else if wrong::WAY_UP_TWICE_ENCODED.active() && !climbs(&decoded(path)) {
        decoded(&decoded(path)).trim_start_matches('/').to_owned()
    } else if wrong::WAY_FROM_ROOT.active() && !climbs(path) {
        path.to_owned()
    } else {
        return None;
    };
    let content = std::fs::read(Path::new(DIRECTORY).join(found)).ok()?;
    Some(Reply::new(200, content).header("content-type", "application/octet-stream"))
}
