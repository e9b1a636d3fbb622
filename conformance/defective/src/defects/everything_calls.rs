//! Defects of calls over the channel.

use super::{defect, defects};

defects! {
    OPTIONAL_PARAMS_DROPPED = defect(
        "everything-calls/optional-params-dropped",
        "drops an optional parameter",
        &["everything/call-every-method"],
    );
    LISTS_NEED_A_LIMIT = defect(
        "everything-calls/lists-need-a-limit",
        "lists projects only with a limit",
        &["everything/call-proper-host"],
    );
    PARAMS_GROWN = defect(
        "everything-calls/params-grown",
        "adds a member of its own to the parameters",
        &["everything/call-every-method", "everything/call-frames"],
    );
    IDS_FROM_ZERO = defect(
        "everything-calls/ids-from-zero",
        "counts ids from 0",
        &["everything/call-ids-count-up"],
    );
    UNKNOWN_CODES_ARE_INTERNAL = defect(
        "everything-calls/unknown-codes-are-internal",
        "takes an unknown error code for `internal`",
        &["everything/api-errors", "everything/call-error-codes"],
    );
    DENIED_LISTS_ARE_EMPTY = defect(
        "everything-calls/denied-lists-are-empty",
        "takes permission_denied for an empty list",
        &["everything/call-denied", "everything/call-error-codes"],
    );
    REPLIES_IN_ORDER = defect(
        "everything-calls/replies-in-order",
        "gives each reply to the oldest call under way",
        &[
            "everything/call-out-of-order",
            "everything/call-many-at-once",
            "everything/call-slow-delays-none",
        ],
    );
    THIRTY_TWO_AT_ONCE = defect(
        "everything-calls/thirty-two-at-once",
        "makes 32 calls at a time",
        &["everything/call-many-at-once"],
    );
    HANDED_OVER_IN_ORDER = defect(
        "everything-calls/handed-over-in-order",
        "hands replies over in the order of the calls",
        &["everything/call-slow-delays-none"],
    );
    METHOD_OF_REPLY_IGNORED = defect(
        "everything-calls/method-of-reply-ignored",
        "does not look at the method of a reply",
        &["everything/call-mismatched-method"],
    ).only(2);
    UNREADABLE_REPLIES_SKIPPED = defect(
        "everything-calls/unreadable-replies-skipped",
        "skips replies without meaning, so that their calls wait on",
        &[
            "everything/call-mismatched-method",
            "everything/call-unreadable-reply",
        ],
    );
    NULL_MEMBERS_REFUSED = defect(
        "everything-calls/null-members-refused",
        "refuses a result with a member that is null",
        &["everything/call-unknown-members"],
    );
    IDS_OF_ANY_TYPE = defect(
        "everything-calls/ids-of-any-type",
        "takes a text for the id of a reply",
        &["everything/reply-among-noise"],
    );
    KEPT_FOR_THE_NEXT = defect(
        "everything-calls/kept-for-the-next",
        "keeps a reply that nobody waits for, and takes it for that to the next call",
        &["everything/reply-duplicated", "everything/call-given-up"],
    );
    LOST_CALLS_WAIT = defect(
        "everything-calls/lost-calls-wait",
        "lets calls wait on when the channel is lost",
        &["everything/call-channel-lost", "everything/reply-cut"],
    );
    NOBODY_TO_CALL_HANGS = defect(
        "everything-calls/nobody-to-call-hangs",
        "lets a call wait without a channel and never sends it",
        &["everything/call-no-channel"],
    );
    API_QUERY_IN_PATH = defect(
        "everything-calls/api-query-in-path",
        "puts the query of an api_call into its path",
        &["everything/api-as-caller"],
    ).only(2);
    ACTOR_OF_ITS_OWN = defect(
        "everything-calls/actor-of-its-own",
        "makes an api_call in its own name for callers without a token",
        &["everything/api-no-actor"],
    ).only(2);
    API_ERRORS_ARE_STATUSES = defect(
        "everything-calls/api-errors-are-statuses",
        "takes the host's error for an answer with status 500",
        &["everything/api-errors"],
    ).only(2);
    API_METHODS_IN_ANY_CASE = defect(
        "everything-calls/api-methods-in-any-case",
        "takes methods of api_call in small letters",
        &["everything/api-methods"],
    ).only(2);
    API_PARTS_ONE_BY_ONE = defect(
        "everything-calls/api-parts-one-by-one",
        "measures the parts of an api_call, but not all of them together",
        &["everything/api-too-much"],
    ).only(2);
    LOGS_THE_ACTOR_TOKEN = defect(
        "everything-calls/logs-the-actor-token",
        "logs the caller's token",
        &["everything/api-token-not-logged", "requests/no-secret"],
    ).only(2);
    LIMITS_IGNORED = defect(
        "everything-calls/limits-ignored",
        "does not let author code limit a call",
        &[
            "everything/call-timeout",
            "everything/call-given-up",
            "everything/event-calls",
        ],
    );
    LATE_REPLY_FOR_THE_NEXT = defect(
        "everything-calls/late-reply-for-the-next",
        "gives a reply that comes late to another call",
        &["everything/call-timeout", "everything/reply-among-noise"],
    );
    GIVEN_UP_KEPT = defect(
        "everything-calls/given-up-kept",
        "keeps replies to calls that were given up",
        &["everything/call-given-up"],
    );
}
