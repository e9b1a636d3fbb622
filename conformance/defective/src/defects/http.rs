//! Defects of the HTTP server.

use super::{defect, defects};

defects! {
    CLOSES_AFTER_RESPONSE = defect(
        "http/closes-after-response",
        "closes each connection after one response",
        &["http/keeps-connections", "http/pipelined-requests"],
    );
    UNKNOWN_ROUTE_IS_500 = defect(
        "http/unknown-route-is-500",
        "answers a request for a route it does not have with 500",
        &["http/unknown-route"],
    );
    TRACE_UNANSWERED = defect(
        "http/trace-unanswered",
        "closes the connection when it is sent a TRACE",
        &["everything/echo-methods-with-bodies", "http/odd-methods"],
    );
    UNKNOWN_METHODS_UNANSWERED = defect(
        "http/unknown-methods-unanswered",
        "closes the connection when it is sent a method it does not know",
        &[
            "http/odd-methods",
            "everything/echo-methods",
            "everything/echo-methods-with-bodies",
            "everything/hidden-health",
        ],
    );
    BAD_PERCENT_UNANSWERED = defect(
        "http/bad-percent-unanswered",
        "closes the connection when the path has a percent sign without two digits",
        &["http/odd-paths"],
    );
    LONG_PATH_UNANSWERED = defect(
        "http/long-path-unanswered",
        "closes the connection when the path has more than 2048 bytes",
        &["everything/echo-odd-paths", "http/odd-paths"],
    );
    LARGE_BODY_UNANSWERED = defect(
        "http/large-body-unanswered",
        "reads what is sent to an unknown route, and closes the connection after 1 MiB",
        &["http/large-body"],
    );
    EXITS_ON_TLS = defect("http/exits-on-tls", "exits when it is sent a TLS greeting", &["http/no-http"]);
    EXITS_ON_HALF_A_HEAD = defect(
        "http/exits-on-half-a-head",
        "exits when a connection ends in the middle of a head",
        &["faults/half-closed", "http/no-http"],
    );
    EXITS_WHEN_UNREAD = defect(
        "http/exits-when-unread",
        "exits when it answers a GET and the peer has gone, as SIGPIPE would have it",
        &["http/peer-goes-away"],
    );
    EVENTS_TO_GET = defect(
        "http/events-to-get",
        "answers GET of /_events with 200",
        &["http/events-reserved"],
    );
    EVENTS_BY_PUT = defect(
        "http/events-by-put",
        "answers PUT of /_events with 200",
        &["http/events-reserved"],
    );
    CHANNEL_TO_GET = defect(
        "http/channel-to-get",
        "answers GET of the channel without an upgrade with 200",
        &["http/channel-reserved"],
    );
    BELOW_TEMPS_IS_200 = defect(
        "http/below-temps-is-200",
        "answers what nobody has below /_temps with 200",
        &["http/channel-reserved"],
    );
    DROPS_READ_AHEAD = defect(
        "http/drops-read-ahead",
        "forgets what it has read beyond a GET without a body",
        &["http/pipelined-requests"],
    );
    EXITS_ON_NO_ASCII = defect(
        "http/exits-on-no-ascii",
        "exits when a header is no ASCII",
        &["http/odd-headers"],
    );
}
