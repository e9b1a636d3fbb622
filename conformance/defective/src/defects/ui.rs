//! Defects of the user interface.

use super::{defect, defects};

defects! {
    PROMISED = defect(
        "ui/promised",
        "says that it has a user interface and serves none",
        &[
            "ui/has-ui-is-honest",
            "ui/index",
            "ui/assets",
            "ui/only-hashed-immutable",
            "ui/relative-references",
            "ui/falls-back",
            "ui/missing-asset",
            "ui/no-way-out",
            "everything/ui",
        ],
    );
    INDEX_CACHED = defect(
        "ui/index-cached",
        "lets index.html be cached for an hour",
        &["ui/index"],
    );
    INDEX_WITHOUT_TYPE = defect(
        "ui/index-without-type",
        "sends index.html as application/octet-stream",
        &["ui/index"],
    );
    REDIRECT_FROM_ROOT = defect(
        "ui/redirect-from-root",
        "redirects /ui to /ui/, which leads out of the host's prefix",
        &["ui/redirect"],
    );
    NO_REDIRECT = defect("ui/no-redirect", "serves index.html at /ui", &["ui/redirect"]);
    SCRIPT_AS_TEXT = defect(
        "ui/script-as-text",
        "sends scripts as text/plain",
        &["ui/assets"],
    );
    STYLE_MISSING = defect(
        "ui/style-missing",
        "does not have a file that its index.html refers to",
        &["ui/assets"],
    );
    HASHED_NOT_CACHED = defect(
        "ui/hashed-not-cached",
        "does not let hashed assets be cached",
        &["ui/assets", "everything/ui"],
    );
    ALL_IMMUTABLE = defect(
        "ui/all-immutable",
        "calls every asset immutable, hashed or not",
        &["ui/only-hashed-immutable"],
    );
    REFERENCES_FROM_ROOT = defect(
        "ui/references-from-root",
        "refers to its assets from the root",
        &["ui/relative-references"],
    );
    NO_FALLBACK = defect(
        "ui/no-fallback",
        "answers client-side routes with 404",
        &["ui/falls-back"],
    );
    FALLBACK_CACHED = defect(
        "ui/fallback-cached",
        "lets index.html be cached where it stands for a client-side route",
        &["ui/falls-back"],
    );
    EXTENSION_IN_QUERY = defect(
        "ui/extension-in-query",
        "looks for an extension in the query as well",
        &["ui/falls-back"],
    );
    MISSING_IS_INDEX = defect(
        "ui/missing-is-index",
        "answers a missing asset with index.html",
        &["ui/missing-asset"],
    );
    WAY_UP = defect(
        "ui/way-up",
        "joins the path to a directory without a look at it",
        &["ui/no-way-out"],
    );
    WAY_UP_ENCODED = defect(
        "ui/way-up-encoded",
        "looks for steps up before it undoes percent-encoding",
        &["ui/no-way-out"],
    );
    WAY_UP_TWICE_ENCODED = defect(
        "ui/way-up-twice-encoded",
        "undoes percent-encoding once more after it has looked for steps up",
        &["ui/no-way-out"],
    );
    WAY_FROM_ROOT = defect(
        "ui/way-from-root",
        "joins a path to a directory that may begin with a slash of its own",
        &["ui/no-way-out"],
    );
    HEAD_IS_405 = defect("ui/head-is-405", "answers HEAD below /ui with 405", &["ui/head"]);
    HEAD_WITH_BODY = defect(
        "ui/head-with-body",
        "sends the file after the head when it is asked for the head only",
        &["ui/head"],
    );
}
