//! Which checks a run makes, and in which dialects.
//!
//! The only place that knows the pattern language, in which `--run` and `--skip` are written:
//!
//! ```text
//! pattern = term { "," term }                      matches what all of its terms match
//! term    = glob                                   the check's id, or the id of one of its rules
//!         | "severity:" ( must | should | may )    what a failure of the check means
//!         | "profile:"  ( plugin | requests | everything )
//!         | "dialect:"  ( 1 | 2 )                  the check as it is made in that dialect
//! ```
//!
//! In a glob `*` is any text, `?` any character, everything else itself; upper and lower case are the
//! same everywhere. Of several patterns any may match: `--run 'channel/*,dialect:2' --run HS-28` is
//! the channel in dialect 2 and whatever proves HS-28. A term that matches nothing is an error, and so
//! are terms that match nothing together, because a typo that selects nothing must never look like a
//! pass.

use temps_plugin_schema::Dialect;

use crate::model::{Check, Profile};
use crate::rules::{Level, RULES};

/// A pattern as it was written. [`select`] reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(String);

impl Pattern {
    /// Takes `text` for a pattern. Whether it is one shows when it is used.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The pattern as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A check that was selected.
#[derive(Debug, Clone)]
pub struct Selected {
    /// The check.
    pub check: &'static Check,
    /// The dialects to make it in; never empty.
    pub dialects: Vec<Dialect>,
}

impl Selected {
    /// The check as if it were made in the selected dialects only.
    #[must_use]
    pub fn as_made(&self) -> Check {
        match self.dialects.as_slice() {
            [only] => self.check.only(*only),
            _ => *self.check,
        }
    }
}

/// Why a selection is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SelectionError {
    /// A pattern cannot be read.
    #[error("{0}")]
    Malformed(String),
    /// A pattern matches no check.
    #[error("{0}")]
    Unmatched(String),
    /// What `--run` selects, `--skip` takes away.
    #[error("nothing is left to run: --skip takes away everything that --run selects")]
    Empty,
}

/// Picks what matches one of `run` (everything when there is none) and none of `skip`.
///
/// # Errors
/// When a pattern cannot be read or matches no check, or when nothing is left.
pub fn select(
    checks: &'static [Check],
    run: &[Pattern],
    skip: &[Pattern],
) -> Result<Vec<Selected>, SelectionError> {
    let run = read("--run", run, checks)?;
    let skip = read("--skip", skip, checks)?;
    let wanted = |check: &Check, dialect: Dialect| {
        (run.is_empty() || run.iter().any(|terms| all_match(terms, check, dialect)))
            && !skip.iter().any(|terms| all_match(terms, check, dialect))
    };
    let picked: Vec<_> = checks
        .iter()
        .map(|check| Selected {
            check,
            dialects: made_in(check).filter(|dialect| wanted(check, *dialect)).collect(),
        })
        .filter(|selected| !selected.dialects.is_empty())
        .collect();
    if picked.is_empty() { Err(SelectionError::Empty) } else { Ok(picked) }
}

/// The check that is most likely meant by `id`, which is none.
#[must_use]
pub fn nearest(id: &str) -> Option<&'static str> {
    let ids = crate::registry::CHECKS.iter().map(|check| check.id);
    ids.map(|known| (strsim::levenshtein(id, known), known))
        .min()
        .filter(|(distance, _)| *distance <= id.len() / 2)
        .map(|(_, known)| known)
}

/// One condition of a pattern.
#[derive(Debug)]
enum Term<'a> {
    Glob(&'a str),
    Severity(Level),
    Profile(Profile),
    Dialect(Dialect),
}

