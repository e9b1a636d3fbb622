//! Defects of the socket file.

use super::{defect, defects};

defects! {
    MODE_0644 = defect(
        "socket/mode-0644",
        "lets everybody read its socket file",
        &["socket/mode"],
    );
    MODE_0777 = defect("socket/mode-0777", "lets everybody connect", &["socket/mode"]);
    STALE_KEPT = defect(
        "socket/stale-kept",
        "cannot listen where there is a socket file of the past",
        &["socket/stale-replaced", "socket/restart-after-kill"],
    );
    LIMIT_ONE_TOO_LOW = defect(
        "socket/limit-one-too-low",
        "refuses the longest socket path that the system allows",
        &["socket/longest-path"],
    );
    PATH_CUT_SHORT = defect(
        "socket/path-cut-short",
        "listens at the beginning of a socket path that is too long",
        &["socket/path-too-long"],
    );
    LIMIT_UNNAMED = defect(
        "socket/limit-unnamed",
        "does not say how long a socket path may be",
        &["socket/path-too-long"],
    );
    LONG_PATH_UNNAMED = defect(
        "socket/long-path-unnamed",
        "does not say which socket path is too long",
        &["socket/path-too-long"],
    );
    REMOVES_ANYTHING = defect(
        "socket/removes-anything",
        "removes whatever is at its socket path",
        &["socket/spares-other-files"],
    );
}
