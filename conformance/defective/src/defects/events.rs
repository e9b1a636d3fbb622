//! Defects of `POST /_events`, and of what is taken for an event.

use super::{defect, defects};

defects! {
    ANSWERED_WITH_202 = defect(
        "events/answered-with-202",
        "answers an event with 202",
        &[
            "events/taken",
            "events/any-content-type",
            "events/lenient",
            "events/refused",
            "auth/events-proofs",
            "auth/events-refused",
            "events/odd-project-ids",
            "everything/before-start",
            "everything/event-by-post",
            "http/events-reserved",
            "stop/drains",
            "stop/signal-after-signal",
            "auth/events-signature",
            "everything/event-burst",
        ],
    );
    CONTENT_TYPE_REQUIRED = defect(
        "events/content-type-required",
        "takes events of the content type application/json only",
        &[
            "events/any-content-type",
            "events/lenient",
            "events/odd-project-ids",
            "events/refused",
            "everything/before-start",
            "stop/drains",
            "stop/signal-after-signal",
        ],
    );
    OCTET_STREAM_REFUSED = defect(
        "events/octet-stream-refused",
        "takes no event of the content type application/octet-stream",
        &["events/any-content-type"],
    );
    PROJECT_ID_REQUIRED = defect(
        "events/project-id-required",
        "refuses an event by POST that has no project_id",
        &["events/lenient"],
    );
    RFC_3339_REQUIRED = defect(
        "events/rfc-3339-required",
        "takes no event whose timestamp is no RFC 3339",
        &["events/lenient", "everything/event-as-received"],
    );
    EMPTY_ID_TAKEN = defect(
        "events/empty-id-taken",
        "takes an event whose id is empty",
        &["events/refused", "everything/event-malformed-between"],
    );
    MESSAGE_TAKEN = defect(
        "events/message-taken",
        "takes the channel's message around an event by POST",
        &["events/refused"],
    );
    REFUSED_WITH_422 = defect(
        "events/refused-with-422",
        "answers what is no event with 422",
        &["events/odd-project-ids", "events/refused"],
    );
    REFUSED_WITHOUT_REASON = defect(
        "events/refused-without-reason",
        "does not say why something is no event",
        &["events/refused"],
    );
    ODD_PROJECT_ID_500 = defect(
        "events/odd-project-id-500",
        "answers an event whose project_id is no integer of 32 bits with 500",
        &["events/odd-project-ids"],
    );
}
