//! Defects of the health path.

use super::{defect, defects};

/// Every check that asks for the health of a plugin without a channel.
const BEFORE_THE_CHANNEL: &[&str] = &[
    "handshake/ready-after-health",
    "launch-line/in-pieces",
    "launch-line/carriage-return",
    "launch-line/end-means-nothing",
    "launch-line/unknown-members",
    "launch/missing-socket-path",
    "launch/missing-data-dir",
    "launch/unknown-flags",
    "launch/joined-flags",
    "launch/empty-environment",
    "launch/any-working-directory",
    "launch/odd-argv0",
    "launch/self-contained",
    "socket/stale-replaced",
    "socket/restart-after-kill",
    "socket/longest-path",
    "health/before-channel",
    "health/parallel",
    "health/beside-idle-connections",
    "http/no-http",
    "http/peer-goes-away",
    "stop/idle-connections",
    "stop/starts-again",
    "everything/before-start",
    "everything/print",
    "everything/print-to-stderr",
    "everything/others-are-served",
];

defects! {
    LOOKS_AT_SIGNATURE = defect(
        "health/looks-at-signature",
        "answers health with 401 when the signature is wrong",
        &["health/get"],
    );
    HEAD_IS_405 = defect("health/head-is-405", "answers HEAD of its health with 405", &["health/head"]);
    HEAD_WITH_BODY = defect(
        "health/head-with-body",
        "sends a body after the head when it is asked for the head of its health",
        &["health/head"],
    );
    WAITS_FOR_CHANNEL = defect(
        "health/waits-for-channel",
        "is not healthy before there is a channel",
        BEFORE_THE_CHANNEL,
    );
    ILL_AFTER_CLOSE = defect(
        "health/ill-after-close",
        "is not healthy after its channel was closed with a close frame",
        &["health/after-channel-lost"],
    );
    ILL_WHEN_BUSY = defect(
        "health/ill-when-busy",
        "is not healthy while more than 40 connections are open",
        &["health/parallel", "health/beside-idle-connections", "everything/others-are-served"],
    );
    WORKER_PER_CONNECTION = defect(
        "health/worker-per-connection",
        "has 40 workers, each of which stays with its connection to the end",
        &[
            "health/parallel",
            "health/beside-idle-connections",
            "everything/call-many-at-once",
            "everything/others-are-served",
        ],
    );
}