impl<'a> Term<'a> {
    /// Reads one term; an error says what is allowed.
    fn read(text: &'a str) -> Result<Self, String> {
        let Some((field, value)) = text.split_once(':') else {
            return match text {
                "" => Err("a term is empty".into()),
                glob => Ok(Self::Glob(glob)),
            };
        };
        match field.to_ascii_lowercase().as_str() {
            "severity" => {
                pick(value, &[Level::Must, Level::Should, Level::May]).map(Self::Severity)
            }
            "profile" => pick(value, &[Profile::Plugin, Profile::Requests, Profile::Everything])
                .map(Self::Profile),
            "dialect" => match value {
                "1" => Ok(Self::Dialect(Dialect::One)),
                "2" => Ok(Self::Dialect(Dialect::Two)),
                other => Err(format!("{other:?} is none of 1, 2")),
            },
            _ => Err(format!("{field:?} is none of severity, profile, dialect")),
        }
    }

    fn matches(&self, check: &Check, dialect: Dialect) -> bool {
        match self {
            Self::Glob(pattern) => {
                glob(pattern, check.id) || check.rules.iter().any(|rule| glob(pattern, rule))
            }
            Self::Severity(severity) => check.severity == *severity,
            Self::Profile(profile) => check.profile() == *profile,
            Self::Dialect(wanted) => dialect == *wanted,
        }
    }
}

/// The one of `known` that is written as `text`.
fn pick<T: Copy + std::fmt::Display>(text: &str, known: &[T]) -> Result<T, String> {
    let found = known.iter().find(|one| one.to_string().eq_ignore_ascii_case(text));
    found.copied().ok_or_else(|| {
        let known: Vec<_> = known.iter().map(|one| one.to_string().to_lowercase()).collect();
        format!("{text:?} is none of {}", known.join(", "))
    })
}

/// Reads the patterns given with `flag`, and makes sure that each matches something.
fn read<'a>(
    flag: &str,
    patterns: &'a [Pattern],
    checks: &[Check],
) -> Result<Vec<Vec<Term<'a>>>, SelectionError> {
    let mut all = Vec::new();
    for pattern in patterns {
        let text = pattern.as_str();
        let malformed = |why: String| SelectionError::Malformed(format!("{flag} {text:?}: {why}"));
        let mut terms = Vec::new();
        for part in text.split(',') {
            let term = Term::read(part.trim()).map_err(malformed)?;
            if !anything_matches(std::slice::from_ref(&term), checks) {
                return Err(SelectionError::Unmatched(unmatched(flag, part.trim())));
            }
            terms.push(term);
        }
        if !anything_matches(&terms, checks) {
            return Err(SelectionError::Unmatched(format!(
                "{flag} {text:?}: no check matches all of these at once"
            )));
        }
        all.push(terms);
    }
    Ok(all)
}

