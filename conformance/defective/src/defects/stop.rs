//! Defects of stopping.

use super::{defect, defects};

/// Every check that looks at the exit status and at the socket file after a stop.
const ORDERLY_ENDS: &[&str] = &[
    "everything/drains",
    "everything/drains-streams",
    "everything/failing-shutdown",
    "everything/open-websocket",
    "everything/stop-before-start",
    "faults/closed-streams",
    "stop/after-lost-channel",
    "stop/drains",
    "stop/idle-connections",
    "stop/sigint",
    "stop/sigterm",
    "stop/starts-again",
    "stop/without-channel",
];

defects! {
    SIGTERM_IGNORED = defect(
        "stop/sigterm-ignored",
        "obeys SIGINT only",
        &[
            "everything/api-token-not-logged",
            "everything/drains",
            "everything/drains-streams",
            "everything/failing-shutdown",
            "everything/lifecycle",
            "everything/open-websocket",
            "everything/print",
            "everything/second-signal",
            "everything/stop-before-start",
            "everything/websocket-closed",
            "faults/closed-streams",
            "faults/host-died",
            "launch/data-dir-kept",
            "stdio/closed-stdout",
            "stdio/json-logs",
            "stdio/no-secret-in-files",
            "stdio/no-secret-on-streams",
            "stdio/two-lines",
            "stop/after-lost-channel",
            "stop/close-frame",
            "stop/drains",
            "stop/during-handshake",
            "stop/idle-connections",
            "stop/nothing-left",
            "stop/signal-after-signal",
            "stop/sigterm",
            "stop/starts-again",
            "stop/without-channel",
        ],
    );
    SIGINT_IGNORED = defect("stop/sigint-ignored", "obeys SIGTERM only", &["stop/sigint"]);
    STATUS_1 = defect(
        "stop/status-1",
        "ends with status 1 on a signal",
        ORDERLY_ENDS,
    )
    .and(&["stdio/closed-stdout"])
    .also(&["stop/during-handshake"], &[]);
    SOCKET_LEFT = defect(
        "stop/socket-left",
        "leaves its socket file behind",
        ORDERLY_ENDS,
    )
    .and(&["faults/host-died"])
    .also(&["stop/during-handshake"], &[]);
    CHANNEL_CUT = defect(
        "stop/channel-cut",
        "ends without closing the channel",
        &["stop/close-frame", "everything/failing-shutdown"],
    );
    UNHEARD_IN_HANDSHAKE = defect(
        "stop/unheard-in-handshake",
        "obeys no signal while it waits for its launch line",
        &["stop/during-handshake"],
    )
    .only(2);
    WAITS_FOR_CHANNEL = defect(
        "stop/waits-for-channel",
        "obeys no signal before its first channel has opened",
        &[
            "everything/lifecycle",
            "everything/print",
            "everything/stop-before-start",
            "everything/websocket-closed",
            "launch/data-dir-kept",
            "stop/drains",
            "stop/idle-connections",
            "stop/starts-again",
            "stop/without-channel",
        ],
    )
    .also(&["stop/during-handshake"], &[]);
    SECOND_DIAL_BLOCKS = defect(
        "stop/second-dial-blocks",
        "does not end when its channel has been dialled twice",
        &["stop/after-lost-channel"],
    );
    UNUSED_CONNECTIONS_DRAINED = defect(
        "stop/unused-connections-drained",
        "waits, as it stops, for connections over which nothing has come",
        &["stop/idle-connections"],
    );
    ACCEPTS_WHILE_DRAINING = defect(
        "stop/accepts-while-draining",
        "accepts connections while it finishes what is under way",
        &[
            "stop/drains",
            "stop/signal-after-signal",
            "everything/drains",
            "everything/drains-streams",
            "everything/second-signal",
        ],
    );
    NOT_DRAINED = defect(
        "stop/not-drained",
        "breaks off what is under way",
        &[
            "stop/drains",
            "everything/drains",
            "everything/drains-streams",
            "everything/second-signal",
        ],
    );
    CHILD_LEFT = defect(
        "stop/child-left",
        "leaves a process behind that it has started",
        &["stop/nothing-left", "faults/host-died"],
    );
    SECOND_SIGNAL_IGNORED = defect(
        "stop/second-signal-ignored",
        "goes on draining after a second signal",
        &["stop/signal-after-signal", "everything/second-signal"],
    );
    LOCK_LEFT = defect(
        "stop/lock-left",
        "leaves a lock file in its data directory and starts beside none",
        &[
            "stop/starts-again",
            "launch-line/end-means-nothing",
            "launch/any-working-directory",
            "socket/restart-after-kill",
        ],
    );
}
