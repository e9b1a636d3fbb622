//! The sums of the files that may run.

use std::collections::BTreeSet;
use std::str::FromStr;

use crate::dialect_memory::ContentHash;

/// Hexadecimal digits of a SHA-256 sum.
const DIGITS: usize = 64;

/// SHA-256 sums of the files that may run as plugins.
///
/// Read from text as `sha256sum` writes it: a sum a line, whatever follows it is for people. Empty lines
/// and those that begin with `#` say nothing.
///
/// ```
/// use temps_plugin_host::Checksums;
///
/// let text = "# released 2026-11-20\n\
///             ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  slack-notifier\n";
/// let sums: Checksums = text.parse()?;
/// assert_eq!(sums.len(), 1);
/// # Ok::<(), temps_plugin_host::ChecksumsError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Checksums(BTreeSet<ContentHash>);

/// A line that has no sum.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "line {line}: {found:?} is no SHA-256 sum, which is {DIGITS} hexadecimal digits, as `sha256sum FILE` prints it"
)]
pub struct ChecksumsError {
    line: usize,
    found: String,
}

impl Checksums {
    /// Whether a file with this content may run.
    #[must_use]
    pub fn contains(&self, hash: &ContentHash) -> bool {
        self.0.contains(hash)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none, so that nothing may run.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<ContentHash> for Checksums {
    fn from_iter<T: IntoIterator<Item = ContentHash>>(hashes: T) -> Self {
        Self(hashes.into_iter().collect())
    }
}

impl FromStr for Checksums {
    type Err = ChecksumsError;

    fn from_str(text: &str) -> Result<Self, ChecksumsError> {
        let meant = |line: &str| !line.is_empty() && !line.starts_with('#');
        let lines = text.lines().map(str::trim).enumerate().filter(|(_, line)| meant(line));
        lines.map(|(index, line)| sum_of(line).ok_or_else(|| no_sum(index + 1, line))).collect()
    }
}

fn no_sum(line: usize, text: &str) -> ChecksumsError {
    let word = text.split_ascii_whitespace().next().unwrap_or_default();
    // Long enough for a sum with a few digits too many.
    ChecksumsError { line, found: word.chars().take(DIGITS + 8).collect() }
}

/// The sum a line begins with. `sha256sum` puts a backslash before it when it has escaped the name.
fn sum_of(line: &str) -> Option<ContentHash> {
    let word = line.strip_prefix('\\').unwrap_or(line).split_ascii_whitespace().next()?;
    if word.len() != DIGITS || !word.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let mut hash = ContentHash::default();
    for (byte, digits) in hash.iter_mut().zip(word.as_bytes().chunks_exact(2)) {
        *byte = u8::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(hash)
}

/// A sum as people write it.
pub(super) fn hex(hash: &ContentHash) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn what_sha256sum_writes_is_read() {
        let text = format!("# a comment\n\n{ABC}  slack notifier\n\\{ABC}  odd\\nname\r\n");
        let sums: Checksums = text.parse().unwrap();
        assert_eq!(sums.len(), 1, "the same sum twice is one");
        let hash = sum_of(ABC).unwrap();
        assert!(sums.contains(&hash));
        assert_eq!(hex(&hash), ABC);
        assert_eq!(ABC.to_uppercase().parse::<Checksums>().unwrap(), sums);
    }

    #[test]
    fn a_line_without_a_sum_is_named() {
        for (line, found) in [
            ("slack-notifier", "slack-notifier"),
            (&ABC[1..], &ABC[1..]),
            (&ABC.replace('b', "g"), &*ABC.replace('b', "g")),
        ] {
            let error = format!("{ABC}\n{line}\n").parse::<Checksums>().unwrap_err();
            let text = error.to_string();
            assert!(text.starts_with(&format!("line 2: {found:?} is no SHA-256 sum")), "{text}");
        }
        let long = "a".repeat(5000).parse::<Checksums>().unwrap_err().to_string();
        assert!(long.len() < 250, "{long}");
    }
}
