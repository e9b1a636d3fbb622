//! The launch line of dialect 2: read by counting, judged member by member (HS-26 to HS-37).

use std::io::Read;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde_json::{Map, Value, json};
use tokio::sync::oneshot;

use crate::defects::{launch_line as defect, limits};
use crate::log;

/// HS-35: longest launch line, its line end included.
const LIMIT: usize = 64 * 1024;
/// HS-36: how long one is waited for.
const PATIENCE: Duration = Duration::from_secs(30);
const SECRET_CHARS: std::ops::RangeInclusive<usize> = 32..=256;
const MEMBERS: [&str; 4] = ["protocol_version", "auth_secret", "database_url", "host_data_dir"];

/// Reads and judges the launch line; the secret in it, or why it is refused.
pub(crate) async fn secret() -> Result<String, String> {
    let (sender, line) = oneshot::channel();
    // Standard input may be anything; a thread that blocks in a read holds nobody up.
    std::thread::spawn(move || {
        // Nobody may be waiting any more.
        let _ = sender.send(read(&mut std::io::stdin().lock()));
    });
    let patience = if limits::LAUNCH_LINE_FOR_EVER.active() {
        Duration::MAX
    } else if limits::LAUNCH_LINE_15_S.active() {
        PATIENCE / 2
    } else {
        PATIENCE
    };
    let line = match tokio::time::timeout(patience, line).await {
        Ok(Ok(line)) => line?,
        Ok(Err(_)) => return Err("standard input cannot be read".into()),
        Err(_) => return Err(format!("no launch line came within {} s", PATIENCE.as_secs())),
    };
    judge(&line)
}

/// What a defective plugin does before it says `hello`.
pub(crate) fn before_hello() {
    if !defect::EARLY_LINE_LOST.active() {
        return;
    }
    // A proper host writes nothing yet; what one writes early may take its time to come.
    let patience = Timespec { tv_sec: 0, tv_nsec: 300_000_000 };
    let mut input = std::io::stdin();
    let mut piece = [0; 4096];
    let waits = |input: &std::io::Stdin| {
        let mut watched = [PollFd::new(input, PollFlags::IN)];
        poll(&mut watched, Some(&patience)).is_ok_and(|ready| ready > 0)
    };
    while waits(&input) && input.read(&mut piece).is_ok_and(|count| count > 0) {}
}

/// Reads up to the line end and not a byte more than the limit.
fn read(input: &mut impl Read) -> Result<Vec<u8>, String> {
    let mut line = Vec::new();
    let mut piece = [0; 4096];
    loop {
        let count = match input.read(&mut piece) {
            Ok(count) => count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(format!("standard input cannot be read: {error}")),
        };
        if count == 0 {
            if defect::STARTS_WITHOUT_A_LINE.active() {
                let own = json!({"protocol_version": 2, "auth_secret": "x".repeat(32)});
                return Ok(own.to_string().into_bytes());
            }
            return Err("standard input ended before a complete launch line".into());
        }
        let end = piece[..count].iter().position(|byte| *byte == b'\n');
        line.extend_from_slice(&piece[..end.unwrap_or(count)]);
        let over = line.len() + usize::from(end.is_some()) > LIMIT;
        if over
            && !(defect::NO_LIMIT.active() || end.is_none() && defect::LIMIT_AT_THE_END.active())
        {
            return Err(format!("the launch line has more than {LIMIT} bytes"));
        }
        if end.is_some() || defect::FIRST_READ_IS_THE_LINE.active() {
            break;
        }
    }
    if defect::WAITS_FOR_THE_END.active() {
        while input.read(&mut piece).is_ok_and(|count| count > 0) {}
    }
    if line.last() == Some(&b'\r') && !defect::CARRIAGE_RETURN_KEPT.active() {
        line.pop();
    }
    Ok(line)
}

fn judge(line: &[u8]) -> Result<String, String> {
    if defect::LOGS_THE_LINE.active() {
        log::info(&format!("the launch line is {}", String::from_utf8_lossy(line)));
    }
    if line.last() == Some(&b'\r') {
        return Err("the launch line ends in a carriage return".into());
    }
    let value: Value = match serde_json::from_slice(line) {
        Ok(value) => value,
        Err(_) if defect::NO_OBJECT_TAKEN.active() => Value::Null,
        // Where it went wrong is said, what stands there is not: it may be the secret.
        Err(error) => {
            return Err(format!("the launch line is no JSON (column {})", error.column()));
        }
    };
    let object = match value {
        Value::Object(object) => object,
        _ if defect::NO_OBJECT_TAKEN.active() => return Ok("x".repeat(32)),
        _ => return Err("the launch line is no JSON object".into()),
    };
    if object.get("protocol_version") != Some(&Value::from(2)) && !defect::ANY_VERSION.active() {
        return Err("the launch line has another `protocol_version` than 2".into());
    }
    nothing_unasked(&object)?;
    if defect::UNKNOWN_MEMBERS_REFUSED.active()
        && let Some(unknown) = object.keys().find(|key| !MEMBERS.contains(&key.as_str()))
    {
        return Err(format!("the launch line has the unknown member {unknown:?}"));
    }
    auth_secret(&object)
}

/// The manifest asks neither for a database nor for the host's data (HS-31, HS-33).
fn nothing_unasked(object: &Map<String, Value>) -> Result<(), String> {
    for (member, taken) in [
        ("database_url", defect::DATABASE_URL_TAKEN.active()),
        ("host_data_dir", defect::HOST_DATA_DIR_TAKEN.active()),
    ] {
        if object.get(member).is_some_and(|value| !value.is_null()) && !taken {
            return Err(format!("the launch line has a `{member}` that nobody asked for"));
        }
    }
    Ok(())
}

fn auth_secret(object: &Map<String, Value>) -> Result<String, String> {
    let Some(secret) = object.get("auth_secret").and_then(Value::as_str) else {
        if defect::SECRET_OF_ANY_TYPE.active() {
            return Ok("x".repeat(32));
        }
        return Err("the launch line has no text `auth_secret`".into());
    };
    let count = secret.chars().count();
    let (mut least, mut most) = SECRET_CHARS.into_inner();
    if defect::SHORT_SECRETS_TAKEN.active() {
        least = 0;
    }
    if defect::LONG_SECRETS_TAKEN.active() {
        most = usize::MAX;
    }
    if defect::SECRETS_OF_32_REFUSED.active() {
        least = 33;
    }
    if defect::SECRETS_OF_256_REFUSED.active() {
        most = 255;
    }
    if !(least..=most).contains(&count) {
        return Err(format!("`auth_secret` has {count} characters; allowed are {least} to {most}"));
    }
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !secret.chars().all(allowed) && !defect::ANY_SECRET_CHARACTERS.active() {
        return Err("`auth_secret` has characters outside A-Z a-z 0-9 _ -".into());
    }
    Ok(secret.to_owned())
}
