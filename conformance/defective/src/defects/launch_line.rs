//! Defects of reading and judging the launch line; all of dialect 2.

use super::{defect, defects};

defects! {
    FIRST_READ_IS_THE_LINE = defect(
        "launch-line/first-read-is-the-line",
        "takes what it reads first for the whole launch line",
        &["launch-line/in-pieces", "launch-line/byte-by-byte"],
    )
    .only(2);
    CARRIAGE_RETURN_KEPT = defect(
        "launch-line/carriage-return-kept",
        "refuses a launch line that ends in \\r\\n",
        &["launch-line/carriage-return"],
    )
    .only(2);
    WAITS_FOR_THE_END = defect(
        "launch-line/waits-for-the-end",
        "waits for the end of standard input after the launch line",
        &["launch-line/end-means-nothing"],
    )
    .only(2);
    UNKNOWN_MEMBERS_REFUSED = defect(
        "launch-line/unknown-members-refused",
        "refuses a launch line with a member it does not know",
        &["launch-line/unknown-members"],
    )
    .only(2);
    SECRETS_OF_32_REFUSED = defect(
        "launch-line/secrets-of-32-refused",
        "refuses a secret of 32 characters",
        &["launch-line/secret-bounds"],
    )
    .only(2);
    SECRETS_OF_256_REFUSED = defect(
        "launch-line/secrets-of-256-refused",
        "refuses a secret of 256 characters",
        &["launch-line/secret-bounds"],
    )
    .only(2);
    NO_OBJECT_TAKEN = defect(
        "launch-line/no-object-taken",
        "starts with a launch line that is no JSON object",
        &["launch-line/refuses-no-object"],
    )
    .only(2);
    ANY_VERSION = defect(
        "launch-line/any-version",
        "does not look at `protocol_version`",
        &["launch-line/refuses-version"],
    )
    .only(2);
    SECRET_OF_ANY_TYPE = defect(
        "launch-line/secret-of-any-type",
        "starts without a text `auth_secret`",
        &["launch-line/refuses-secret-length"],
    )
    .only(2);
    SHORT_SECRETS_TAKEN = defect(
        "launch-line/short-secrets-taken",
        "takes a secret of less than 32 characters",
        &["launch-line/refuses-secret-length"],
    )
    .only(2);
    LONG_SECRETS_TAKEN = defect(
        "launch-line/long-secrets-taken",
        "takes a secret of more than 256 characters",
        &["launch-line/refuses-secret-length"],
    )
    .only(2);
    ANY_SECRET_CHARACTERS = defect(
        "launch-line/any-secret-characters",
        "takes a secret of any characters",
        &["launch-line/refuses-secret-characters"],
    )
    .only(2);
    DATABASE_URL_TAKEN = defect(
        "launch-line/database-url-taken",
        "takes a `database_url` that it has not asked for",
        &["launch-line/refuses-database-url"],
    )
    .only(2);
    HOST_DATA_DIR_TAKEN = defect(
        "launch-line/host-data-dir-taken",
        "takes a `host_data_dir` that it has not asked for",
        &["launch-line/refuses-host-data-dir"],
    )
    .only(2);
    STARTS_WITHOUT_A_LINE = defect(
        "launch-line/starts-without-a-line",
        "starts with a secret of its own when standard input ends early",
        &["launch-line/refuses-early-end"],
    )
    .only(2);
    NO_LIMIT = defect(
        "launch-line/no-limit",
        "takes a launch line of any length",
        &["launch-line/refuses-overlong"],
    )
    .only(2);
    LIMIT_AT_THE_END = defect(
        "launch-line/limit-at-the-end",
        "measures a launch line only once it has ended",
        &["launch-line/refuses-overlong"],
    )
    .only(2);
    LOGS_THE_LINE = defect(
        "launch-line/logs-the-line",
        "logs the launch line",
        &[
            "launch-line/refuses-version",
            "launch-line/refuses-database-url",
            "launch-line/refuses-host-data-dir",
            "stdio/no-secret-on-streams",
        ],
    )
    .only(2);
    EARLY_LINE_LOST = defect(
        "launch-line/early-line-lost",
        "throws away what standard input holds before `hello`",
        &["launch-line/already-there"],
    )
    .only(2);
}
