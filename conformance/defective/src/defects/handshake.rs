//! Defects of the two lines on standard output, and of what is said when there are none.

use super::{defect, defects};

/// The plugin never gets ready, or a host does not take it for ready.
const NEVER_STARTED: &[&str] = &["handshake/completes"];

defects! {
    SILENT = defect("handshake/silent", "writes no line at all", NEVER_STARTED);
    FIRST_LINE_NOT_ENDED = defect(
        "handshake/first-line-not-ended",
        "writes its first line without a line end",
        NEVER_STARTED,
    );
    FIRST_LINE_NO_JSON = defect(
        "handshake/first-line-no-json",
        "writes a first line that is no JSON",
        NEVER_STARTED,
    );
    FIRST_LINE_OVER_LIMIT = defect(
        "handshake/first-line-over-limit",
        "writes a first line of more than 2 MiB",
        NEVER_STARTED,
    );
    MANIFEST_WITHOUT_TYPE = defect(
        "handshake/manifest-without-type",
        "leaves `type` out of its manifest line",
        NEVER_STARTED,
    )
    .only(1);
    MANIFEST_NESTED = defect(
        "handshake/manifest-nested",
        "writes the members of its manifest one level too deep",
        NEVER_STARTED,
    )
    .only(1);
    HELLO_WITHOUT_VERSION = defect(
        "handshake/hello-without-version",
        "leaves `protocol_version` out of `hello`",
        NEVER_STARTED,
    )
    .only(2);
    HELLO_VERSION_AS_TEXT = defect(
        "handshake/hello-version-as-text",
        "writes the `protocol_version` of `hello` as a text",
        NEVER_STARTED,
    )
    .only(2);
    HELLO_AFTER_LAUNCH_LINE = defect(
        "handshake/hello-after-launch-line",
        "waits for the launch line before it says `hello`",
        NEVER_STARTED,
    )
    .only(2);
    READY_FALSE = defect("handshake/ready-false", "says that it is not ready", NEVER_STARTED);
    READY_WITHOUT_HAS_UI = defect(
        "handshake/ready-without-has-ui",
        "leaves `has_ui` out of `ready`",
        NEVER_STARTED,
    );
    READY_WITHOUT_VERSION = defect(
        "handshake/ready-without-version",
        "leaves `protocol_version` out of `ready`",
        NEVER_STARTED,
    )
    .only(2);
    READY_OVER_LIMIT = defect(
        "handshake/ready-over-limit",
        "writes a `ready` of more than 2 MiB because of its `openapi`",
        NEVER_STARTED,
    );
    OPENAPI_AS_TEXT = defect(
        "handshake/openapi-as-text",
        "writes `openapi` as a text",
        &["handshake/openapi", "everything/ready"],
    );
    OPENAPI_WITHOUT_VERSION = defect(
        "handshake/openapi-without-version",
        "writes an `openapi` that names no version",
        &["handshake/openapi"],
    );
    FIRST_HEALTH_503 = defect(
        "handshake/first-health-503",
        "answers the first request for health with 503",
        &["handshake/ready-after-health"],
    );
    READY_BUT_NO_SOCKET = defect(
        "handshake/ready-but-no-socket",
        "has removed its socket by the time it says `ready`",
        &["handshake/ready-after-health"],
    );
    READY_WITHOUT_LISTENING = defect(
        "handshake/ready-without-listening",
        "says `ready` although it cannot listen",
        &["handshake/needs-a-socket"],
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
        &["launch-line/refuses-no-object"],
    )
    .only(2);
    REFUSES_SILENTLY = defect(
        "handshake/refuses-silently",
        "says nothing when it refuses a launch line",
        &["launch-line/refuses-no-object"],
    )
    .only(2);
}
