//! Which headers pass, in which direction.

use http::{HeaderMap, HeaderName, HeaderValue, header};
use temps_plugin_schema::http::header as temps;

use crate::http::HttpError;

/// Headers that are about one connection (RFC 9110, section 7.6.1).
const OF_A_CONNECTION: [&str; 5] =
    ["connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"];

/// Whether a caller may not say this to a plugin (PX-09 to PX-12). Frameworks of some languages do not
/// tell `_` from `-`, so neither is the difference made here.
fn is_the_hosts(name: &HeaderName) -> bool {
    let name = name.as_str();
    let hyphened = || name.replace('_', "-").starts_with(temps::PREFIX);
    temps::STRIPPED.contains(&name) || name.starts_with(temps::PREFIX) || hyphened()
}

/// Removes what only the host says, from headers or trailers (PX-13).
pub(super) fn remove_the_hosts(headers: &mut HeaderMap) {
    remove(headers, is_the_hosts);
}

/// Removes what is about the connection that the message came over (PX-18, PX-19). What it is upgraded
/// to is returned.
pub(super) fn remove_connections(headers: &mut HeaderMap) -> Option<HeaderValue> {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    let upgrade =
        headers.get(header::UPGRADE).filter(|_| named.contains(&header::UPGRADE)).cloned();
    // `te` is about one connection too; what it may say, that trailers are welcome, holds for the next.
    let trailers = headers.get_all(header::TE).iter().any(|value| {
        value.to_str().is_ok_and(|te| te.split(',').any(|te| te.trim() == "trailers"))
    });
    headers.remove(header::TE);
    if trailers {
        headers.insert(header::TE, HeaderValue::from_static("trailers"));
    }
    remove(headers, |name| {
        OF_A_CONNECTION.contains(&name.as_str()) || (named.contains(name) && *name != header::TE)
    });
    upgrade
}

/// Says that the connection is to be upgraded to this.
pub(super) fn set_upgrade(headers: &mut HeaderMap, to: HeaderValue) {
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, to);
}

/// Sets a header, in place of any that is there.
pub(super) fn set(
    headers: &mut HeaderMap,
    name: &'static str,
    value: &str,
) -> Result<(), HttpError> {
    let value = HeaderValue::from_str(value)
        .or_else(|_| HeaderValue::from_bytes(value.as_bytes()))
        .map_err(|error| HttpError::Request(format!("header {name:?}: {error}")))?;
    headers.insert(HeaderName::from_static(name), value);
    Ok(())
}

fn remove(headers: &mut HeaderMap, unwanted: impl Fn(&HeaderName) -> bool) {
    let names: Vec<HeaderName> = headers.keys().filter(|name| unwanted(name)).cloned().collect();
    for name in names {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(all: &[(&str, &str)]) -> HeaderMap {
        let pair = |(name, value): &(&str, &str)| (name.parse().unwrap(), value.parse().unwrap());
        all.iter().map(pair).collect::<Vec<(HeaderName, HeaderValue)>>().into_iter().collect()
    }

    #[test]
    fn what_only_the_host_says_is_removed_in_every_spelling() {
        let mut all = headers(&[
            ("X-Temps-User-Id", "1"),
            ("x-temps-anything-new", "1"),
            ("x_temps_user_id", "1"),
            ("X-Temps_User-Role", "admin"),
            ("Cookie", "session=1"),
            ("Authorization", "Bearer 1"),
            ("Proxy-Authorization", "Basic 1"),
            ("x-tempsy", "kept"),
            ("accept", "kept"),
        ]);
        remove_the_hosts(&mut all);
        assert_eq!(all, headers(&[("x-tempsy", "kept"), ("accept", "kept")]));
    }

    #[test]
    fn what_is_about_one_connection_is_removed_and_the_rest_kept_in_order() {
        let mut all = headers(&[
            ("connection", "keep-alive, X-Mine"),
            ("connection", "upgrade"),
            ("keep-alive", "timeout=5"),
            ("x-mine", "1"),
            ("transfer-encoding", "chunked"),
            ("te", "gzip, trailers"),
            ("upgrade", "websocket"),
            ("trailer", "x-sum"),
            ("via", "1.1 a"),
            ("via", "1.1 b"),
        ]);
        let upgrade = remove_connections(&mut all);
        assert_eq!(upgrade.unwrap(), "websocket");
        let kept = headers(&[
            ("te", "trailers"),
            ("trailer", "x-sum"),
            ("via", "1.1 a"),
            ("via", "1.1 b"),
        ]);
        assert_eq!(all, kept);
        // Without `connection: upgrade` it is no request for one.
        assert_eq!(remove_connections(&mut headers(&[("upgrade", "websocket")])), None);
    }
}
