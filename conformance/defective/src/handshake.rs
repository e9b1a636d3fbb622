//! The two lines on standard output (HS-12, HS-13, HS-16, HS-18).

use std::io;

use serde_json::{Value, json};

use crate::defects::{everything_life, handshake, stdio as streams};
use crate::launch_line;
use crate::manifest::manifest;
use crate::plugin::Dialect;
use crate::stdio::Handshake;

/// HS-04: longest line, its end included.
const LIMIT: usize = 2 * 1024 * 1024;

/// Writes the first line.
pub(crate) fn announce(out: &mut Handshake, dialect: Dialect) -> io::Result<()> {
    if streams::BANNER_FIRST.active() {
        out.write(b"everything-defective, ready to serve\n")?;
    }
    if streams::BLANK_LINE_FIRST.active() {
        out.write(b"\n")?;
    }
    if streams::BYTE_ORDER_MARK.active() {
        out.write("\u{feff}".as_bytes())?;
    }
    if handshake::SILENT.active() {
        return Ok(());
    }
    launch_line::before_hello();
    let line = first_line(dialect);
    if handshake::FIRST_LINE_NOT_ENDED.active() {
        return out.write(line.to_string().as_bytes());
    }
    if handshake::FIRST_LINE_NO_JSON.active() {
        return out.write(b"type: hello, name: everything-defective\n");
    }
    if handshake::FIRST_LINE_OVER_LIMIT.active() {
        let mut line = line;
        line["padding"] = "x".repeat(LIMIT).into();
        return out.line(&line);
    }
    out.line(&line)
}

fn first_line(dialect: Dialect) -> Value {
    let mut manifest = manifest();
    match dialect {
        Dialect::One => {
            let kind =
                if handshake::MANIFEST_WITHOUT_TYPE.active() { None } else { Some("manifest") };
            if let Some(kind) = kind {
                manifest["type"] = kind.into();
            }
            if handshake::MANIFEST_NESTED.active() {
                manifest = json!({"type": "manifest", "manifest": manifest});
            }
            manifest
        }
        Dialect::Two => {
            let mut hello = json!({"type": "hello", "protocol_version": 2, "manifest": manifest});
            if handshake::HELLO_WITHOUT_VERSION.active() {
                hello.as_object_mut().map(|hello| hello.remove("protocol_version"));
            }
            if handshake::HELLO_VERSION_AS_TEXT.active() {
                hello["protocol_version"] = "2".into();
            }
            hello
        }
    }
}

/// Writes the second and last line. The socket answers by now (HS-38).
pub(crate) fn ready(out: &mut Handshake, dialect: Dialect, mut openapi: Value) -> io::Result<()> {
    if handshake::SILENT.active() {
        return Ok(());
    }
    let mut line = json!({"type": "ready", "ready": true, "has_ui": true});
    if dialect == Dialect::Two && !handshake::READY_WITHOUT_VERSION.active() {
        line["protocol_version"] = 2.into();
    }
    if handshake::READY_FALSE.active() {
        line["ready"] = false.into();
    }
    if handshake::READY_WITHOUT_HAS_UI.active() {
        line.as_object_mut().map(|line| line.remove("has_ui"));
    }
    if handshake::OPENAPI_AS_TEXT.active() {
        openapi = openapi.to_string().into();
    }
    if handshake::OPENAPI_WITHOUT_VERSION.active() {
        openapi.as_object_mut().map(|document| document.remove("openapi"));
    }
    let with_openapi = {
        let mut line = line.clone();
        line["openapi"] = openapi;
        line
    };
    // HS-41, the line end included.
    let fits = with_openapi.to_string().len() < LIMIT;
    let fits = fits && !everything_life::READY_WITHOUT_OPENAPI.active();
    out.line(if fits || handshake::LARGE_OPENAPI_KEPT.active() { &with_openapi } else { &line })
}
