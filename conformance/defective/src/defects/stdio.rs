//! Defects of the standard streams, and of where the secret ends up.

use super::{defect, defects};

defects! {
    BANNER_FIRST = defect(
        "stdio/banner-first",
        "writes a banner to standard output before its first line",
        &["handshake/completes", "handshake/first-line", "handshake/ready-line"],
    );
    BLANK_LINE_FIRST = defect(
        "stdio/blank-line-first",
        "writes a blank line to standard output before its first line",
        &["handshake/completes", "handshake/first-line", "handshake/ready-line"],
    );
    BYTE_ORDER_MARK = defect(
        "stdio/byte-order-mark",
        "begins standard output with a byte order mark",
        &["handshake/completes", "handshake/first-line"],
    );
    BANNER_AFTER_READY = defect(
        "stdio/banner-after-ready",
        "writes a third line to standard output",
        &["stdio/two-lines", "everything/print"],
    );
    PRINT_TO_STDOUT = defect(
        "stdio/print-to-stdout",
        "lets what author code prints reach standard output",
        &["everything/print", "everything/print-to-stderr"],
    );
    DIES_WITH_STDOUT = defect(
        "stdio/dies-with-stdout",
        "exits when the host closes its end of standard output",
        &[
            "stdio/closed-stdout",
            "everything/print",
            "faults/closed-streams",
            "faults/host-died",
            "requests/stdout-closed",
        ],
    );
    SECRET_IN_LOG = defect(
        "stdio/secret-in-log",
        "logs its secret when it starts",
        &["stdio/no-secret-on-streams"],
    );
    SECRET_IN_DATA_DIR = defect(
        "stdio/secret-in-data-dir",
        "keeps its secret in a file of its data directory",
        &["stdio/no-secret-in-files"],
    );
    SECRET_BESIDE_SOCKET = defect(
        "stdio/secret-beside-socket",
        "keeps its secret in a file beside its socket",
        &["stdio/no-secret-in-files"],
    );
    SECRET_IN_404 = defect(
        "stdio/secret-in-404",
        "names its secret in the body of a 404",
        &["stdio/no-secret-in-responses"],
    );
    SECRET_IN_HEADER = defect(
        "stdio/secret-in-header",
        "names its secret in a header of a 404",
        &["stdio/no-secret-in-responses"],
    );
    PLAIN_LOGS = defect("stdio/plain-logs", "logs plain text", &["stdio/json-logs"]);
}
