//! Defects that show when something around the plugin goes wrong.

use super::{defect, defects};

defects! {
    DIES_WITH_STDERR = defect(
        "faults/dies-with-stderr",
        "ends when nobody reads its log any more",
        &["faults/closed-streams", "faults/host-died"],
    );
    DIES_WITH_HOST = defect(
        "faults/dies-with-host",
        "ends when its parent process is gone",
        &["faults/host-died"],
    );
    FULL_DISK_STATUS_0 = defect(
        "faults/full-disk-status-0",
        "ends with status 0 when its start hook fails",
        &["faults/full-disk"],
    );
    DIES_WITHOUT_DESCRIPTORS = defect(
        "faults/dies-without-descriptors",
        "ends when it has no descriptor left for a connection",
        &["faults/descriptor-limit"],
    );
    DEAF_WITHOUT_DESCRIPTORS = defect(
        "faults/deaf-without-descriptors",
        "accepts nothing any more once it has had no descriptor left for a connection",
        &["faults/descriptor-limit"],
    );
    HANGS_ON_HALF_A_HEAD = defect(
        "faults/hangs-on-half-a-head",
        "hangs when a peer stops sending in the middle of a head",
        &["faults/half-closed", "http/no-http"],
    );
    HEAD_IN_ONE_PIECE = defect(
        "faults/head-in-one-piece",
        "refuses a request whose head does not come in one piece",
        &["faults/slow-senders", "health/parallel", "http/split-requests"],
    );
    CHANNEL_LEAKS_DESCRIPTOR = defect(
        "faults/channel-leaks-descriptor",
        "loses a descriptor with each channel",
        &["faults/reconnections", "everything/reconnections"],
    );
    GIVEN_UP_DIAL_KEEPS_PLACE = defect(
        "faults/given-up-dial-keeps-place",
        "takes a channel for live whose host went before it was open",
        &["faults/interrupted-upgrades"],
    );
}
