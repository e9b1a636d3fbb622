//! Defects of what becomes of events.

use super::{defect, defects};

defects! {
    MISSING_DATA_IS_NULL = defect(
        "everything-events/missing-data-is-null",
        "hands over null where `data` is missing",
        &["everything/event-as-received"],
    );
    NEEDS_A_PROJECT = defect(
        "everything-events/needs-a-project",
        "refuses events without a project",
        &[
            "events/lenient",
            "everything/event-as-received",
            "requests/events-by-channel",
            "requests/events-posted",
        ],
    );
    HUNDREDTH_LATE = defect(
        "everything-events/hundredth-late",
        "lets every hundredth event be overtaken by the next",
        &["everything/event-order", "everything/event-burst"],
    );
    ENDS_WITH_A_PANIC = defect(
        "everything-events/ends-with-a-panic",
        "hands over no event after a handler has failed",
        &[
            "everything/event-failures",
            "everything/event-by-post",
            "everything/event-burst",
        ],
    );
    FAILURES_SWALLOWED = defect(
        "everything-events/failures-swallowed",
        "says nothing of a handler that fails",
        &["everything/event-failures"],
    );
    FAILING_HANDLER_IS_500 = defect(
        "everything-events/failing-handler-is-500",
        "answers with 500 to an event whose handler fails",
        &["everything/event-by-post"],
    );
    POSTED_DROPPED = defect(
        "everything-events/posted-dropped",
        "takes events by POST and drops them",
        &[
            "everything/event-by-post",
            "everything/before-start",
            "everything/event-burst",
            "requests/events-posted",
        ],
    );
    DELETE_KEEPS = defect(
        "everything-events/delete-keeps",
        "forgets no events",
        &["everything/event-forgotten"],
    );
    FIRST_CHANNEL_ONLY = defect(
        "everything-events/first-channel-only",
        "takes events of its first channel only",
        &[
            "everything/event-after-reconnection",
            "everything/reconnections",
            "requests/next-channel",
        ],
    );
    WORDS_ALONE_REFUSED = defect(
        "everything-events/words-alone-refused",
        "refuses events whose type is one word",
        &["everything/event-types"],
    );
    FIVE_THOUSAND_KEPT = defect(
        "everything-events/five-thousand-kept",
        "loses events when it has 5,000",
        &["everything/event-burst"],
    );
    HANDLERS_ON_THE_READER = defect(
        "everything-events/handlers-on-the-reader",
        "reads no frame while an event handler runs",
        &["everything/before-start", "everything/event-calls"],
    );
}
