//! Serving a user interface from memory (PROTOCOL.md, section "User interface").

use std::collections::HashMap;
use std::io::Read;
use std::path::{Component, Path, PathBuf};

use axum::body::Body;
use bytes::Bytes;
use flate2::read::GzDecoder;
use http::{HeaderValue, Method, Response, StatusCode, header};
use include_dir::Dir;
use percent_encoding::percent_decode_str;
use temps_plugin_schema::http::path;

use crate::server::problem::{method_not_allowed, problem};
use crate::{ErrorKind, PluginSdkError};

const INDEX: &str = "index.html";
const NO_CACHE: HeaderValue = HeaderValue::from_static("no-cache");
const IMMUTABLE: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
/// Largest bundle, unpacked: a small archive must not fill the memory.
const BUNDLE_BYTES: u64 = 256 * 1024 * 1024;
/// Fewest characters of the part of a file name that makes it a hashed asset.
const HASH_CHARS: usize = 8;

/// A user interface: an `include_dir!` directory, the bytes of a `.tar.gz`, or a folder.
///
/// `index.html` must be at its top. It is served with `no-cache`, files with a hash in their name
/// (`app-4f9a1c3e.js`) as immutable, and a path without file and without extension as `index.html`.
///
/// ```
/// use temps_plugin_sdk::UiAssets;
///
/// # let archive: &'static [u8] = b"";
/// let from_archive: UiAssets = archive.into(); // archive: include_bytes!("../ui.tar.gz")
/// # let _ = from_archive;
/// ```
#[derive(Debug, Clone)]
pub struct UiAssets(Source);

#[derive(Debug, Clone)]
enum Source {
    Directory(&'static Dir<'static>),
    Archive(Bytes),
    Folder(PathBuf),
}

impl From<&'static Dir<'static>> for UiAssets {
    fn from(directory: &'static Dir<'static>) -> Self {
        Self(Source::Directory(directory))
    }
}

impl From<&'static [u8]> for UiAssets {
    fn from(tar_gz: &'static [u8]) -> Self {
        Self(Source::Archive(Bytes::from_static(tar_gz)))
    }
}

impl From<Vec<u8>> for UiAssets {
    fn from(tar_gz: Vec<u8>) -> Self {
        Self(Source::Archive(tar_gz.into()))
    }
}

impl UiAssets {
    /// A folder of the file system, read whole when the plugin starts.
    pub fn folder(path: impl Into<PathBuf>) -> Self {
        Self(Source::Folder(path.into()))
    }

    /// Reads the bundle into the form it is served from.
    pub(crate) fn open(self) -> Result<UiBundle, PluginSdkError> {
        let mut files = HashMap::new();
        match self.0 {
            Source::Directory(directory) => add_directory(&mut files, directory),
            Source::Archive(bytes) => add_archive(&mut files, &bytes).map_err(|error| {
                let message = format!("ui_assets() is no readable .tar.gz: {error}");
                PluginSdkError::new(ErrorKind::Ui, message).with_source(error)
            })?,
            Source::Folder(folder) => add_folder(&mut files, &folder, "").map_err(|error| {
                let message =
                    format!("the UI folder {} is not readable: {error}", folder.display());
                PluginSdkError::new(ErrorKind::Ui, message).with_source(error)
            })?,
        }
        if !files.contains_key(INDEX) {
            return Err(PluginSdkError::new(
                ErrorKind::Ui,
                format!(
                    "the UI has no {INDEX} at its top ({} files); build the UI first, or give the \
                     folder that holds {INDEX}",
                    files.len()
                ),
            ));
        }
        Ok(UiBundle { files })
    }
}

fn add_directory(files: &mut HashMap<String, Asset>, directory: &'static Dir<'static>) {
    for file in directory.files() {
        if let Some(name) = file.path().to_str() {
            let content = Bytes::from_static(file.contents());
            files.insert(name.to_owned(), Asset::new(name, content));
        }
    }
    for inner in directory.dirs() {
        add_directory(files, inner);
    }
}

