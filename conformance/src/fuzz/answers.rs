//! Counting the responses on a connection, to know when there is nothing more to wait for.

/// How many whole responses `bytes` begin with. A response that ends with the connection is never
/// whole here.
pub(super) fn whole_responses(bytes: &[u8]) -> usize {
    let mut rest = bytes;
    let mut count = 0;
    while let Some((length, status)) = response(rest) {
        rest = &rest[length..];
        // Others follow an interim response; nothing that is HTTP follows a switch.
        if status == 101 {
            return usize::MAX;
        }
        count += usize::from(status >= 200);
    }
    count
}

/// The length and the status of the response that `bytes` begin with, if it is whole.
fn response(bytes: &[u8]) -> Option<(usize, u16)> {
    let head_end = find(bytes, b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(&bytes[..head_end]).ok()?;
    let status = head.get(9..12)?.parse().ok()?;
    let value = |wanted: &str| {
        head.lines().skip(1).find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case(wanted).then(|| value.trim())
        })
    };
    if status < 200 || status == 204 || status == 304 {
        return Some((head_end, status));
    }
    if let Some(length) = value("content-length").and_then(|text| text.parse::<usize>().ok()) {
        let end = head_end.checked_add(length)?;
        return (end <= bytes.len()).then_some((end, status));
    }
    value("transfer-encoding")?;
    let mut at = head_end;
    loop {
        let line_end = find(&bytes[at..], b"\r\n")?;
        let line = std::str::from_utf8(&bytes[at..at + line_end]).ok()?;
        let size = usize::from_str_radix(line.split(';').next()?.trim(), 16).ok()?;
        at += line_end + 2;
        if size == 0 {
            return Some((at + find(&bytes[at..], b"\r\n")? + 2, status));
        }
        at = at.checked_add(size)?.checked_add(2).filter(|at| *at <= bytes.len())?;
    }
}

fn find(bytes: &[u8], mark: &[u8]) -> Option<usize> {
    bytes.windows(mark.len()).position(|window| window == mark)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_responses_are_counted() {
        let sized = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
        let chunked =
            "HTTP/1.1 404 Not Found\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n";
        let count = |text: &str| whole_responses(text.as_bytes());
        assert_eq!(count(&format!("{sized}{chunked}{sized}")), 3);
        assert_eq!(count(&format!("HTTP/1.1 100 Continue\r\n\r\n{sized}")), 1);
        assert_eq!(count("HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 304 Not Modified\r\n\r\n"), 2);
        for cut in 1..chunked.len() {
            assert_eq!(count(&chunked[..cut]), 0, "{cut}");
        }
        assert_eq!(count("HTTP/1.1 200 OK\r\n\r\nuntil the end"), 0);
        assert_eq!(count("garbage\r\n\r\n"), 0);
        assert_eq!(count("HTTP/1.1 101 Switching Protocols\r\n\r\n"), usize::MAX);
    }
}
