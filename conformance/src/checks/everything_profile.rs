//! The everything profile: what the plugin says of itself.

use super::prelude::*;

async fn manifest(cx: Cx) -> Verdict {
    let manifest = cx.manifest();
    let default = |field: &str, value: Value| manifest.get(field).is_none_or(|seen| *seen == value);
    let rules = [
        ("events [\"*\"]", manifest["events"] == json!(["*"])),
        ("one nav entry", manifest["nav"].as_array().is_some_and(|nav| nav.len() == 1)),
        ("both capabilities", manifest["capabilities"] == json!(["api_read", "api_write"])),
        ("public_paths [\"/public\"]", manifest["public_paths"] == json!(["/public"])),
        ("requires_db false", manifest["requires_db"] == false),
        ("no host data access", default("requires_host_data_access", json!(false))),
        ("the default health_path", default("health_path", json!("/health"))),
        ("a name of its language", is_profile_name(manifest["name"].as_str().unwrap_or_default())),
        (
            "a SemVer version",
            manifest["version"].as_str().is_some_and(|v| semver::Version::parse(v).is_ok()),
        ),
    ];
    for (what, holds) in rules {
        ensure(holds, what, || manifest.to_string())?;
    }
    let mut permissions: Vec<&str> = manifest["host_permissions"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    permissions.sort_unstable();
    permissions.dedup();
    ensure(permissions.len() == 7, "all seven host_permissions", || format!("{permissions:?}"))?;
    Ok(Evidence::saw(format!("the manifest of {}", manifest["name"])))
}

fn is_profile_name(name: &str) -> bool {
    name.strip_prefix("everything-").is_some_and(|rest| {
        rest.split('-').all(|word| {
            !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        })
    })
}

async fn ready(cx: Cx) -> Verdict {
    let plugin = cx.fresh().await?;
    let ready: Value = serde_json::from_str(plugin.ready_line()).unwrap_or_default();
    ensure(ready["has_ui"] == true, "has_ui true", || ready["has_ui"].to_string())?;
    ensure(ready["openapi"].is_object(), "an object `openapi`", || plugin.ready_line().to_owned())?;
    Ok(Evidence::saw("has_ui true and an `openapi` object"))
}

async fn context(cx: Cx) -> Verdict {
    let plugin = cx.running().await?;
    let seen = plugin.get("/context").await?.json(200)?;
    let expected = json!({
        "plugin_name": cx.manifest()["name"],
        "data_dir": plugin.plan().data_dir.to_string_lossy(),
        "dialect": cx.dialect().number(),
    });
    ensure(seen == expected, expected.to_string(), || seen.to_string())?;
    Ok(Evidence::saw(seen.to_string()))
}

async fn ui(cx: Cx) -> Verdict {
    let plugin = cx.running().await?;
    let page = plugin.get("/ui/").await?;
    ensure(page.status == 200, "200 to /ui/", || page.status.to_string())?;
    let html = page.text();
    let name = cx.manifest()["name"].as_str().unwrap_or_default();
    ensure(html.contains(name), format!("an index.html that contains {name}"), || html.clone())?;
    let assets: Vec<&str> = html
        .match_indices("assets/app-")
        .filter_map(|(at, _)| html.get(at..at + "assets/app-00000000.js".len()))
        .filter(|path| {
            path.ends_with(".js")
                && path["assets/app-".len()..][..8].bytes().all(|b| b.is_ascii_hexdigit())
        })
        .collect();
    ensure(assets.len() == 1, "exactly one link to assets/app-<8 hex digits>.js", || {
        format!("{assets:?}")
    })?;
    let path = format!("/ui/{}", assets[0]);
    let asset = plugin.get(&path).await?;
    ensure(asset.status == 200, format!("200 to {path}"), || asset.status.to_string())?;
    let cache = asset.header("cache-control");
    ensure(cache == "public, max-age=31536000, immutable", "an immutable asset", || cache.clone())?;
    Ok(Evidence::saw(format!("index.html links to {path}, which is immutable")))
}

/// The table.
pub const CHECKS: &[Check] = &[
    Check::must(
        "everything/manifest",
        "the manifest is that of the profile",
        &["EP-01", "EP-02", "EP-03", "EP-04", "EP-05", "EP-06", "EP-07"],
        |cx| Box::pin(manifest(cx)),
    )
    .needs(Needs::Everything),
    Check::must("everything/ready", "`ready` is that of the profile", &["EP-08"], |cx| {
        Box::pin(ready(cx))
    })
    .needs(Needs::Everything),
    Check::must("everything/context", "the plugin knows its start", &["EP-43"], |cx| {
        Box::pin(context(cx))
    })
    .needs(Needs::Everything),
    Check::must("everything/ui", "the small UI", &["EP-46", "EP-47"], |cx| Box::pin(ui(cx)))
        .needs(Needs::Everything),
];
