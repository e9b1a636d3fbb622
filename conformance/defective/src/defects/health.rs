//! Defects of the health path.

use super::{defect, defects};

/// Every check that asks for health first of all, before there is a channel.
pub(super) const ASKED_AT_ONCE: &[&str] = &[
    "everything/before-start",
    "faults/host-died",
    "faults/slow-senders",
    "handshake/ready-after-health",
    "health/before-channel",
    "health/beside-idle-connections",
    "health/parallel",
    "http/no-http",
    "launch-line/already-there",
    "launch-line/byte-by-byte",
    "launch-line/carriage-return",
    "launch-line/end-means-nothing",
    "launch-line/in-pieces",
    "launch-line/unknown-members",
    "launch/any-working-directory",
    "launch/empty-environment",
    "launch/joined-flags",
    "launch/missing-data-dir",
    "launch/missing-socket-path",
    "launch/odd-argv0",
    "launch/self-contained",
    "launch/unknown-flags",
    "socket/longest-path",
    "socket/restart-after-kill",
    "socket/stale-replaced",
    "stop/idle-connections",
    "stop/starts-again",
];

defects! {
    LOOKS_AT_SIGNATURE = defect(
        "health/looks-at-signature",
        "answers health with 401 when the signature is wrong",
        &["health/get"],
    );
    HEAD_IS_405 = defect(
        "health/head-is-405",
        "answers HEAD of its health with 405",
        &["everything/hidden-health", "health/head"],
    );
    HEAD_WITH_BODY = defect(
        "health/head-with-body",
        "sends a body after the head when it is asked for the head of its health",
        &["health/head"],
    );
    WAITS_FOR_CHANNEL = defect(
        "health/waits-for-channel",
        "is not healthy before there is a channel",
        ASKED_AT_ONCE,
    )
    .and(&[
        "everything/others-are-served",
        "everything/parallel-requests",
        "everything/print",
        "everything/print-to-stderr",
        "faults/half-closed",
        "http/peer-goes-away",
    ]);
    ILL_AFTER_CLOSE = defect(
        "health/ill-after-close",
        "is not healthy after its channel was closed with a close frame",
        &["channel/broken-frames", "faults/closed-streams", "health/after-channel-lost"],
    );
    ILL_WHEN_BUSY = defect(
        "health/ill-when-busy",
        "is not healthy while more than 40 connections are open",
        &[
            "health/parallel",
            "health/beside-idle-connections",
            "everything/others-are-served",
            "faults/slow-senders",
            "everything/parallel-requests",
        ],
    );
    WORKER_PER_CONNECTION = defect(
        "health/worker-per-connection",
        "has 40 workers, each of which stays with its connection to the end",
        &[
            "health/parallel",
            "health/beside-idle-connections",
            "everything/call-many-at-once",
            "everything/others-are-served",
            "faults/slow-senders",
            "everything/parallel-requests",
        ],
    );
}
