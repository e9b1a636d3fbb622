//! Manifests and what is in them.

use proptest::prelude::*;
use temps_plugin_schema::PluginManifest;
use temps_plugin_schema::manifest::{
    Capability, HostPermission, NavEntry, NavSection, UiManifest, UiRoute,
};

use super::{maybe, some, some_text, text};

fn names() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z0-9]{1,9}(-[a-z0-9]{1,9}){0,4}",
        "[a-z0-9]{64}",
        "([a-z0-9]-){31}[a-z0-9]{1,2}",
    ]
}

fn versions() -> impl Strategy<Value = String> {
    let number = "(0|[1-9][0-9]{0,21})";
    let pre = "(0|[1-9][0-9]{0,2}|[0-9]{0,2}[a-zA-Z-][0-9a-zA-Z-]{0,3})";
    let build = "[0-9a-zA-Z-]{1,4}";
    let version = format!(
        "{number}\\.{number}\\.{number}(-{pre}(\\.{pre}){{0,2}})?(\\+{build}(\\.{build}){{0,2}})?"
    );
    proptest::string::string_regex(&version).unwrap()
}

fn client_paths() -> impl Strategy<Value = String> {
    prop_oneof![
        "(/[a-z0-9:._-]{1,6}){1,3}",
        Just("/".to_owned()),
        Just("/лавка/店?a#b%20".to_owned()),
    ]
}

/// Paths of a plugin's own server, with segments close to those that are forbidden.
fn server_paths() -> impl Strategy<Value = String> {
    let segment = prop_oneof![
        4 => "[a-zA-Z0-9!$&'()*+,;=:@~_-][a-zA-Z0-9._~-]{0,6}",
        1 => Just("...".to_owned()),
        1 => Just(".well-known".to_owned()),
        1 => Just(String::new()),
    ];
    let first = prop_oneof!["[a-z]{1,6}", Just("_eventsx".to_owned()), Just("_tem".to_owned())];
    let path = (first, prop::collection::vec(segment, 0..3))
        .prop_map(|(first, rest)| format!("/{}", [vec![first], rest].concat().join("/")));
    prop_oneof![9 => path, 1 => Just("/".to_owned())]
}

fn event_patterns() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z0-9_-]{1,8}(\\.[a-z0-9_-]{1,8}){0,3}(\\.\\*)?", Just("*".to_owned()),]
}

fn nav_entries() -> impl Strategy<Value = NavEntry> {
    let section =
        prop::sample::select(vec![NavSection::Platform, NavSection::Settings, NavSection::Project]);
    let parts = (some_text(), some_text(), section, client_paths(), any::<u32>());
    parts.prop_map(|(label, icon, section, path, order)| NavEntry {
        label,
        icon,
        section,
        path,
        order,
    })
}

fn bundles() -> impl Strategy<Value = UiManifest> {
    let routes = (client_paths(), text()).prop_map(|(path, title)| UiRoute { path, title });
    let parts = (some_text(), some(text()), some(routes));
    parts.prop_map(|(entry_js, css, routes)| UiManifest { entry_js, css, routes })
}

/// Permissions a manifest may ask for.
pub(super) fn permissions() -> impl Strategy<Value = HostPermission> {
    prop::sample::select(HostPermission::KNOWN).prop_map(HostPermission::from)
}

/// Any manifest.
pub(super) fn manifests() -> impl Strategy<Value = PluginManifest> {
    let capabilities = prop::sample::select(vec![Capability::ApiRead, Capability::ApiWrite]);
    let people = (names(), versions(), maybe(text()), maybe(text()));
    let console = (some(nav_entries()), maybe(bundles()), any::<bool>());
    let needs = (any::<bool>(), any::<bool>(), server_paths());
    let wishes =
        (some(server_paths()), some(capabilities), some(permissions()), some(event_patterns()));
    (people, console, needs, wishes).prop_map(|(people, console, needs, wishes)| {
        let (name, version, display_name, description) = people;
        let (nav, ui, hide_header) = console;
        let (requires_db, requires_host_data_access, health_path) = needs;
        let (public_paths, capabilities, host_permissions, events) = wishes;
        PluginManifest {
            name,
            version,
            display_name,
            description,
            nav,
            ui,
            requires_db,
            requires_host_data_access,
            health_path,
            hide_header,
            public_paths,
            capabilities,
            host_permissions,
            events,
        }
    })
}
