//! One JSON object a line, on standard error and nowhere else (IO-06, IO-07).

use std::io::Write as _;

use serde_json::json;

use crate::defects::{everything_life, faults, stdio};
use crate::manifest::NAME;

pub(crate) fn info(message: &str) {
    write("info", message);
}

pub(crate) fn warn(message: &str) {
    write("warn", message);
}

pub(crate) fn error(message: &str) {
    write("error", message);
}

fn write(level: &str, message: &str) {
    let mut err = std::io::stderr().lock();
    // A host that has closed its end loses the line, and nothing else happens.
    let written = if stdio::PLAIN_LOGS.active() {
        writeln!(err, "{level} {NAME}: {message}")
    } else {
        writeln!(err, "{}", json!({"level": level, "plugin": NAME, "message": message}))
    };
    if written.is_err() && faults::DIES_WITH_STDERR.active() {
        std::process::exit(1);
    }
}

/// Makes a log line of every panic: those of author code are expected here (HT-23, EV-25).
pub(crate) fn panics_too() {
    std::panic::set_hook(Box::new(|panic| {
        if everything_life::PANICS_UNLOGGED.active() {
            return;
        }
        let text = panic
            .payload()
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| panic.payload().downcast_ref::<String>().map(String::as_str))
            .unwrap_or("a value that is no text");
        error(&format!("author code panicked: {text}"));
    }));
}
