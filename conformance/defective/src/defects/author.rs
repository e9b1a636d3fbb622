//! Defects of answers that go wrong.

use super::{defect, defects};

defects! {
    BODIES_READ_AHEAD = defect(
        "author/bodies-read-ahead",
        "reads 64 MiB of a body that nobody asks for",
        &["everything/unread-body"],
    );
    BROKEN_BODY_ENDS = defect(
        "author/broken-body-ends",
        "ends a response properly whose handler has failed half way",
        &["everything/broken-body"],
    );
    HEADERS_ARE_A_MAP = defect(
        "author/headers-are-a-map",
        "keeps one value of each header of a response",
        &["everything/repeated-headers"],
    );
    STATUSES_TO_999 = defect(
        "author/statuses-to-999",
        "sends any status up to 999",
        &["everything/invalid-status"],
    );
    HEALTH_OF_OTHER_METHODS = defect(
        "author/health-of-other-methods",
        "asks author code for other methods of the health path",
        &["everything/hidden-health"],
    );
}
