//! The rules of `PROTOCOL.md`, read from its text.

use temps_plugin_schema::PROTOCOL_MD;

/// The id of every rule in the order of the text, or the first line that looks like a rule and is
/// none.
pub(crate) fn rule_ids() -> Result<Vec<&'static str>, String> {
    PROTOCOL_MD
        .lines()
        .filter(|line| line.trim_start().starts_with("- **"))
        .map(|line| parse(line).ok_or_else(|| format!("no rule: {line}")))
        .collect()
}

/// The id of `- **XX-NN** (LEVEL, party[, dialect N]) text`.
fn parse(line: &'static str) -> Option<&'static str> {
    let (id, rest) = line.strip_prefix("- **")?.split_once("** (")?;
    let (bounds, text) = rest.split_once(") ")?;
    let (section, digits) = id.split_once('-')?;
    let two = |text: &str, is: fn(&u8) -> bool| text.len() == 2 && text.bytes().all(|b| is(&b));
    if !two(section, u8::is_ascii_uppercase) || !two(digits, u8::is_ascii_digit) {
        return None;
    }
    let mut bounds = bounds.split(", ");
    let level = bounds.next()?;
    let party = bounds.next()?;
    let dialect = bounds.next().unwrap_or("dialect 1");
    let holds = ["MUST", "SHOULD", "MAY"].contains(&level)
        && ["plugin", "host", "both"].contains(&party)
        && ["dialect 1", "dialect 2"].contains(&dialect)
        && bounds.next().is_none()
        && !text.is_empty()
        && text.trim() == text;
    holds.then_some(id)
}
