//! How known failures are written:
//!
//! ```toml
//! [[known]]
//! check = "stop/drains"        # the id of a check
//! dialect = 2                  # left out: both
//! reason = "issue 17"          # why it fails
//! expires = 2027-03-01         # the last day on which it may
//! ```

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use jiff::civil::Date;
use temps_plugin_schema::Dialect;
use toml_edit::{Document, Item, Table, Value};

use crate::model::{Check, CheckResult};
use crate::registry::CHECKS;
use crate::selection::nearest;

/// The name of the list.
pub(super) const LIST: &str = "known";
const KEYS: [&str; 4] = ["check", "dialect", "reason", "expires"];

/// One known failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The id of the check.
    pub check: String,
    /// The dialect it fails in; both when there is none.
    pub dialect: Option<Dialect>,
    /// Why it fails.
    pub reason: String,
    /// The last day on which it may.
    pub expires: Date,
    /// Where the entry begins, counted from 1.
    pub line: usize,
}

impl Entry {
    pub(super) fn is_about(&self, result: &CheckResult) -> bool {
        self.check == result.check && self.dialect.is_none_or(|dialect| dialect == result.dialect)
    }
}

/// Why a file says nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BaselineError {
    /// It cannot be read or written.
    #[error("known failures: {}: {source}", file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// It is no TOML.
    #[error("known failures: {} is no TOML: {source}", file.display())]
    Toml {
        /// The file.
        file: PathBuf,
        /// Where and why.
        source: Box<toml_edit::TomlError>,
    },
    /// Some of it is no entry.
    #[error("known failures: {} has {} to repair:{}", file.display(), count(problems), list(problems))]
    Entries {
        /// The file.
        file: PathBuf,
        /// What is wrong, from top to bottom.
        problems: Vec<Problem>,
    },
    /// New failures cannot be written down without a reason.
    #[error("these fail and are not known yet; say why with --reason TEXT:\n  {}", _0.join("\n  "))]
    ReasonMissing(Vec<String>),
}

/// What is wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Which kind of mistake.
    pub kind: ProblemKind,
    /// The line, counted from 1.
    pub line: usize,
    /// What stands there.
    pub quote: String,
    /// What is wrong with it.
    pub what: String,
    /// What to do.
    pub fix: String,
}

/// The kinds of mistakes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProblemKind {
    /// It is not written as an entry is.
    Malformed,
    /// There is no such check.
    Unknown,
    /// Another entry is about the same check.
    Duplicate,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, quote, what, fix, .. } = self;
        write!(f, "line {line}: {quote}\n    {what}; {fix}")
    }
}

fn count(problems: &[Problem]) -> String {
    match problems.len() {
        1 => "one line".into(),
        several => format!("{several} lines"),
    }
}

fn list(problems: &[Problem]) -> String {
    problems.iter().map(|problem| format!("\n  {problem}")).collect()
}

pub(super) fn read_file(file: &Path) -> Result<String, BaselineError> {
    std::fs::read_to_string(file)
        .map_err(|source| BaselineError::File { file: file.to_owned(), source })
}

/// Reads all entries that can be read, and says what is wrong with them and with the others.
///
/// # Errors
/// When the text is no TOML, of which nothing can be read.
pub(super) fn parse(file: &Path, text: &str) -> Result<(Vec<Entry>, Vec<Problem>), BaselineError> {
    let document = Document::parse(text).map_err(|source| BaselineError::Toml {
        file: file.to_owned(),
        source: Box::new(source),
    })?;
    let mut reader = Reader { text, problems: Vec::new() };
    let entries = reader.document(document.as_table());
    Ok((entries, reader.problems))
}

struct Reader<'a> {
    text: &'a str,
    problems: Vec<Problem>,
}

