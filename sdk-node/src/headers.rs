//! Headers as one text, `name\nvalue\nname\nvalue`, each character a byte: no header holds a line break.

use http::header::{CONNECTION, HeaderName};
use http::{HeaderMap, HeaderValue};
use napi::bindgen_prelude::Result;

use crate::invalid;

/// Adds headers to a text that ends without a line break, or is empty.
pub(crate) fn write(text: &mut Vec<u8>, headers: &HeaderMap) {
    for (name, value) in headers {
        if !text.is_empty() {
            text.push(b'\n');
        }
        text.extend_from_slice(name.as_str().as_bytes());
        text.push(b'\n');
        text.extend_from_slice(value.as_bytes());
    }
}

/// Headers of an answer. Those about the connection are the server's business; of them, only the wish
/// to close it counts.
pub(crate) fn read(text: &str) -> Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    if text.is_empty() {
        return Ok(headers);
    }
    let mut lines = text.split('\n');
    while let Some(name) = lines.next() {
        let value = lines.next().ok_or_else(|| invalid(format!("header {name:?} has no value")))?;
        add(&mut headers, name, value)?;
    }
    Ok(headers)
}

fn add(headers: &mut HeaderMap, name: &str, value: &str) -> Result<()> {
    let header = HeaderName::from_bytes(name.as_bytes())
        .map_err(|_| invalid(format!("header name {name:?} is not allowed in HTTP")))?;
    let wrong = || invalid(format!("header {header} has the value {value:?}, not allowed in HTTP"));
    let value = if value.is_ascii() {
        HeaderValue::from_str(value).map_err(|_| wrong())?
    } else {
        let bytes: std::result::Result<Vec<u8>, _> =
            value.chars().map(|char| u8::try_from(u32::from(char))).collect();
        let bytes = bytes.map_err(|_| wrong())?;
        HeaderValue::from_bytes(&bytes).map_err(|_| wrong())?
    };
    if keeps(&header, &value) {
        headers.append(header, value);
    }
    Ok(())
}

fn keeps(name: &HeaderName, value: &HeaderValue) -> bool {
    match name.as_str() {
        "keep-alive" | "proxy-connection" | "transfer-encoding" => false,
        "connection" => name == CONNECTION && value.as_bytes().eq_ignore_ascii_case(b"close"),
        _ => true,
    }
}
