//! Defects seen by sample requests and events (`conformance.toml`).

use super::{defect, defects};

defects! {
    PERMISSIONS_SORTED = defect(
        "requests/permissions-sorted",
        "sorts permissions by their names",
        &["requests/samples", "everything/caller-signed-in"],
    );
    JSON_WITH_A_COMMA = defect(
        "requests/json-with-a-comma",
        "sends errors as JSON that is none",
        &["requests/json", "everything/status", "everything/bytes"],
    );
    API_QUERY_LEFT_OUT = defect(
        "requests/api-query-left-out",
        "leaves out the query of an api_call",
        &[
            "requests/calls",
            "requests/next-channel",
            "everything/api-as-caller",
        ],
    ).only(2);
    DENIED_DEPLOYMENTS_HANG = defect(
        "requests/denied-deployments-hang",
        "does not answer where a deployment is denied",
        &[
            "requests/denied-calls",
            "everything/call-denied",
            "everything/call-error-codes",
        ],
    );
    WHOAMI_NEEDS_A_CHANNEL = defect(
        "requests/whoami-needs-a-channel",
        "hangs up at `/whoami` before there is a channel",
        &["requests/without-channel"],
    );
    HEAD_HAS_A_BODY = defect(
        "requests/head-has-a-body",
        "answers HEAD with a body",
        &["requests/head"],
    );
    MORE_THAN_ITS_LENGTH = defect(
        "requests/more-than-its-length",
        "sends more than its Content-Length says",
        &["requests/one-connection"],
    );
    ONE_CONTEXT_AT_A_TIME = defect(
        "requests/one-context-at-a-time",
        "answers with 503 while the same route is busy",
        &["requests/parallel"],
    );
    PRINTS_AND_FAILS = defect(
        "requests/prints-and-fails",
        "lets author code print to standard output, and fail when that is closed",
        &[
            "requests/stdout-closed",
            "requests/stdout",
            "everything/print",
            "everything/print-to-stderr",
        ],
    );
    PRINT_UNSIGNED = defect(
        "requests/print-unsigned",
        "leaves one route out of the middleware that wants the signature",
        &["requests/unsigned"],
    );
    NO_PUBLIC_PATHS = defect(
        "requests/no-public-paths",
        "does not list its public path",
        &["requests/anonymous-only-public", "everything/manifest"],
    );
    EXITS_BADLY_AFTER_PRINT = defect(
        "requests/exits-badly-after-print",
        "exits with status 1 if author code has printed",
        &["requests/stops-after-use"],
    );
    EVENTS_OF_DEPLOYMENTS = defect(
        "requests/events-of-deployments",
        "asks for events of deployments only",
        &["requests/events-wanted", "everything/manifest"],
    );
    DOCUMENTS_NO_ROUTE = defect(
        "requests/documents-no-route",
        "documents a route that it has not",
        &["requests/openapi-routes", "requests/openapi-statuses"],
    );
    DOCUMENTS_ANOTHER_STATUS = defect(
        "requests/documents-another-status",
        "documents a status that is never sent",
        &["requests/openapi-statuses"],
    );
    DOCUMENTS_ANOTHER_SCHEMA = defect(
        "requests/documents-another-schema",
        "documents a schema that its answer does not follow",
        &["requests/openapi-schemas"],
    );
}