fn add_archive(files: &mut HashMap<String, Asset>, bytes: &[u8]) -> std::io::Result<()> {
    let unpacked = GzDecoder::new(bytes).take(BUNDLE_BYTES);
    let mut archive = tar::Archive::new(unpacked);
    for entry in archive.entries()? {
        let mut entry = entry?;
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let Some(name) = plain_name(&entry.path()?) else {
            continue;
        };
        let mut content = Vec::new();
        entry.read_to_end(&mut content)?;
        files.insert(name.clone(), Asset::new(&name, content.into()));
    }
    Ok(())
}

/// Adds what is below `folder`; `prefix` is its place in the bundle, ending in `/` unless empty.
fn add_folder(
    files: &mut HashMap<String, Asset>,
    folder: &Path,
    prefix: &str,
) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        let (path, name) = (entry.path(), format!("{prefix}{name}"));
        // Links are followed: build tools make them.
        if std::fs::metadata(&path)?.is_dir() {
            add_folder(files, &path, &format!("{name}/"))?;
        } else {
            let content = std::fs::read(&path)?;
            files.insert(name.clone(), Asset::new(&name, content.into()));
        }
    }
    Ok(())
}

/// A path of ordinary components, `./` taken off; `None` for one that climbs or starts at the root.
fn plain_name(path: &Path) -> Option<String> {
    let mut parts = Vec::new();
    for component in path.components() {
        match component {
            Component::Normal(part) => parts.push(part.to_str()?),
            Component::CurDir => {}
            _ => return None,
        }
    }
    Some(parts.join("/"))
}

/// A bundle ready to serve: requests look files up by name, and nothing but the bundle is in reach.
#[derive(Debug)]
pub(crate) struct UiBundle {
    files: HashMap<String, Asset>,
}

#[derive(Debug)]
struct Asset {
    content: Bytes,
    content_type: HeaderValue,
    cache_control: HeaderValue,
}

impl Asset {
    fn new(name: &str, content: Bytes) -> Self {
        let guess = mime_guess::from_path(name).first_or_octet_stream();
        let text = match guess.essence_str() {
            essence if guess.type_() == "text" => format!("{essence}; charset=utf-8"),
            essence => essence.to_owned(),
        };
        let content_type = HeaderValue::from_str(&text)
            .unwrap_or(HeaderValue::from_static("application/octet-stream"));
        let cache_control = if is_hashed(name) { IMMUTABLE } else { NO_CACHE };
        Self { content, content_type, cache_control }
    }

    fn respond(&self) -> Response<Body> {
        let mut response = Response::new(Body::from(self.content.clone()));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, self.content_type.clone());
        headers.insert(header::CACHE_CONTROL, self.cache_control.clone());
        response
    }
}

/// Whether a bundler put a hash into the file's name: a later word of it, as in
/// `app-4f9a1c3e.js`, has at least eight letters and digits and looks like no word of a language.
fn is_hashed(name: &str) -> bool {
    let file = name.rsplit('/').next().unwrap_or(name);
    file.split(['-', '.']).skip(1).any(|word| {
        let any = |kind: fn(&u8) -> bool| word.as_bytes().iter().any(kind);
        word.len() >= HASH_CHARS
            && word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
            && (any(u8::is_ascii_digit)
                || any(u8::is_ascii_uppercase) && any(u8::is_ascii_lowercase))
    })
}

impl UiBundle {
    /// Answers a request at or below `/ui`.
    pub(crate) fn serve(&self, method: &Method, path: &str) -> Response<Body> {
        if method != Method::GET && method != Method::HEAD {
            return method_not_allowed("GET, HEAD", "the UI is read with GET");
        }
        if path == path::UI {
            return redirect();
        }
        let encoded = path.strip_prefix("/ui/").unwrap_or_default();
        let Some(asset) = self.find(encoded) else {
            return problem(StatusCode::NOT_FOUND, "the UI has no such file");
        };
        asset.respond()
    }

