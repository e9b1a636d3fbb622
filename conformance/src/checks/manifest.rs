//! The manifest, field by field, as it was written and not as a lenient reader would take it.

use super::prelude::*;
use temps_plugin_schema::http::path::is_under;
use temps_plugin_schema::limits::NAME_MAX_CHARS;
use temps_plugin_schema::manifest::HostPermission;
use temps_plugin_schema::{EventPattern, http::path};

/// What is wrong with a field, as `(expected, seen)`.
type Fault = (String, String);

/// Applies a rule about the manifest, which is plain data, to the one that the plugin wrote.
async fn judged(cx: Cx, judge: fn(&Value) -> Result<String, Fault>) -> Verdict {
    judge(cx.manifest()).map(Evidence::saw).map_err(|(expected, seen)| Stop::failed(expected, seen))
}

fn fault(holds: bool, expected: &str, seen: &Value) -> Result<(), Fault> {
    if holds { Ok(()) } else { Err((expected.to_owned(), seen.to_string())) }
}

fn name(manifest: &Value) -> Result<String, Fault> {
    let seen = &manifest["name"];
    let word = |word: &str| {
        !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    };
    let holds =
        seen.as_str().is_some_and(|name| name.len() <= NAME_MAX_CHARS && name.split('-').all(word));
    fault(holds, "words of a-z and 0-9 joined by single `-`, 1 to 64 characters", seen)?;
    Ok(format!("name {seen}"))
}

fn version(manifest: &Value) -> Result<String, Fault> {
    let seen = &manifest["version"];
    let holds = seen.as_str().is_some_and(|text| semver::Version::parse(text).is_ok());
    fault(holds, "`version` by Semantic Versioning 2.0.0", seen)?;
    Ok(format!("version {seen}"))
}

fn requires_db(manifest: &Value) -> Result<String, Fault> {
    let seen = manifest.get("requires_db");
    match seen {
        Some(Value::Bool(value)) => Ok(format!("requires_db is written: {value}")),
        Some(other) => Err(("`requires_db` is true or false".into(), other.to_string())),
        None => Err(("`requires_db` is written".into(), "a manifest without it".into())),
    }
}

fn texts(manifest: &Value) -> Result<String, Fault> {
    for field in ["display_name", "description"] {
        let seen = &manifest[field];
        fault(seen.is_null() || seen.is_string(), &format!("`{field}` is text or null"), seen)?;
    }
    Ok(format!(
        "display_name {}, description {}",
        manifest["display_name"], manifest["description"]
    ))
}

fn nav(manifest: &Value) -> Result<String, Fault> {
    let entries = list(manifest, "nav")?;
    for entry in entries {
        let filled = |field: &str| entry[field].as_str().is_some_and(|text| !text.is_empty());
        fault(filled("label"), "each `nav` entry has a `label` that is not empty", entry)?;
        fault(filled("icon"), "each `nav` entry has an `icon` that is not empty", entry)?;
        let section = entry["section"].as_str();
        let known = section.is_some_and(|s| ["platform", "settings", "project"].contains(&s));
        fault(known, "each `nav` entry has the `section` platform, settings or project", entry)?;
        let path = entry["path"].as_str().is_some_and(is_client_route);
        fault(path, &format!("each `nav` entry has a `path` that {CLIENT_ROUTE}"), entry)?;
        let order = entry["order"].as_u64().is_some_and(|order| u32::try_from(order).is_ok());
        fault(order, "each `nav` entry has an `order` from 0 to 4294967295", entry)?;
    }
    Ok(format!("{} nav entries", entries.len()))
}

fn ui(manifest: &Value) -> Result<String, Fault> {
    let ui = &manifest["ui"];
    if ui.is_null() {
        return Ok("no `ui` bundle".into());
    }
    let entry = ui["entry_js"].as_str().is_some_and(|text| !text.is_empty());
    fault(entry, "`ui.entry_js` is a text that is not empty", ui)?;
    let css = list(ui, "css")?;
    fault(css.iter().all(Value::is_string), "`ui.css` is a list of texts", ui)?;
    for route in list(ui, "routes")? {
        let path = route["path"].as_str().is_some_and(is_client_route);
        fault(path, &format!("each of `ui.routes` has a `path` that {CLIENT_ROUTE}"), route)?;
        fault(route["title"].is_string(), "each of `ui.routes` has the text `title`", route)?;
    }
    Ok(format!("a `ui` bundle that starts with {}", ui["entry_js"]))
}

/// What MF-09 says of a route in the console.
fn is_client_route(path: &str) -> bool {
    path.starts_with('/')
        && !path.starts_with("//")
        && !path.chars().any(|c| c == '\\' || c.is_whitespace() || c.is_control())
}

const CLIENT_ROUTE: &str = "starts with one / and has no \\, no blank and no control character";

fn flags(manifest: &Value) -> Result<String, Fault> {
    for field in ["requires_host_data_access", "hide_header"] {
        let seen = manifest.get(field);
        let holds = seen.is_none_or(Value::is_boolean);
        fault(holds, &format!("`{field}` is true or false"), seen.unwrap_or(&Value::Null))?;
    }
    Ok("both flags are booleans or left out".into())
}

/// What MF-15 to MF-17 and MF-20 to MF-22 say about a path in common.
fn is_route(text: &str) -> bool {
    text.starts_with('/')
        && text.bytes().all(|b| b.is_ascii_graphic())
        && !text.contains(['%', '?', '#', '\\'])
        && !text.split('/').any(|segment| segment == "." || segment == "..")
        && !is_under(text, path::RESERVED)
        && !is_under(text, path::EVENTS)
}

