//! Which checks a run makes: globs over check ids and rule ids.
//!
//! The only place that knows the pattern language: `*` is any text, `?` any character, everything
//! else itself; upper and lower case are the same. A pattern that matches nothing is an error,
//! because a typo that selects nothing must never look like a pass.

use crate::model::Check;
use crate::rules::RULES;

/// A pattern over check ids and rule ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(String);

impl Pattern {
    /// Takes `text` for a pattern. Every text is one.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The pattern as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn matches(&self, check: &Check) -> bool {
        glob(&self.0, check.id) || check.rules.iter().any(|rule| glob(&self.0, rule))
    }
}

/// Why a selection is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SelectionError {
    /// A pattern matches no check.
    #[error("{0}")]
    Unmatched(String),
    /// What `--run` selects, `--skip` takes away.
    #[error("nothing is left to run: --skip takes away everything that --run selects")]
    Empty,
}

/// Picks the checks that match one of `run` (all when there is none) and none of `skip`.
///
/// # Errors
/// When a pattern matches no check, or when no check is left.
pub fn select(
    checks: &'static [Check],
    run: &[Pattern],
    skip: &[Pattern],
) -> Result<Vec<&'static Check>, SelectionError> {
    for (flag, patterns) in [("--run", run), ("--skip", skip)] {
        for pattern in patterns {
            if !checks.iter().any(|check| pattern.matches(check)) {
                return Err(SelectionError::Unmatched(explain(flag, pattern, checks)));
            }
        }
    }
    let picked: Vec<_> = checks
        .iter()
        .filter(|check| run.is_empty() || run.iter().any(|p| p.matches(check)))
        .filter(|check| !skip.iter().any(|p| p.matches(check)))
        .collect();
    if picked.is_empty() { Err(SelectionError::Empty) } else { Ok(picked) }
}

fn explain(flag: &str, pattern: &Pattern, checks: &[Check]) -> String {
    let text = pattern.as_str();
    if let Some(rule) = RULES.get(&text.to_uppercase()) {
        return format!(
            "{flag} {text:?}: no check proves rule {}; `rules` gives the reason",
            rule.id
        );
    }
    let nearest = checks
        .iter()
        .map(|check| (distance(text, check.id), check.id))
        .min()
        .filter(|(distance, _)| *distance <= text.len() / 2);
    match nearest {
        Some((_, id)) => format!("{flag} {text:?} matches no check; did you mean {id:?}?"),
        None => format!("{flag} {text:?} matches no check and no rule; `list` shows all checks"),
    }
}

/// Whether `pattern` matches all of `text`.
pub(crate) fn glob(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0, 0);
    // Where the last `*` stood and how much of the text it has swallowed so far.
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(byte) if *byte == b'?' || byte.eq_ignore_ascii_case(&text[t]) => {
                p += 1;
                t += 1;
            }
            _ => match star {
                Some((at, swallowed)) => {
                    p = at + 1;
                    t = swallowed + 1;
                    star = Some((at, t));
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

/// Levenshtein's distance, for a suggestion.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.bytes().enumerate() {
            let next = (diagonal + usize::from(x != y)).min(row[j] + 1).min(row[j + 1] + 1);
            diagonal = row[j + 1];
            row[j + 1] = next;
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::CHECKS;

    fn pick(run: &[&str], skip: &[&str]) -> Result<Vec<&'static str>, String> {
        let patterns = |texts: &[&str]| texts.iter().copied().map(Pattern::new).collect::<Vec<_>>();
        select(&CHECKS, &patterns(run), &patterns(skip))
            .map(|checks| checks.iter().map(|check| check.id).collect())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_glob_matches_the_whole_text() {
        for (pattern, text) in
            [("*", ""), ("a*", "a"), ("*b", "ab"), ("a?c", "abc"), ("*/x", "a/b/x")]
        {
            assert!(glob(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [("", "a"), ("a", "ab"), ("a?", "a"), ("a*c", "abd"), ("b*", "ab")] {
            assert!(!glob(pattern, text), "{pattern} {text}");
        }
    }

    #[test]
    fn everything_is_selected_by_default() {
        assert_eq!(pick(&[], &[]).unwrap().len(), CHECKS.len());
    }

    #[test]
    fn globs_match_check_ids_and_rule_ids_in_any_case() {
        let by_rule = pick(&["hs-38"], &[]).unwrap();
        assert!(by_rule.contains(&"handshake/ready-after-health"), "{by_rule:?}");
        let by_area = pick(&["Launch-Line/*"], &["launch-line/refuses-*"]).unwrap();
        assert!(by_area.iter().all(|id| id.starts_with("launch-line/")), "{by_area:?}");
        assert!(!by_area.iter().any(|id| id.contains("refuses")), "{by_area:?}");
    }

    #[test]
    fn a_pattern_that_matches_nothing_is_an_error_with_a_suggestion() {
        let error = pick(&["handshake/redy-after-health"], &[]).unwrap_err();
        assert!(error.contains("handshake/ready-after-health"), "{error}");
        let error = pick(&["zzzzzzzz*"], &[]).unwrap_err();
        assert!(error.contains("matches no check"), "{error}");
        let error = pick(&["PX-01"], &[]).unwrap_err();
        assert!(error.contains("no check proves rule PX-01"), "{error}");
        assert!(pick(&["*"], &["nothing-of-the-kind"]).is_err());
    }

    #[test]
    fn skipping_everything_is_an_error() {
        assert_eq!(pick(&["health/*"], &["*"]).unwrap_err(), SelectionError::Empty.to_string());
    }
}
