//! Defects of arguments, environment, working directory and data directory.

use super::{defect, defects};

defects! {
    MISSING_SOCKET_PATH_UNNAMED = defect(
        "launch/missing-socket-path-unnamed",
        "does not say that it is --socket-path that is missing",
        &["launch/missing-socket-path"],
    );
    MISSING_SOCKET_PATH_SILENT = defect(
        "launch/missing-socket-path-silent",
        "exits without a word when --socket-path is missing",
        &["launch/missing-socket-path"],
    );
    MISSING_SOCKET_PATH_STATUS_0 = defect(
        "launch/missing-socket-path-status-0",
        "exits with status 0 when --socket-path is missing",
        &["launch/missing-socket-path"],
    );
    MISSING_DATA_DIR_UNNAMED = defect(
        "launch/missing-data-dir-unnamed",
        "does not say that it is --data-dir that is missing",
        &["launch/missing-data-dir"],
    );
    MISSING_DATA_DIR_STATUS_0 = defect(
        "launch/missing-data-dir-status-0",
        "exits with status 0 when --data-dir is missing",
        &["launch/missing-data-dir"],
    );
    UNKNOWN_FLAGS_REFUSED = defect(
        "launch/unknown-flags-refused",
        "exits when there is a flag it does not know",
        &["launch/unknown-flags", "launch/unknown-flag-warning"],
    );
    UNKNOWN_FLAGS_UNMENTIONED = defect(
        "launch/unknown-flags-unmentioned",
        "ignores unknown flags without a warning",
        &["launch/unknown-flag-warning"],
    );
    WARNING_WITH_VALUE = defect(
        "launch/warning-with-value",
        "warns of an unknown flag with its value",
        &["launch/unknown-flag-warning"],
    );
    JOINED_FLAGS_UNKNOWN = defect(
        "launch/joined-flags-unknown",
        "does not know `--flag=value`",
        &["launch/joined-flags"],
    );
    NEEDS_HOME = defect(
        "launch/needs-home",
        "exits without HOME",
        &["launch/empty-environment"],
    );
    NEEDS_PATH = defect(
        "launch/needs-path",
        "exits without PATH",
        &["launch/empty-environment"],
    );
    NEEDS_WORKING_DIRECTORY = defect(
        "launch/needs-working-directory",
        "exits when it is started in the root directory",
        &["launch/any-working-directory"],
    );
    NEEDS_ARGV0 = defect(
        "launch/needs-argv0",
        "exits when there is no file of the name in argv[0]",
        &["launch/odd-argv0", "launch/self-contained"],
    );
    DATA_DIR_WITHOUT_PARENTS = defect(
        "launch/data-dir-without-parents",
        "makes its data directory, but not the directories above it",
        &["launch/data-dir-created"],
    );
    DATA_DIR_EMPTIED = defect(
        "launch/data-dir-emptied",
        "empties its data directory at each start",
        &[
            "everything/before-start",
            "everything/failing-shutdown",
            "everything/large-openapi",
            "everything/stop-before-start",
            "launch/data-dir-kept",
        ],
    );
    DATA_DIR_MUST_NOT_EXIST = defect(
        "launch/data-dir-must-not-exist",
        "refuses a data directory that exists already",
        &[
            "everything/before-start",
            "everything/failing-shutdown",
            "everything/large-openapi",
            "everything/stop-before-start",
            "launch-line/end-means-nothing",
            "launch/any-working-directory",
            "launch/data-dir-kept",
            "socket/restart-after-kill",
            "stop/starts-again",
        ],
    );
}