const ROUTE: &str = "a path of visible ASCII characters that starts with /, is not at or under /_temps or /_events, and has none of \
                     % ? # \\ and no segment . or ..";

fn health_path(manifest: &Value) -> Result<String, Fault> {
    let Some(seen) = manifest.get("health_path") else {
        return Ok("no health_path, so it is /health".into());
    };
    fault(seen.as_str().is_some_and(is_route), &format!("`health_path` is {ROUTE}"), seen)?;
    Ok(format!("health_path {seen}"))
}

fn public_paths(manifest: &Value) -> Result<String, Fault> {
    let paths = list(manifest, "public_paths")?;
    for path in paths {
        fault(
            path.as_str().is_some_and(is_route),
            &format!("each of `public_paths` is {ROUTE}"),
            path,
        )?;
    }
    Ok(format!("{} public paths", paths.len()))
}

fn permissions(manifest: &Value) -> Result<String, Fault> {
    let known: [(&str, &[&str]); 2] =
        [("capabilities", &["api_read", "api_write"]), ("host_permissions", HostPermission::KNOWN)];
    let mut counts = Vec::new();
    for (field, known) in known {
        let entries = list(manifest, field)?;
        for entry in entries {
            let holds = entry.as_str().is_some_and(|text| known.contains(&text));
            fault(holds, &format!("each of `{field}` is one of {}", known.join(", ")), entry)?;
        }
        counts.push(format!("{} {field}", entries.len()));
    }
    Ok(counts.join(", "))
}

fn events(manifest: &Value) -> Result<String, Fault> {
    let patterns = list(manifest, "events")?;
    for pattern in patterns {
        let holds = pattern.as_str().is_some_and(|text| text.parse::<EventPattern>().is_ok());
        fault(holds, "each of `events` is an exact name, `prefix.*` or `*`", pattern)?;
    }
    Ok(format!("{} event patterns", patterns.len()))
}

/// A list field; a missing one is an empty one.
fn list<'a>(manifest: &'a Value, field: &str) -> Result<&'a [Value], Fault> {
    match manifest.get(field) {
        None => Ok(&[]),
        Some(Value::Array(entries)) => Ok(entries),
        Some(other) => Err((format!("`{field}` is a list"), other.to_string())),
    }
}

macro_rules! manifest_check {
    ($id:literal, $title:literal, $rules:expr, $judge:ident) => {
        Check::must(concat!("manifest/", $id), $title, $rules, |cx| Box::pin(judged(cx, $judge)))
            .needs(Needs::Running)
    };
}

/// The table.
pub const CHECKS: &[Check] = &[
    manifest_check!("name", "`name` is kebab-case", &["MF-01"], name),
    manifest_check!("version", "`version` is SemVer", &["MF-02"], version),
    manifest_check!("requires-db", "`requires_db` is always written", &["MF-12"], requires_db),
    manifest_check!("texts", "names and descriptions are text or null", &["MF-03", "MF-04"], texts),
    manifest_check!(
        "nav",
        "`nav` entries are complete",
        &["MF-05", "MF-06", "MF-07", "MF-08", "MF-09", "MF-10"],
        nav
    ),
    manifest_check!("ui", "`ui` is complete or null", &["MF-11"], ui),
    manifest_check!("flags", "flags are booleans", &["MF-14", "MF-19"], flags),
    manifest_check!(
        "health-path",
        "`health_path` is a route",
        &["MF-15", "MF-16", "MF-17"],
        health_path
    ),
    manifest_check!(
        "public-paths",
        "`public_paths` are routes",
        &["MF-20", "MF-21", "MF-22"],
        public_paths
    ),
    manifest_check!(
        "permissions",
        "permissions asked for are known ones",
        &["MF-23", "MF-24"],
        permissions
    ),
    manifest_check!("events", "`events` are names, prefixes or `*`", &["MF-25"], events),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sound_manifest_passes_and_each_field_can_fail() {
        let sound = json!({
            "name": "a-b1", "version": "1.0.0-rc.1", "requires_db": false, "display_name": null,
            "nav": [{"label": "A", "icon": "x", "section": "project", "path": "/", "order": 0}],
            "ui": {"entry_js": "a.js", "routes": [{"path": "/a", "title": "A"}]},
            "health_path": "/alive", "public_paths": ["/public"], "capabilities": ["api_read"],
            "host_permissions": ["events_read"], "events": ["*", "a.b", "a.*"],
        });
        let judges = [
            name,
            version,
            requires_db,
            texts,
            nav,
            ui,
            flags,
            health_path,
            public_paths,
            permissions,
            events,
        ];
        for judge in judges {
            judge(&sound).unwrap();
        }
        let broken = json!({
            "name": "A", "version": "1", "description": 3,
            "nav": [{"label": "A", "icon": "x", "section": "top", "path": "/", "order": 0}],
            "ui": {"entry_js": ""}, "hide_header": "yes",
            "health_path": "/_temps/x", "public_paths": ["/a/../b"], "capabilities": ["all"],
            "events": ["depl*"],
        });
        for (i, judge) in judges.into_iter().enumerate() {
            assert!(judge(&broken).is_err(), "judge number {i}");
        }
    }

    #[test]
    fn a_path_beside_a_reserved_one_is_a_route() {
        assert!(is_route("/_eventsy") && is_route("/"));
        assert!(!is_route("/_events") && !is_route("a") && !is_route("/a?b"));
    }
}
