use std::fmt;
use std::str::FromStr;

/// Which events a plugin asks for: an exact name, every name below a prefix, or all.
///
/// ```
/// use temps_plugin_schema::EventPattern;
///
/// let pattern: EventPattern = "deployment.*".parse()?;
/// assert!(pattern.matches("deployment.succeeded"));
/// assert!(!pattern.matches("deployments.succeeded"));
/// assert!("deploy*".parse::<EventPattern>().is_err());
/// # Ok::<(), temps_plugin_schema::Violation>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum EventPattern {
    /// `*`: every event.
    All,
    /// `prefix.*`: every event whose name starts with `prefix.`.
    Below(String),
    /// One event, by its exact name.
    Exact(String),
}

/// The pattern grammar as a regular expression, for JSON Schema.
pub(crate) const EVENT_PATTERN_REGEX: &str = r"^(\*|[a-z0-9_-]+(\.[a-z0-9_-]+)*(\.\*)?)$";

impl EventPattern {
    /// Whether an event of this type is asked for.
    #[must_use]
    pub fn matches(&self, event_type: &str) -> bool {
        match self {
            Self::All => true,
            Self::Below(prefix) => event_type
                .strip_prefix(prefix.as_str())
                .and_then(|rest| rest.strip_prefix('.'))
                .is_some_and(|rest| !rest.is_empty()),
            Self::Exact(name) => name == event_type,
        }
    }
}

impl FromStr for EventPattern {
    type Err = crate::Violation;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "*" {
            return Ok(Self::All);
        }
        let (name, below) = match text.strip_suffix(".*") {
            Some(prefix) => (prefix, true),
            None => (text, false),
        };
        let is_word = |word: &str| {
            !word.is_empty()
                && word
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-')
        };
        if !name.split('.').all(is_word) {
            return Err(crate::Violation::new(
                "events",
                text,
                "an exact event name such as `deployment.succeeded` (words of `a-z 0-9 _ -` joined \
                 by `.`), a prefix such as `deployment.*`, or `*`",
            ));
        }
        let name = name.to_owned();
        Ok(if below { Self::Below(name) } else { Self::Exact(name) })
    }
}

impl fmt::Display for EventPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("*"),
            Self::Below(prefix) => write!(f, "{prefix}.*"),
            Self::Exact(name) => f.write_str(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::EventPattern;

    fn matches(pattern: &str, event: &str) -> bool {
        pattern.parse::<EventPattern>().unwrap().matches(event)
    }

    #[test]
    fn a_prefix_matches_whole_words_below_it_only() {
        assert!(matches("deployment.*", "deployment.succeeded"));
        assert!(matches("deployment.*", "deployment.step.done"));
        assert!(!matches("deployment.*", "deployment"));
        assert!(!matches("deployment.*", "deployment."));
        assert!(!matches("deployment.*", "deployments.succeeded"));
        assert!(!matches("deployment.*", "project.created"));
    }

    #[test]
    fn a_star_matches_everything_and_a_name_only_itself() {
        assert!(matches("*", "anything.at.all"));
        assert!(matches("project.created", "project.created"));
        assert!(!matches("project.created", "project.created.twice"));
    }

    #[test]
    fn what_is_no_pattern_is_named_in_the_error() {
        for text in ["", ".", ".*", "a.", "*.a", "a.*.b", "a*", "A.b", "a b", "**"] {
            let error = text.parse::<EventPattern>().unwrap_err();
            assert_eq!(error.found, text);
        }
    }

    #[test]
    fn parsing_and_displaying_are_inverse() {
        for text in ["*", "a", "a.b", "a.*", "a.b.*", "a-1.b_2"] {
            assert_eq!(text.parse::<EventPattern>().unwrap().to_string(), text);
        }
    }
}
