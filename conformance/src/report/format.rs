//! The ways to write a report.

use clap::ValueEnum;

use super::{RunReport, github, html, human, json, junit, tap};

/// A way to write the report of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For a person at a terminal.
    Human,
    /// The whole result model; its JSON Schema is `schema/report.v1.schema.json`.
    Json,
    /// JUnit XML, one suite for each dialect and area.
    Junit,
    /// The Test Anything Protocol, version 14.
    Tap,
    /// Annotations and a folded log for GitHub Actions, and a job summary.
    Github,
    /// One self-contained page with the transcripts of all checks.
    Html,
}

/// What the person who reads it asked for.
#[derive(Debug, Clone, Copy, Default)]
pub struct Rendering {
    /// The evidence of passed checks and skipped checks too, where a format leaves them out.
    pub verbose: bool,
}

/// Why a report was not made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The XML writer refused it.
    #[error("the JUnit report can't be made: {0}")]
    Junit(#[from] quick_junit::SerializeError),
    /// There is no randomness for the token that keeps a plugin's text from being obeyed.
    #[error("the GitHub report can't be made without a random token: {0}")]
    Token(#[from] getrandom::Error),
}

impl Format {
    /// Writes `report`. Colours are in [`Format::Human`] only.
    ///
    /// # Errors
    /// When the library behind a format fails, which is a defect of the suite.
    pub fn render(self, report: &RunReport, rendering: Rendering) -> Result<String, WriteError> {
        Ok(match self {
            Self::Human => human::report(report, rendering.verbose),
            Self::Json => json::report(report),
            Self::Junit => junit::report(report)?,
            Self::Tap => tap::report(report),
            Self::Github => github::report(report, rendering.verbose, &github::token()?),
            Self::Html => html::report(report),
        })
    }

    /// Whether it has a place for the transcripts of checks that passed.
    #[must_use]
    pub fn shows_passes(self) -> bool {
        match self {
            Self::Html => true,
            Self::Human | Self::Json | Self::Junit | Self::Tap | Self::Github => false,
        }
    }

    /// The name by which it is chosen.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Human => "human",
            Self::Json => "json",
            Self::Junit => "junit",
            Self::Tap => "tap",
            Self::Github => "github",
            Self::Html => "html",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_is_chosen_by_its_name() {
        for format in Format::value_variants() {
            let value = format.to_possible_value().unwrap();
            assert_eq!(value.get_name(), format.name());
        }
    }
}
