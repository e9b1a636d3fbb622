//! `--run` and `--skip`, which several subcommands take.

use clap::Args;

use crate::selection::Pattern;

/// How patterns are written, for `--help`.
pub(super) const PATTERNS: &str = "\
Patterns:
  A pattern is one or more terms joined by commas, all of which a check has to match:
    handshake/*          a glob over check ids (* any text, ? any character)
    HS-38                a glob over the ids of the rules a check proves
    severity:must        must, should or may
    profile:plugin       plugin, requests or everything
    dialect:2            the check as it is made in dialect 1 or 2
  --run and --skip may be repeated; a check is made when it matches any --run and no --skip.
  A pattern that matches nothing is an error.";

#[derive(Debug, Default, Args)]
pub(super) struct SelectArgs {
    /// Only what matches this pattern. May be repeated.
    #[arg(long, value_name = "PATTERN")]
    run: Vec<String>,
    /// Leave out what matches this pattern. May be repeated.
    #[arg(long, value_name = "PATTERN")]
    skip: Vec<String>,
}

impl SelectArgs {
    /// The patterns of `--run` and of `--skip`.
    pub(super) fn patterns(&self) -> [Vec<Pattern>; 2] {
        [&self.run, &self.skip].map(|texts| texts.iter().map(Pattern::new).collect())
    }
}
