//! Defects of the channel: its place, its frames, its messages.

use super::{defect, defects};

defects! {
    PINGS_UNANSWERED = defect(
        "channel/pings-unanswered",
        "answers no ping",
        &[
            "auth/channel-refused",
            "channel/announced-sizes",
            "channel/answers-close",
            "channel/bad-events",
            "channel/broken-frames",
            "channel/coalesced-frames",
            "channel/cut-frames",
            "channel/large-messages",
            "channel/malformed",
            "channel/odd-events",
            "channel/one-at-a-time",
            "channel/opens",
            "channel/reconnects",
            "channel/skips-are-logged",
            "channel/split-frames",
            "channel/survives-loss",
            "channel/unknown-ids",
            "channel/unknown-types",
            "everything/api-methods",
            "everything/api-no-actor",
            "everything/api-token-not-logged",
            "everything/api-too-much",
            "everything/before-start",
            "everything/call-given-up",
            "everything/call-timeout",
            "everything/drains",
            "everything/drains-streams",
            "everything/endless-message",
            "everything/event-burst",
            "everything/event-calls",
            "everything/event-failures",
            "everything/event-order",
            "everything/failing-shutdown",
            "everything/open-websocket",
            "everything/reconnections",
            "everything/reply-among-noise",
            "everything/second-signal",
            "everything/slow-reader",
            "everything/unread-body",
            "faults/closed-streams",
            "faults/descriptor-limit",
            "faults/host-died",
            "faults/interrupted-upgrades",
            "faults/reconnections",
            "stdio/closed-stdout",
            "stdio/json-logs",
            "stdio/no-secret-in-files",
            "stdio/no-secret-on-streams",
            "stdio/two-lines",
            "stop/after-lost-channel",
            "stop/close-frame",
            "stop/nothing-left",
            "stop/sigint",
            "stop/signal-after-signal",
            "stop/sigterm",
        ],
    );
    SECOND_ACCEPTED = defect(
        "channel/second-accepted",
        "opens a second channel beside the first",
        &["channel/one-at-a-time"],
    );
    SECOND_ENDS_FIRST = defect(
        "channel/second-ends-first",
        "refuses a second channel and loses the first over it",
        &["channel/one-at-a-time"],
    );
    ONE_FOR_LIFE = defect(
        "channel/one-for-life",
        "opens one channel and never another",
        &[
            "channel/announced-sizes",
            "channel/broken-frames",
            "channel/cut-frames",
            "channel/reconnects",
            "channel/survives-loss",
            "everything/call-channel-lost",
            "everything/endless-message",
            "everything/event-after-reconnection",
            "everything/reconnections",
            "everything/reply-cut",
            "faults/interrupted-upgrades",
            "faults/reconnections",
            "health/after-channel-lost",
            "requests/next-channel",
            "stop/after-lost-channel",
        ],
    );
    KEPT_AFTER_CLOSE = defect(
        "channel/kept-after-close",
        "takes a channel that was closed with a close frame for live",
        &[
            "channel/broken-frames",
            "channel/reconnects",
            "health/after-channel-lost",
            "requests/next-channel",
        ],
    );
    KEPT_WITHIN_A_FRAME = defect(
        "channel/kept-within-a-frame",
        "takes a channel that broke off within a frame for live",
        &["channel/cut-frames", "channel/survives-loss", "everything/reply-cut"],
    );
    DIES_WITHIN_A_FRAME = defect(
        "channel/dies-within-a-frame",
        "ends when its channel breaks off within a frame",
        &["channel/cut-frames", "channel/survives-loss", "everything/reply-cut"],
    );
    DIES_OF_A_BROKEN_FRAME = defect(
        "channel/dies-of-a-broken-frame",
        "ends when a frame breaks the rules of WebSocket",
        &[
            "channel/announced-sizes",
            "channel/broken-frames",
            "channel/survives-loss",
            "everything/endless-message",
        ],
    );
    CLOSE_UNANSWERED = defect(
        "channel/close-unanswered",
        "leaves a close frame without an answer",
        &[
            "channel/answers-close",
            "channel/reconnects",
            "everything/call-no-channel",
            "faults/closed-streams",
            "health/after-channel-lost",
        ],
    );
    UNKNOWN_TYPE_FATAL = defect(
        "channel/unknown-type-fatal",
        "closes the channel over a message of an unknown type",
        &[
            "channel/coalesced-frames",
            "channel/large-messages",
            "channel/split-frames",
            "channel/unknown-types",
            "everything/reply-among-noise",
        ],
    );
    UNKNOWN_ID_FATAL = defect(
        "channel/unknown-id-fatal",
        "closes the channel over a response to nothing",
        &[
            "channel/unknown-ids",
            "everything/call-given-up",
            "everything/call-timeout",
            "everything/reply-among-noise",
            "everything/reply-duplicated",
        ],
    );
    TEXT_ID_FATAL = defect(
        "channel/text-id-fatal",
        "closes the channel over a response whose id is a text",
        &["channel/unknown-ids", "everything/reply-among-noise"],
    );
    NO_JSON_FATAL = defect(
        "channel/no-json-fatal",
        "closes the channel over a message that is no JSON",
        &[
            "channel/malformed",
            "channel/skips-are-logged",
            "everything/event-malformed-between",
            "everything/reply-among-noise",
            "faults/closed-streams",
            "faults/host-died",
            "stdio/closed-stdout",
            "stdio/json-logs",
            "stdio/no-secret-in-files",
            "stdio/no-secret-on-streams",
            "stdio/two-lines",
        ],
    );
    NO_TYPE_FATAL = defect(
        "channel/no-type-fatal",
        "closes the channel over a message without a type",
        &["channel/malformed", "channel/unknown-types"],
    );
    BINARY_FATAL = defect(
        "channel/binary-fatal",
        "closes the channel over a binary message",
        &["channel/malformed", "everything/event-malformed-between"],
    );
    BAD_EVENT_FATAL = defect(
        "channel/bad-event-fatal",
        "closes the channel over what is no event",
        &["channel/bad-events", "everything/event-malformed-between"],
    );
    BARE_EVENT_FATAL = defect(
        "channel/bare-event-fatal",
        "closes the channel over an event without data",
        &["channel/odd-events", "everything/event-as-received", "everything/reply-among-noise"],
    );
    TYPED_DATA_FATAL = defect(
        "channel/typed-data-fatal",
        "closes the channel over a known event whose data is no object",
        &["channel/odd-events"],
    );
    SKIPS_SILENTLY = defect(
        "channel/skips-silently",
        "does not log what it skips",
        &["channel/skips-are-logged"],
    );
    BINARY_AS_TEXT = defect(
        "channel/binary-as-text",
        "takes a binary message for a text",
        &["everything/event-malformed-between"],
    );
    ONE_MIB_MESSAGES = defect(
        "channel/one-mib-messages",
        "takes no message over 1 MiB",
        &["channel/large-messages"],
    );
    ONE_BYTE_TOO_FEW = defect(
        "channel/one-byte-too-few",
        "takes messages of one byte less than 16 MiB",
        &["channel/large-messages"],
    );
    FRAGMENTS_REFUSED = defect(
        "channel/fragments-refused",
        "takes no message of several frames",
        &["channel/coalesced-frames", "channel/large-messages"],
    );
    LONE_BYTE_FATAL = defect(
        "channel/lone-byte-fatal",
        "closes the channel when a single byte of a frame comes by itself",
        &["channel/split-frames"],
    );
    PING_BETWEEN_FRAGMENTS_FATAL = defect(
        "channel/ping-between-fragments-fatal",
        "closes the channel over a ping between the fragments of a message",
        &["channel/coalesced-frames"],
    );
    SHORT_CLOSE_FATAL = defect(
        "channel/short-close-fatal",
        "ends when a close frame has one byte of its code",
        &["channel/broken-frames"],
    );
    ANNOUNCED_SIZE_FATAL = defect(
        "channel/announced-size-fatal",
        "ends when a frame is announced that no memory has room for",
        &["channel/announced-sizes", "everything/endless-message"],
    );
}
