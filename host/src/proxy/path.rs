//! What a path may mean to whoever reads it next, and what may not be reached by it.

use temps_plugin_schema::http::path::{EVENTS, RESERVED, is_under};

/// How often a path is decoded before it is given up: nobody encodes one so often in good faith.
const DECODINGS: usize = 4;

/// What a path comes down to after all that servers may do to it: percent-encoding undone as often as
/// there is some, `\` taken for `/`, parameters behind `;` left out, empty segments and `.` dropped, `..`
/// followed. `None` when it is still encoded after [`DECODINGS`] rounds.
pub(crate) fn plain(path: &str) -> Option<String> {
    let mut path = path.as_bytes().to_owned();
    let mut rounds = 0;
    while let Some(decoded) = decoded(&path) {
        rounds += 1;
        if rounds > DECODINGS {
            return None;
        }
        path = decoded;
    }
    let text = String::from_utf8_lossy(&path).replace('\\', "/");
    let mut segments: Vec<&str> = Vec::new();
    for segment in text.split('/').map(|segment| segment.split(';').next().unwrap_or_default()) {
        match segment {
            "" | "." => {}
            ".." => {
                segments.pop();
            }
            segment => segments.push(segment),
        }
    }
    Some(format!("/{}", segments.join("/")))
}

/// One round of decoding; `None` when nothing is encoded.
fn decoded(path: &[u8]) -> Option<Vec<u8>> {
    let mut plain = Vec::with_capacity(path.len());
    let mut rest = path;
    while let Some((byte, after)) = rest.split_first() {
        let hex = |at: usize| char::from(*after.get(at)?).to_digit(16);
        match (byte, hex(0), hex(1)) {
            (b'%', Some(high), Some(low)) => {
                plain.push(u8::try_from(high * 16 + low).unwrap_or_default());
                rest = &after[2..];
            }
            _ => {
                plain.push(*byte);
                rest = after;
            }
        }
    }
    (plain.len() < path.len()).then_some(plain)
}

/// Whether a plugin's path is the protocol's own, however it is written (PX-23). A path that nobody can
/// make out is.
pub(super) fn is_reserved(path: &str) -> bool {
    // There are routers to which upper and lower case are the same.
    plain(path).is_none_or(|path| {
        let path = path.to_ascii_lowercase();
        path == EVENTS || is_under(&path, RESERVED)
    })
}

/// Whether a caller who is not signed in may reach `path` of a plugin with these public paths (PX-20,
/// PX-22).
pub(super) fn is_public(path: &str, public: &[String]) -> bool {
    let lower = path.to_ascii_lowercase();
    let doubtful = ["\\", "%2e", "%2f", "%5c", "%25", ";"].iter().any(|text| lower.contains(text))
        || path.split('/').any(|segment| segment == "." || segment == "..");
    !doubtful && public.iter().any(|prefix| is_under(path, prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_comes_down_to_what_a_server_may_make_of_it() {
        let all = [
            ("/a/b", "/a/b"),
            ("", "/"),
            ("//a///b/", "/a/b"),
            ("/a/./b/../c", "/a/c"),
            ("/../../a", "/a"),
            ("/%61", "/a"),
            ("/%2561", "/a"),
            ("/a%2F..%2fb", "/b"),
            (r"\a%5cb", "/a/b"),
            ("/a;x=1/b;y", "/a/b"),
            ("/..;/a", "/a"),
            ("/100%/%zz", "/100%/%zz"),
        ];
        for (path, meant) in all {
            assert_eq!(plain(path).as_deref(), Some(meant), "{path}");
        }
        assert_eq!(plain("/%252525252561"), None);
    }

    #[test]
    fn the_protocols_own_paths_are_reserved_however_they_are_written() {
        let reserved = [
            "/_events",
            "/_events/",
            "//_events",
            "/%5Fevents",
            "/%255fevents",
            "/a/../_events",
            "/_EVENTS",
            "/_events;x",
            "/_temps",
            "/_temps/channel",
            "/x/%2e%2e/_temps/anything",
            r"\_temps\channel",
            "/%252525252561",
        ];
        for path in reserved {
            assert!(is_reserved(path), "{path}");
        }
        for path in ["/", "/events", "/_eventsx", "/_events/of/mine", "/_tempsy", "/a/_events"] {
            assert!(!is_reserved(path), "{path}");
        }
    }

    #[test]
    fn public_paths_cover_whole_segments_and_nothing_doubtful() {
        let public = ["/public".to_owned(), "/hooks/".to_owned()];
        for path in ["/public", "/public/", "/public/a", "/hooks", "/hooks/a", "/public/a%20b"] {
            assert!(is_public(path, &public), "{path}");
        }
        let refused = [
            "/",
            "/publicity",
            "/Public",
            "/private",
            "//public",
            "/public/../private",
            "/public/./a",
            "/public/%2e%2E/private",
            "/public%2Fa",
            "/public/..%5cprivate",
            r"/public\..\private",
            "/public/%252e%252e/private",
            "/public/..;/private",
        ];
        for path in refused {
            assert!(!is_public(path, &public), "{path}");
        }
        assert!(is_public("/anything", &["/".to_owned()]));
    }
}
