//! Defects of the two lines on standard output, and of what is said when there are none.

use super::{defect, defects, health};

/// The plugin never starts, because of its first line.
const NO_FIRST_LINE: &[&str] = &["handshake/completes", "handshake/first-line"];
/// The plugin never starts, because no line ever comes to its end.
const NO_LINES: &[&str] = &[
    "handshake/completes",
    "handshake/first-line",
    "handshake/ready-line",
    "handshake/hello-before-stdin",
];
/// The plugin never starts, because of its second line.
const NO_READY: &[&str] = &["handshake/completes", "handshake/ready-line"];
/// Every check of a refused launch line.
const REFUSALS: &[&str] = &[
    "launch-line/refuses-no-object",
    "launch-line/refuses-version",
    "launch-line/refuses-secret-length",
    "launch-line/refuses-secret-characters",
    "launch-line/refuses-database-url",
    "launch-line/refuses-host-data-dir",
    "launch-line/refuses-early-end",
    "launch-line/refuses-overlong",
];

defects! {
    SILENT = defect("handshake/silent", "writes no line at all", NO_LINES);
    FIRST_LINE_NOT_ENDED = defect(
        "handshake/first-line-not-ended",
        "writes its first line without a line end",
        NO_LINES,
    );
    FIRST_LINE_NO_JSON = defect(
        "handshake/first-line-no-json",
        "writes a first line that is no JSON",
        NO_FIRST_LINE,
    );
    FIRST_LINE_OVER_LIMIT = defect(
        "handshake/first-line-over-limit",
        "writes a first line of more than 2 MiB",
        NO_LINES,
    );
    MANIFEST_WITHOUT_TYPE = defect(
        "handshake/manifest-without-type",
        "leaves `type` out of its manifest line",
        NO_FIRST_LINE,
    )
    .only(1);
    MANIFEST_NESTED = defect(
        "handshake/manifest-nested",
        "writes the members of its manifest one level too deep",
        &[
            "handshake/completes",
            "handshake/first-line",
            "manifest/name",
            "manifest/version",
            "manifest/requires-db",
        ],
    )
    .only(1);
    HELLO_WITHOUT_VERSION = defect(
        "handshake/hello-without-version",
        "leaves `protocol_version` out of `hello`",
        NO_FIRST_LINE,
    )
    .only(2);
    HELLO_VERSION_AS_TEXT = defect(
        "handshake/hello-version-as-text",
        "writes the `protocol_version` of `hello` as a text",
        NO_FIRST_LINE,
    )
    .only(2);
    HELLO_AFTER_LAUNCH_LINE = defect(
        "handshake/hello-after-launch-line",
        "waits for the launch line before it says `hello`",
        NO_LINES,
    )
    .only(2);
    READY_FALSE = defect("handshake/ready-false", "says that it is not ready", NO_READY);
    READY_WITHOUT_HAS_UI = defect(
        "handshake/ready-without-has-ui",
        "leaves `has_ui` out of `ready`",
        &["handshake/ready-line", "everything/ready"],
    );
    READY_WITHOUT_VERSION = defect(
        "handshake/ready-without-version",
        "leaves `protocol_version` out of `ready`",
        NO_READY,
    )
    .only(2);
    LARGE_OPENAPI_KEPT = defect(
        "handshake/large-openapi-kept",
        "writes a `ready` of more than 2 MiB rather than leave `openapi` out",
        &["everything/large-openapi"],
    );
    OPENAPI_AS_TEXT = defect(
        "handshake/openapi-as-text",
        "writes `openapi` as a text",
        &["handshake/openapi", "everything/ready", "everything/large-openapi"],
    );
    OPENAPI_WITHOUT_VERSION = defect(
        "handshake/openapi-without-version",
        "writes an `openapi` that names no version",
        &[
            "handshake/openapi",
            "requests/openapi-routes",
            "requests/openapi-schemas",
            "requests/openapi-statuses",
        ],
    );
    FIRST_HEALTH_503 = defect(
        "handshake/first-health-503",
        "answers the first request for health with 503",
        health::ASKED_AT_ONCE,
    );
    READY_WITHOUT_LISTENING = defect(
        "handshake/ready-without-listening",
        "says `ready` although it cannot listen",
        &["handshake/needs-a-socket", "socket/path-too-long", "socket/spares-other-files"],
    );
    STDIN_READ_IN_DIALECT_1 = defect(
        "handshake/stdin-read-in-dialect-1",
        "wants standard input to be empty in dialect 1",
        &["handshake/stdin-is-meaningless"],
    )
    .only(1);
    REFUSES_WITH_STATUS_0 = defect(
        "handshake/refuses-with-status-0",
        "exits with status 0 when it refuses a launch line",
        REFUSALS,
    )
    .only(2);
    REFUSES_SILENTLY = defect(
        "handshake/refuses-silently",
        "says nothing when it refuses a launch line",
        REFUSALS,
    )
    .only(2);
}
