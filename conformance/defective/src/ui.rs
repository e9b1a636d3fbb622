//! The small user interface, from memory (UI-01 to UI-12, EP-46, EP-47).

use std::fmt::Write as _;
use std::io;
use std::sync::LazyLock;

use sha1::{Digest as _, Sha1};

use crate::http::{Answered, Exchange, Reply};
use crate::manifest::NAME;

const SCRIPT: &str = include_str!("../ui/app.js");
const STYLE: &str = include_str!("../ui/style.css");
const PAGE: &str = include_str!("../ui/index.html");

const NO_CACHE: &str = "no-cache";
const FOR_EVER: &str = "public, max-age=31536000, immutable";

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
    let page = PAGE.replace("{name}", NAME).replace("{script}", &script);
    vec![
        file("index.html", "text/html; charset=utf-8", NO_CACHE, page),
        file(&script, "text/javascript; charset=utf-8", FOR_EVER, SCRIPT.to_owned()),
        file("style.css", "text/css; charset=utf-8", "no-cache", STYLE.to_owned()),
    ]
});

/// Answers a request for `/ui`, with an empty `path`, or below it.
pub(crate) async fn answer(exchange: &mut Exchange<'_>, path: &str) -> io::Result<Answered> {
    if !matches!(exchange.request.method.as_str(), "GET" | "HEAD") {
        return exchange.answer(Reply::text(405, "GET and HEAD only")).await;
    }
    let Some(path) = path.strip_prefix("/ui/") else {
        return exchange.answer(Reply::text(308, "ui/").header("location", "ui/")).await;
    };
    let file = find(path).unwrap_or_else(|| Reply::text(404, "no such file"));
    exchange.answer(file).await
}

/// The file at a path of the bundle, or `index.html` where a client-side route may be.
fn find(path: &str) -> Option<Reply> {
    let exact = BUNDLE.iter().find(|file| file.path == path);
    let extension = path.rsplit('/').next().is_some_and(|last| last.contains('.'));
    let file = match exact {
        Some(file) => file,
        None if extension => return None,
        None => BUNDLE.first()?,
    };
    let reply = Reply::new(200, file.content.clone());
    Some(reply.header("content-type", file.kind).header("cache-control", file.cache))
}