impl Reader<'_> {
    fn document(&mut self, root: &Table) -> Vec<Entry> {
        for (key, _) in root.iter().filter(|(key, _)| *key != LIST) {
            let at = root.key(key).and_then(toml_edit::Key::span);
            let fix = format!("an entry begins with [[{LIST}]]");
            self.malformed(at, format!("{key:?} means nothing here"), fix);
        }
        let tables = match root.get(LIST) {
            None => return Vec::new(),
            Some(Item::ArrayOfTables(tables)) => tables,
            Some(other) => {
                let fix = format!("begin each entry with a line [[{LIST}]]");
                self.malformed(other.span(), format!("{LIST:?} is no list of tables"), fix);
                return Vec::new();
            }
        };
        let mut entries: Vec<Entry> = Vec::new();
        for table in tables {
            let Some(entry) = self.entry(table) else { continue };
            let overlaps = |other: &&Entry| {
                other.check == entry.check
                    && (other.dialect.is_none()
                        || entry.dialect.is_none()
                        || other.dialect == entry.dialect)
            };
            if let Some(first) = entries.iter().find(overlaps) {
                let what = format!("line {} is about {} as well", first.line, entry.check);
                let fix = "remove one of the two, or give each its own `dialect`".to_owned();
                self.problem(ProblemKind::Duplicate, table.span(), what, fix);
            }
            entries.push(entry);
        }
        entries
    }

    /// Reads one entry; `None` when a part of it cannot be read, which was said then.
    fn entry(&mut self, table: &Table) -> Option<Entry> {
        let before = self.problems.len();
        for (key, _) in table.iter().filter(|(key, _)| !KEYS.contains(key)) {
            let at = table.key(key).and_then(toml_edit::Key::span);
            let fix = format!("an entry has {}", KEYS.join(", "));
            self.malformed(at, format!("{key:?} is not part of an entry"), fix);
        }
        let check = self.text_of(table, "check", "name the check, as `list` does");
        let reason = self.text_of(table, "reason", "say why it fails, for whoever reads this next");
        let dialect = self.dialect(table);
        let expires = self.expires(table);
        if let Some(check) = &check {
            self.known_check(table, check, dialect.flatten());
        }
        let unreadable =
            self.problems[before..].iter().any(|problem| problem.kind == ProblemKind::Malformed);
        let line = self.line_of(table.span());
        let entry =
            Entry { check: check?, dialect: dialect?, reason: reason?, expires: expires?, line };
        (!unreadable).then_some(entry)
    }

    fn text_of(&mut self, table: &Table, key: &str, fix: &str) -> Option<String> {
        match table.get(key).map(|item| (item.as_str(), item.span())) {
            Some((Some(text), _)) if !text.trim().is_empty() => return Some(text.to_owned()),
            Some((Some(_), at)) => self.malformed(at, format!("`{key}` is empty"), fix.into()),
            Some((None, at)) => self.malformed(at, format!("`{key}` is no text"), fix.into()),
            None => self.malformed(table.span(), format!("`{key}` is missing"), fix.into()),
        }
        None
    }

    /// The dialect, or none for both; `None` when it is neither 1 nor 2.
    fn dialect(&mut self, table: &Table) -> Option<Option<Dialect>> {
        let Some(item) = table.get("dialect") else { return Some(None) };
        match item.as_integer() {
            Some(1) => Some(Some(Dialect::One)),
            Some(2) => Some(Some(Dialect::Two)),
            _ => {
                let fix = "write 1 or 2, or leave it out for both".to_owned();
                self.malformed(item.span(), "`dialect` is neither 1 nor 2".into(), fix);
                None
            }
        }
    }

    fn expires(&mut self, table: &Table) -> Option<Date> {
        const FIX: &str = "write the last day on which it may fail, such as expires = 2027-03-01";
        let Some(item) = table.get("expires") else {
            self.malformed(table.span(), "`expires` is missing".into(), FIX.into());
            return None;
        };
        let date = item.as_value().and_then(Value::as_datetime).and_then(|when| match when {
            toml_edit::Datetime { date: Some(date), time: None, offset: None } => {
                let year = i16::try_from(date.year).ok()?;
                Date::new(year, i8::try_from(date.month).ok()?, i8::try_from(date.day).ok()?).ok()
            }
            _ => None,
        });
        if date.is_none() {
            let what = match item.as_str() {
                Some(_) => "`expires` is a text",
                None => "`expires` is no day",
            };
            self.malformed(item.span(), what.into(), format!("{FIX}, without quotes"));
        }
        date
    }

    fn known_check(&mut self, table: &Table, id: &str, dialect: Option<Dialect>) {
        let at = table.get("check").and_then(Item::span);
        let found: Option<&Check> = CHECKS.iter().find(|check| check.id == id);
        let (what, fix) = match (found, dialect) {
            (None, _) => {
                let fix = match nearest(id) {
                    Some(near) => {
                        format!("did you mean {near:?}? If the check is gone, so is the entry")
                    }
                    None => "`list` shows all checks".to_owned(),
                };
                (format!("there is no check {id:?}"), fix)
            }
            (Some(check), Some(dialect)) if !check.dialects.contains(dialect) => {
                (format!("{id} is never made in {dialect}"), "remove the entry".to_owned())
            }
            _ => return,
        };
        self.problem(ProblemKind::Unknown, at, what, fix);
    }

    fn malformed(&mut self, at: Option<Range<usize>>, what: String, fix: String) {
        self.problem(ProblemKind::Malformed, at, what, fix);
    }

    fn problem(&mut self, kind: ProblemKind, at: Option<Range<usize>>, what: String, fix: String) {
        let line = self.line_of(at);
        let quote = self.text.lines().nth(line - 1).unwrap_or_default().trim().to_owned();
        self.problems.push(Problem { kind, line, quote, what, fix });
    }

    /// The line in which something begins, counted from 1.
    fn line_of(&self, at: Option<Range<usize>>) -> usize {
        let start = at.map_or(0, |span| span.start);
        1 + self.text.get(..start).unwrap_or_default().matches('\n').count()
    }
}