fn anything_matches(terms: &[Term<'_>], checks: &[Check]) -> bool {
    checks.iter().any(|check| made_in(check).any(|dialect| all_match(terms, check, dialect)))
}

fn all_match(terms: &[Term<'_>], check: &Check, dialect: Dialect) -> bool {
    terms.iter().all(|term| term.matches(check, dialect))
}

fn made_in(check: &Check) -> impl Iterator<Item = Dialect> {
    let dialects = check.dialects;
    Dialect::ALL.into_iter().filter(move |dialect| dialects.contains(*dialect))
}

fn unmatched(flag: &str, term: &str) -> String {
    if let Some(rule) = RULES.get(&term.to_uppercase()) {
        return format!(
            "{flag} {term:?}: no check proves rule {}; `rules` gives the reason",
            rule.id
        );
    }
    match nearest(term) {
        Some(id) => format!("{flag} {term:?} matches no check; did you mean {id:?}?"),
        None => format!("{flag} {term:?} matches no check and no rule; `list` shows all checks"),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::CHECKS;

    fn pick(run: &[&str], skip: &[&str]) -> Result<Vec<Selected>, String> {
        let patterns = |texts: &[&str]| texts.iter().copied().map(Pattern::new).collect::<Vec<_>>();
        select(&CHECKS, &patterns(run), &patterns(skip)).map_err(|error| error.to_string())
    }

    fn ids(selected: &[Selected]) -> Vec<&'static str> {
        selected.iter().map(|selected| selected.check.id).collect()
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
        let all = pick(&[], &[]).unwrap();
        assert_eq!(all.len(), CHECKS.len());
        assert!(all.iter().all(|s| s.dialects == made_in(s.check).collect::<Vec<_>>()));
    }

    #[test]
    fn globs_match_check_ids_and_rule_ids_in_any_case() {
        let by_rule = pick(&["hs-38"], &[]).unwrap();
        assert!(ids(&by_rule).contains(&"handshake/ready-after-health"), "{by_rule:?}");
        let by_area = ids(&pick(&["Launch-Line/*"], &["launch-line/refuses-*"]).unwrap());
        assert!(by_area.iter().all(|id| id.starts_with("launch-line/")), "{by_area:?}");
        assert!(!by_area.iter().any(|id| id.contains("refuses")), "{by_area:?}");
    }

    #[test]
    fn fields_select_by_what_a_check_is() {
        let should = pick(&["severity:should"], &[]).unwrap();
        assert!(should.iter().all(|s| s.check.severity == Level::Should));
        let everything = pick(&["Profile:EVERYTHING"], &[]).unwrap();
        assert!(everything.iter().all(|s| s.check.profile() == Profile::Everything));
        let rest = pick(&[], &["profile:everything"]).unwrap();
        assert_eq!(rest.len() + everything.len(), CHECKS.len());
    }

    #[test]
    fn a_dialect_is_part_of_what_is_selected() {
        let two = pick(&["health/get,dialect:2"], &[]).unwrap();
        assert_eq!(two.len(), 1);
        assert_eq!(two[0].dialects, [Dialect::Two]);
        let one = pick(&["health/get"], &["dialect:2"]).unwrap();
        assert_eq!(one[0].dialects, [Dialect::One]);
        let both = pick(&["health/get,dialect:2", "health/get , dialect:1"], &[]).unwrap();
        assert_eq!(both[0].dialects, Dialect::ALL);
    }

    #[test]
    fn all_terms_of_a_pattern_and_any_pattern_match() {
        let narrow = pick(&["channel/*,severity:should"], &[]).unwrap();
        let expected =
            CHECKS.iter().filter(|c| c.area() == "channel" && c.severity == Level::Should);
        assert_eq!(ids(&narrow), expected.map(|check| check.id).collect::<Vec<_>>());
        let wide = pick(&["channel/*", "severity:should"], &[]).unwrap();
        assert!(wide.len() > narrow.len());
    }

    #[test]
    fn a_pattern_that_matches_nothing_is_an_error_with_a_suggestion() {
        for (pattern, why) in [
            ("handshake/redy-after-health", "handshake/ready-after-health"),
            ("dialect:2,handshake/redy-after-health", "\"handshake/redy-after-health\""),
            ("zzzzzzzz*", "matches no check"),
            ("PX-01", "no check proves rule PX-01"),
            ("health/*,channel/*", "all of these at once"),
            ("severity:shall", "\"shall\" is none of must, should, may"),
            ("profile:all", "plugin, requests, everything"),
            ("dialect:3", "\"3\" is none of 1, 2"),
            ("colour:red", "severity, profile, dialect"),
            ("health/*,", "a term is empty"),
            ("", "a term is empty"),
        ] {
            let error = pick(&[pattern], &[]).unwrap_err();
            assert!(error.contains(why) && error.contains("--run"), "{pattern}: {error}");
            assert!(pick(&["*"], &[pattern]).unwrap_err().contains("--skip"), "{pattern}");
        }
    }

    #[test]
    fn skipping_everything_is_an_error() {
        assert_eq!(pick(&["health/*"], &["*"]).unwrap_err(), SelectionError::Empty.to_string());
    }
}
