//! Defects of the proof that it is the host who asks.

use super::{defect, defects};

defects! {
    UNSIGNED_TAKEN = defect(
        "auth/unsigned-taken",
        "serves requests without a signature in dialect 2 as in dialect 1",
        &[
            "auth/unsigned-refused",
            "auth/refused-before-body",
            "auth/channel-refused",
            "auth/only-health-exempt",
            "auth/underscores",
            "auth/events-signature",
            "everything/before-start",
            "everything/caller-spoofing",
        ],
    )
    .only(2);
    UI_FOR_ALL = defect(
        "auth/ui-for-all",
        "serves its user interface without asking for the signature",
        &["auth/unsigned-refused", "auth/wrong-signature-refused"],
    );
    TELLS_ROUTES = defect(
        "auth/tells-routes",
        "answers an unknown route with 404 before it looks at the signature",
        &[
            "auth/unsigned-refused",
            "auth/wrong-signature-refused",
            "auth/refused-before-body",
            "auth/only-health-exempt",
            "auth/underscores",
            "http/pipelined-requests",
        ],
    );
    SIGNATURE_IGNORED = defect(
        "auth/signature-ignored",
        "does not look at the signature in dialect 1",
        &[
            "auth/wrong-signature-refused",
            "auth/refused-before-body",
            "auth/channel-refused",
            "auth/underscores",
            "everything/caller-spoofing",
            "http/pipelined-requests",
        ],
    )
    .only(1);
    BEGINNING_TAKEN = defect(
        "auth/beginning-taken",
        "takes a beginning of the secret for the secret",
        &["auth/wrong-signature-refused", "auth/events-refused"],
    );
    LONGER_TAKEN = defect(
        "auth/longer-taken",
        "takes what begins with the secret for the secret",
        &["auth/wrong-signature-refused", "auth/events-refused"],
    );
    CASE_IGNORED = defect(
        "auth/case-ignored",
        "compares the secret without regard to case",
        &["auth/wrong-signature-refused", "auth/events-refused"],
    );
    EMPTY_IS_NONE = defect(
        "auth/empty-is-none",
        "takes an empty signature for none in dialect 1",
        &["auth/wrong-signature-refused"],
    )
    .only(1);
    BODY_FIRST = defect(
        "auth/body-first",
        "reads the body before it refuses a request",
        &["auth/refused-before-body"],
    );
    CHANNEL_FOR_ALL = defect(
        "auth/channel-for-all",
        "opens the channel without asking for the signature",
        &["auth/channel-refused"],
    );
    BELOW_HEALTH_EXEMPT = defect(
        "auth/below-health-exempt",
        "asks for no signature at paths that begin like the health path",
        &["auth/only-health-exempt"],
    )
    .only(2);
    ABOVE_HEALTH_EXEMPT = defect(
        "auth/above-health-exempt",
        "asks for no signature at paths that end like the health path",
        &["auth/only-health-exempt"],
    )
    .only(2);
    HEALTH_EXEMPT_TO_ALL_METHODS = defect(
        "auth/health-exempt-to-all-methods",
        "asks for no signature at the health path, whatever the method",
        &["auth/only-health-exempt"],
    )
    .only(2);
    UNSIGNED_FORBIDDEN = defect(
        "auth/unsigned-forbidden",
        "answers requests without a signature with 403 in dialect 1",
        &["auth/unsigned-accepted", "everything/caller-spoofing", "everything/caller-unverified"],
    )
    .only(1);
    UNDERSCORES_WIN = defect(
        "auth/underscores-win",
        "prefers a signature whose name is written with underscores",
        &["auth/underscores", "everything/caller-spoofing"],
    );
    EVENT_PROOF_UNKNOWN = defect(
        "auth/event-proof-unknown",
        "takes events with the signature only in dialect 1",
        &["auth/events-proofs", "auth/events-refused"],
    )
    .only(1);
    EVENT_PROOF_NEEDED = defect(
        "auth/event-proof-needed",
        "takes events with `x-temps-auth` only in dialect 1",
        &[
            "auth/events-proofs",
            "everything/before-start",
            "stop/drains",
            "stop/signal-after-signal",
        ],
    )
    .only(1);
    EVENTS_ON_TRUST = defect(
        "auth/events-on-trust",
        "takes events without any proof in dialect 1",
        &["auth/events-refused"],
    )
    .only(1);
    EVENT_PROOF_UNREAD = defect(
        "auth/event-proof-unread",
        "takes events with whatever there is in `x-temps-auth` in dialect 1",
        &["auth/events-refused"],
    )
    .only(1);
    EVENT_PROOF_OF_DIALECT_1 = defect(
        "auth/event-proof-of-dialect-1",
        "takes `x-temps-auth` for the signature of an event in dialect 2",
        &["auth/events-signature"],
    )
    .only(2);
}
