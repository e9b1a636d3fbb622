//! Defects of the everything profile's hooks, output and end.

use super::{defect, defects};

defects! {
    READY_WITHOUT_OPENAPI = defect(
        "everything-life/ready-without-openapi",
        "leaves its OpenAPI document out of `ready`",
        &["everything/large-openapi", "everything/ready"],
    );
    CONTEXT_OF_DIALECT_2 = defect(
        "everything-life/context-of-dialect-2",
        "tells author code that it is dialect 2, whatever is spoken",
        &["everything/context"],
    ).only(1);
    PRINT_TRIMMED = defect(
        "everything-life/print-trimmed",
        "trims what author code prints",
        &["everything/print", "everything/print-to-stderr"],
    );
    PRINT_SWALLOWED = defect(
        "everything-life/print-swallowed",
        "swallows what author code prints",
        &["everything/print-to-stderr"],
    );
    PANIC_HANGS_UP = defect(
        "everything-life/panic-hangs-up",
        "hangs up when a handler panics",
        &["everything/panic"],
    );
    PANICS_UNLOGGED = defect(
        "everything-life/panics-unlogged",
        "says nothing of panics",
        &["everything/event-failures", "everything/panic"],
    );
    SHUTDOWN_HOOK_NEEDS_A_CHANNEL = defect(
        "everything-life/shutdown-hook-needs-a-channel",
        "runs the shutdown hook only if there was a channel",
        &["everything/lifecycle"],
    );
    BREAKS_OFF_STREAMS = defect(
        "everything-life/breaks-off-streams",
        "breaks off responses under way when it stops",
        &["everything/drains-streams"],
    );
    DIES_OF_LONG_MESSAGES = defect(
        "everything-life/dies-of-long-messages",
        "dies of a message that is longer than it takes",
        &["everything/endless-message"],
    );
    WAITS_FOR_WEBSOCKETS = defect(
        "everything-life/waits-for-websockets",
        "waits for open WebSockets before it exits",
        &[
            "everything/open-websocket",
            "everything/websocket-closed",
        ],
    );
    WEBSOCKETS_CUT = defect(
        "everything-life/websockets-cut",
        "ends without a close frame on open WebSockets",
        &["everything/websocket-closed"],
    );
    ROUTES_BEFORE_START = defect(
        "everything-life/routes-before-start",
        "answers its routes before its start hook has returned",
        &["everything/before-start"],
    );
    SIGNAL_AFTER_START_HOOK = defect(
        "everything-life/signal-after-start-hook",
        "obeys a signal only once its start hook has returned",
        &["everything/stop-before-start"],
    );
    SHUTDOWN_HOOK_ALWAYS = defect(
        "everything-life/shutdown-hook-always",
        "runs the shutdown hook of what was never initialised",
        &["everything/stop-before-start"],
    );
    SHUTDOWN_PANIC_IS_FATAL = defect(
        "everything-life/shutdown-panic-is-fatal",
        "exits on the spot when its shutdown hook panics",
        &["everything/failing-shutdown"],
    );
}
