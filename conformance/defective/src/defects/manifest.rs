//! Defects of the manifest.
//!
//! A host refuses a plugin whose manifest breaks a rule (MF-27), so that it never starts. The one rule it
//! forgives is that `requires_db` is written.

use super::{defect, defects};

const NAME: &[&str] = &["handshake/completes", "manifest/name"];
const VERSION: &[&str] = &["handshake/completes", "manifest/version"];
const REQUIRES_DB: &[&str] = &["handshake/completes", "manifest/requires-db"];
const TEXTS: &[&str] = &["handshake/completes", "manifest/texts"];
const NAV: &[&str] = &["handshake/completes", "manifest/nav"];
const UI: &[&str] = &["handshake/completes", "manifest/ui"];
const FLAGS: &[&str] = &["handshake/completes", "manifest/flags"];
const HEALTH_PATH: &[&str] = &["handshake/completes", "manifest/health-path"];
const PUBLIC_PATHS: &[&str] = &["handshake/completes", "manifest/public-paths"];
const PERMISSIONS: &[&str] = &["handshake/completes", "manifest/permissions"];
const EVENTS: &[&str] = &["handshake/completes", "manifest/events"];

defects! {
    NAME_WITH_CAPITALS = defect("manifest/name-with-capitals", "has capitals in its name", NAME);
    NAME_WITH_EMPTY_WORD = defect(
        "manifest/name-with-empty-word",
        "has two hyphens in a row in its name",
        NAME,
    );
    NAME_TOO_LONG = defect("manifest/name-too-long", "has a name of 65 characters", NAME);
    VERSION_OF_TWO_NUMBERS = defect(
        "manifest/version-of-two-numbers",
        "has a version of two numbers, which is not SemVer",
        VERSION,
    );
    VERSION_WITH_V = defect("manifest/version-with-v", "has a version that begins with v", VERSION);
    REQUIRES_DB_LEFT_OUT = defect(
        "manifest/requires-db-left-out",
        "leaves `requires_db` out because it is false",
        &["manifest/requires-db", "everything/manifest"],
    );
    REQUIRES_DB_AS_TEXT = defect(
        "manifest/requires-db-as-text",
        "writes `requires_db` as a text",
        REQUIRES_DB,
    );
    DISPLAY_NAME_AS_OBJECT = defect(
        "manifest/display-name-as-object",
        "writes a `display_name` for each language",
        TEXTS,
    );
    DESCRIPTION_AS_LIST = defect(
        "manifest/description-as-list",
        "writes its `description` as a list of lines",
        TEXTS,
    );
    NAV_WITHOUT_ORDER = defect("manifest/nav-without-order", "has a `nav` entry without `order`", NAV);
    NAV_EMPTY_LABEL = defect("manifest/nav-empty-label", "has a `nav` entry without a label", NAV);
    NAV_EMPTY_ICON = defect("manifest/nav-empty-icon", "has a `nav` entry without an icon", NAV);
    NAV_UNKNOWN_SECTION = defect(
        "manifest/nav-unknown-section",
        "puts a `nav` entry into a section that there is not",
        NAV,
    );
    NAV_PATH_TO_HOST = defect(
        "manifest/nav-path-to-host",
        "has a `nav` entry whose path leads to another host",
        NAV,
    );
    NAV_NEGATIVE_ORDER = defect(
        "manifest/nav-negative-order",
        "has a `nav` entry with an order below 0",
        NAV,
    );
    UI_WITHOUT_SCRIPT = defect("manifest/ui-without-script", "has a `ui` without `entry_js`", UI);
    UI_CSS_AS_TEXT = defect("manifest/ui-css-as-text", "writes `ui.css` as a text", UI);
    UI_ROUTE_WITHOUT_TITLE = defect(
        "manifest/ui-route-without-title",
        "has a route of its `ui` without a title",
        UI,
    );
    HOST_DATA_AS_TEXT = defect(
        "manifest/host-data-as-text",
        "writes `requires_host_data_access` as a text",
        FLAGS,
    );
    HIDE_HEADER_AS_NUMBER = defect(
        "manifest/hide-header-as-number",
        "writes `hide_header` as a number",
        FLAGS,
    );
    HEALTH_PATH_RELATIVE = defect(
        "manifest/health-path-relative",
        "has a `health_path` without a slash at its beginning",
        HEALTH_PATH,
    );
    HEALTH_PATH_RESERVED = defect(
        "manifest/health-path-reserved",
        "has its `health_path` below /_temps",
        HEALTH_PATH,
    );
    HEALTH_PATH_WITH_QUERY = defect(
        "manifest/health-path-with-query",
        "has a query in its `health_path`",
        HEALTH_PATH,
    );
    PUBLIC_PATH_RELATIVE = defect(
        "manifest/public-path-relative",
        "has a public path without a slash at its beginning",
        PUBLIC_PATHS,
    );
    PUBLIC_PATH_UP = defect(
        "manifest/public-path-up",
        "has a public path that goes up",
        PUBLIC_PATHS,
    );
    PUBLIC_PATH_RESERVED = defect(
        "manifest/public-path-reserved",
        "wants /_events to be public",
        PUBLIC_PATHS,
    );
    UNKNOWN_CAPABILITY = defect(
        "manifest/unknown-capability",
        "asks for a capability that there is not",
        PERMISSIONS,
    );
    UNKNOWN_PERMISSION = defect(
        "manifest/unknown-permission",
        "asks for a host permission that there is not",
        PERMISSIONS,
    );
    EVENT_CUT_IN_WORD = defect(
        "manifest/event-cut-in-word",
        "wants the events that begin with half a word",
        EVENTS,
    );
    EVENT_EMPTY_WORD = defect(
        "manifest/event-empty-word",
        "wants an event whose name has an empty word",
        EVENTS,
    );
    EVENTS_AS_TEXT = defect("manifest/events-as-text", "writes `events` as a text", EVENTS);
}