    fn find(&self, encoded: &str) -> Option<&Asset> {
        let name = percent_decode_str(encoded).decode_utf8().ok()?;
        if let Some(asset) = self.files.get(name.as_ref()) {
            return Some(asset);
        }
        // A client route is plain words; what tries to climb gets nothing, not even the index.
        let climbs = name.contains(['\\', '\0'])
            || name.split('/').any(|segment| segment == "." || segment == "..");
        let has_extension = name.rsplit('/').next().is_some_and(|last| last.contains('.'));
        if climbs || has_extension { None } else { self.files.get(INDEX) }
    }
}

/// Relative, so that it survives the host's `/api/x/{name}` prefix (UI-02).
fn redirect() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
    response.headers_mut().insert(header::LOCATION, HeaderValue::from_static("ui/"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bundle() -> UiBundle {
        let mut files = HashMap::new();
        for name in [INDEX, "assets/app-4f9a1c3e.js", "logo.svg", "a b.txt"] {
            files.insert(name.to_owned(), Asset::new(name, Bytes::from(name.to_owned())));
        }
        UiBundle { files }
    }

    fn get(path: &str) -> (u16, String) {
        let response = bundle().serve(&Method::GET, path);
        let cache = response.headers().get(header::CACHE_CONTROL);
        (response.status().as_u16(), cache.map_or("", |v| v.to_str().unwrap()).to_owned())
    }

    #[test]
    fn the_index_is_never_cached_and_hashed_assets_always_are() {
        for path in ["/ui/", "/ui/index.html", "/ui/settings", "/ui/settings/deep"] {
            assert_eq!(get(path), (200, "no-cache".into()), "{path}");
        }
        let (status, cache) = get("/ui/assets/app-4f9a1c3e.js");
        assert_eq!((status, cache.contains("immutable")), (200, true));
        assert_eq!(get("/ui/logo.svg"), (200, "no-cache".into()));
        assert_eq!(get("/ui/a%20b.txt").0, 200);
    }

    #[test]
    fn what_is_not_in_the_bundle_cannot_be_read() {
        for path in [
            "/ui/assets/gone.js",
            "/ui/../etc/passwd",
            "/ui/%2e%2e/etc/passwd",
            "/ui/..%2f..%2fetc%2fpasswd",
            "/ui/..\\etc",
            "/ui/%5c..%5cetc",
            "/ui/%00",
            "/ui/%ff",
        ] {
            assert_eq!(get(path).0, 404, "{path}");
        }
    }

    #[test]
    fn the_redirect_is_relative() {
        let response = bundle().serve(&Method::GET, "/ui");
        assert_eq!(response.headers()[header::LOCATION], "ui/");
        assert!(response.status().is_redirection());
        assert_eq!(bundle().serve(&Method::POST, "/ui/").status(), 405);
    }

    #[test]
    fn only_hashes_make_a_file_immutable() {
        for name in
            ["app-4f9a1c3e.js", "x/app.4f9a1c3e.css", "index-BkQxRtFa.js", "a-4f9a1c3e.js.map"]
        {
            assert!(is_hashed(name), "{name}");
        }
        for name in [
            "index.html",
            "some-component.js",
            "app.js",
            "logo.svg",
            "a.min.js",
            "README",
            "vendor-react.js",
        ] {
            assert!(!is_hashed(name), "{name}");
        }
    }

    #[test]
    fn an_archive_is_read_and_a_bad_one_explained() {
        let mut builder = tar::Builder::new(flate2::write::GzEncoder::new(
            Vec::new(),
            flate2::Compression::fast(),
        ));
        for (name, text) in [("./index.html", "<html>"), ("assets/app-4f9a1c3e.js", "1")] {
            let mut header = tar::Header::new_gnu();
            header.set_size(text.len() as u64);
            header.set_cksum();
            builder.append_data(&mut header, name, text.as_bytes()).unwrap();
        }
        let archive = builder.into_inner().unwrap().finish().unwrap();
        let bundle = UiAssets::from(archive).open().unwrap();
        assert_eq!(bundle.serve(&Method::GET, "/ui/assets/app-4f9a1c3e.js").status(), 200);

        let error = UiAssets::from(b"not gzip".to_vec()).open().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Ui);
    }
}
