//! Defects of the everything profile's routes, and of who may use them.

use super::{defect, defects};

defects! {
    PATH_DECODED = defect(
        "everything-http/path-decoded",
        "decodes the path before author code sees it",
        &["everything/echo"],
    );
    SLASHES_MERGED = defect(
        "everything-http/slashes-merged",
        "merges slashes in the path",
        &["everything/echo-odd-paths"],
    );
    REPEATED_HEADERS_JOINED = defect(
        "everything-http/repeated-headers-joined",
        "joins the values of a repeated header by commas",
        &["everything/echo", "everything/echo-odd-headers"],
    );
    EMPTY_HEADERS_DROPPED = defect(
        "everything-http/empty-headers-dropped",
        "drops headers without a value",
        &["everything/echo-odd-headers"],
    );
    GET_WITHOUT_BODY = defect(
        "everything-http/get-without-body",
        "takes no body with `GET`",
        &["everything/echo-methods-with-bodies"],
    );
    CHUNK_EXTENSIONS_REFUSED = defect(
        "everything-http/chunk-extensions-refused",
        "refuses a body with a chunk extension",
        &["everything/echo-chunked"],
    );
    EMPTY_QUERY_IS_NONE = defect(
        "everything-http/empty-query-is-none",
        "takes a bare `?` for no query",
        &["everything/echo-methods"],
    );
    ODD_METHODS_REFUSED = defect(
        "everything-http/odd-methods-refused",
        "refuses methods that it does not know",
        &[
            "everything/echo-methods",
            "everything/echo-methods-with-bodies",
        ],
    );
    EVENT_AUTH_SHOWN = defect(
        "everything-http/event-auth-shown",
        "shows author code the secret in `x-temps-auth`",
        &["everything/credentials-hidden"],
    );
    ACTOR_TOKEN_SHOWN = defect(
        "everything-http/actor-token-shown",
        "shows author code the caller's token among the headers",
        &["everything/credentials-hidden"],
    );
    BODY_OF_512_KIB = defect(
        "everything-http/body-of-512-kib",
        "takes whole bodies of 512 KiB at most",
        &["everything/large-body"],
    );
    STREAMS_END_AT_32_MIB = defect(
        "everything-http/streams-end-at-32-mib",
        "gives up on a stream after 32 MiB",
        &["everything/huge-stream"],
    );
    FIVE_HUNDRED_STREAMS = defect(
        "everything-http/five-hundred-streams",
        "streams 500 bodies at a time",
        &["everything/parallel-requests"],
    );
    STREAM_BUFFERED = defect(
        "everything-http/stream-buffered",
        "reads a whole body before it answers",
        &[
            "everything/stream-echo",
            "everything/parallel-requests",
            "everything/drains",
        ],
    );
    TRAILERS_DROPPED = defect(
        "everything-http/trailers-dropped",
        "drops trailers",
        &["everything/trailers"],
    );
    STATUSES_UNCHECKED = defect(
        "everything-http/statuses-unchecked",
        "answers with any number that it is asked for as a status",
        &["everything/status"],
    );
    BYTES_WITHOUT_LENGTH = defect(
        "everything-http/bytes-without-length",
        "leaves out a Content-Length that it knows",
        &["everything/bytes"],
    );
    PATTERN_OF_256 = defect(
        "everything-http/pattern-of-256",
        "counts to 255 where it should count to 250",
        &["everything/bytes", "everything/broken-body"],
    );
    MUCH_AHEAD = defect(
        "everything-http/much-ahead",
        "makes 192 MiB of a response before any of it is taken",
        &["everything/slow-reader"],
    );
    EVENTS_HELD_BACK = defect(
        "everything-http/events-held-back",
        "sends server-sent events together at the end",
        &["everything/second-signal", "everything/sse"],
    );
    EMPTY_MESSAGES_SKIPPED = defect(
        "everything-http/empty-messages-skipped",
        "sends no empty WebSocket message back",
        &["everything/websocket"],
    );
    BINARY_AS_TEXT = defect(
        "everything-http/binary-as-text",
        "sends binary WebSocket messages back as text",
        &["everything/websocket"],
    );
    CLOSE_UNANSWERED = defect(
        "everything-http/close-unanswered",
        "leaves a WebSocket's close frame without an answer",
        &["everything/websocket"],
    );
    SLEEPS_WHOLE_SECONDS = defect(
        "everything-http/sleeps-whole-seconds",
        "rounds times down to seconds",
        &["everything/slow"],
    );
    CALLERS_NEVER_MISSED = defect(
        "everything-http/callers-never-missed",
        "does not notice that a caller has gone",
        &["everything/cancelled"],
    );
    EIGHT_WORKERS = defect(
        "everything-http/eight-workers",
        "answers eight `GET` requests of author code at a time",
        &["everything/others-are-served"],
    );
    UNKNOWN_ROLES_REFUSED = defect(
        "everything-http/unknown-roles-refused",
        "takes callers with a role that it does not know for nobody",
        &["everything/caller-signed-in"],
    );
    PERMISSIONS_UNTRIMMED = defect(
        "everything-http/permissions-untrimmed",
        "keeps blanks around the names of permissions",
        &["everything/caller-signed-in"],
    );
    EMAIL_OPTIONAL = defect(
        "everything-http/email-optional",
        "takes callers without an e-mail address for signed in",
        &[
            "everything/caller-half",
            "everything/caller-spoofing",
            "requests/private",
        ],
    );
    UNDERSCORES_ARE_HYPHENS = defect(
        "everything-http/underscores-are-hyphens",
        "takes underscores in header names for hyphens",
        &["everything/caller-underscores", "requests/underscores"],
    );
    EVENT_AUTH_SIGNS = defect(
        "everything-http/event-auth-signs",
        "takes the proof of an event for a signature",
        &["auth/events-signature", "everything/caller-spoofing"],
    );
    TRAILERS_ARE_HEADERS = defect(
        "everything-http/trailers-are-headers",
        "takes trailers for headers",
        &["everything/caller-in-trailers"],
    );
    UNSIGNED_CALLERS_BELIEVED = defect(
        "everything-http/unsigned-callers-believed",
        "believes identity headers without the signature",
        &[
            "everything/caller-spoofing",
            "everything/caller-unverified",
            "requests/unverified",
        ],
    ).only(1);
    PRIVATE_TO_EVERYBODY = defect(
        "everything-http/private-to-everybody",
        "answers everybody at a private route",
        &[
            "everything/caller-unverified",
            "everything/private",
            "requests/private",
            "requests/samples",
            "requests/underscores",
            "requests/unverified",
        ],
    );
    PRIVATE_BY_ID_ALONE = defect(
        "everything-http/private-by-id-alone",
        "lets callers with no more than an id into a private route",
        &["everything/private"],
    );
    PUBLIC_WANTS_A_CALLER = defect(
        "everything-http/public-wants-a-caller",
        "wants a caller at a public route",
        &["everything/public"],
    );
    PAGE_WITHOUT_NAME = defect(
        "everything-http/page-without-name",
        "serves a page without its name",
        &["everything/ui"],
    );
}
