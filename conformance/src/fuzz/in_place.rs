//! Whether what goes over a connection keeps the secret where it belongs.
//!
//! A request that is damaged in the wrong place hands the secret to author code: as a part of a path,
//! of another header or of a body. Author code may answer with those, and a plugin cannot know better.
//! Such a connection gets a stand-in, so that wherever the real secret comes back, the plugin itself
//! has let it out.

use temps_plugin_schema::http::header;

/// Whether all of `marker` in `bytes` stands as the whole value of a header that is made for it, in
/// requests that can be understood in one way only up to there.
pub(super) fn in_place(bytes: &[u8], marker: &[u8]) -> bool {
    let mut rest = bytes;
    while contains(rest, marker) {
        match request(rest, marker) {
            Ok(read) => rest = &rest[read..],
            Err(from) => return !contains(&rest[from..], marker),
        }
    }
    true
}

/// Whether `needle` is in `hay`. False for an empty needle.
pub(super) fn contains(hay: &[u8], needle: &[u8]) -> bool {
    let Some((first, tail)) = needle.split_first() else {
        return false;
    };
    let mut rest = hay;
    while let Some(at) = rest.iter().position(|byte| byte == first) {
        rest = &rest[at + 1..];
        if rest.starts_with(tail) {
            return true;
        }
    }
    false
}

#[derive(Default)]
struct Framing {
    length: Option<usize>,
    chunked: bool,
    upgrade: bool,
}

/// Reads one request; returns its length, or from where on it is not clear what the bytes mean.
fn request(bytes: &[u8], marker: &[u8]) -> Result<usize, usize> {
    let mut at = 0;
    let line = line(bytes, &mut at)?;
    if contains(line, marker) || !line.ends_with(b" HTTP/1.1") {
        return Err(0);
    }
    let connect = line.starts_with(b"CONNECT ");
    let mut framing = Framing { upgrade: connect, ..Framing::default() };
    loop {
        let begins = at;
        let line = self::line(bytes, &mut at).map_err(|_| begins)?;
        if line.is_empty() {
            break;
        }
        header_line(line, marker, &mut framing).ok_or(begins)?;
    }
    let body = at;
    match framing {
        Framing { upgrade: true, .. } | Framing { chunked: true, length: Some(_), .. } => Err(body),
        Framing { chunked: true, .. } => chunks(bytes, &mut at, marker).map(|()| at).ok_or(body),
        Framing { length, .. } => {
            let end = at.checked_add(length.unwrap_or(0)).filter(|end| *end <= bytes.len());
            let end = end.ok_or(body)?;
            if contains(&bytes[body..end], marker) { Err(body) } else { Ok(end) }
        }
    }
}

/// The next line that ends in CR LF and has neither in it.
fn line<'a>(bytes: &'a [u8], at: &mut usize) -> Result<&'a [u8], usize> {
    let rest = &bytes[*at..];
    let end = rest.iter().position(|byte| matches!(byte, b'\r' | b'\n')).ok_or(*at)?;
    if !rest[end..].starts_with(b"\r\n") {
        return Err(*at);
    }
    *at += end + 2;
    Ok(&rest[..end])
}

fn header_line(line: &[u8], marker: &[u8], framing: &mut Framing) -> Option<()> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let (name, value) = (std::str::from_utf8(&line[..colon]).ok()?, line[colon + 1..].trim_ascii());
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    let control = |byte: &u8| (*byte < b' ' && *byte != b'\t') || *byte == 127;
    if name.is_empty() || !name.bytes().all(token) || value.iter().any(control) {
        return None;
    }
    if contains(line, marker) {
        let made_for_it = [header::AUTH_SIGNATURE, header::AUTH];
        let whole = value == marker;
        return (whole && made_for_it.iter().any(|made| name.eq_ignore_ascii_case(made)))
            .then_some(());
    }
    let text = std::str::from_utf8(value).ok();
    match name.to_ascii_lowercase().as_str() {
        "content-length" => {
            let digits = text.filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
            let length = digits.and_then(|digits| digits.parse().ok())?;
            framing.length.replace(length).is_none().then_some(())
        }
        "transfer-encoding" => {
            let known = text == Some("chunked") && !framing.chunked;
            framing.chunked = true;
            known.then_some(())
        }
        "upgrade" => {
            framing.upgrade = true;
            Some(())
        }
        _ => Some(()),
    }
}

/// Reads a body in chunks, trailers excluded: after those it is not clear.
fn chunks(bytes: &[u8], at: &mut usize, marker: &[u8]) -> Option<()> {
    loop {
        let size = line(bytes, at).ok()?;
        let size = std::str::from_utf8(size)
            .ok()
            .filter(|text| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
        let size = usize::from_str_radix(size, 16).ok()?;
        let data = bytes[*at..].get(..size)?;
        if contains(data, marker) {
            return None;
        }
        *at += size;
        if !line(bytes, at).ok()?.is_empty() {
            return None;
        }
        if size == 0 {
            return Some(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(text: &str) -> bool {
        in_place(text.as_bytes(), b"MARK")
    }

    #[test]
    fn a_signature_is_in_place() {
        let signed = "GET /%zz HTTP/1.1\r\nhost: a\r\nX-Temps-Auth-Signature: MARK\r\n\r\n";
        assert!(judge(signed));
        assert!(judge(&signed.repeat(2)));
        let post = "POST / HTTP/1.1\r\nx-temps-auth: MARK\r\ncontent-length: 2\r\n\r\nhi";
        assert!(judge(&format!("{post}{signed}")));
        let chunked = "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n";
        assert!(judge(&format!("{chunked}{signed}")));
        assert!(judge(&format!("{signed}\0garbage")));
        assert!(judge("GET / HTTP/1.1\r\nx-temps-auth-signature: MARK\r\nbad line\r\n\r\n"));
    }

    #[test]
    fn elsewhere_it_is_not() {
        for text in [
            "GET /MARK HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1\r\nx-other: MARK\r\n\r\n",
            "GET / HTTP/1.1\r\nx: ax-temps-auth-signature: MARK\r\n\r\n",
            "GET / HTTP/1.1\r\nx: a\r\n x-temps-auth-signature: MARK\r\n\r\n",
            "GET / HTTP/1.1\r\nx: a\nx-temps-auth-signature: MARK\r\n\r\n",
            "GET / HTTP/1.1\r\nx-temps-auth-signature: MARK2\r\n\r\n",
            "POST / HTTP/1.1\r\ncontent-length: 90\r\n\r\nGET / HTTP/1.1\r\nx-temps-auth: MARK\r\n\r\n",
            "POST / HTTP/1.1\r\ncontent-length: 0\r\ncontent-length: 9\r\n\r\nGET / HTTP/1.1\r\nx-temps-auth: MARK\r\n\r\n",
            "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n5\r\nMARK1\r\n0\r\n\r\n",
            "GET /ws HTTP/1.1\r\nupgrade: websocket\r\n\r\nGET / HTTP/1.1\r\nx-temps-auth: MARK\r\n\r\n",
            "x-temps-auth-signature: MARK",
        ] {
            assert!(!judge(text), "{text:?}");
        }
    }
}
