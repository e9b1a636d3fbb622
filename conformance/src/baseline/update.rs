//! Writing the file of known failures anew from what a run has shown. What stays keeps its reason, its
//! day and its comments.

use std::collections::BTreeSet;
use std::path::Path;

use jiff::civil::Date;
use temps_plugin_schema::Dialect;
use toml_edit::{ArrayOfTables, DocumentMut, Item, Table, value};

use super::entries::{self, BaselineError, Entry, LIST, ProblemKind};
use crate::model::{CheckResult, Status};
use crate::registry::CHECKS;

/// What new entries say, and until when they and expired ones hold.
#[derive(Debug, Clone)]
pub struct Renewal<'a> {
    /// Why what fails now fails; needed when something does that is not known yet.
    pub reason: Option<&'a str>,
    /// The last day of new entries, and of those that have expired.
    pub expires: Date,
    /// The day it is.
    pub today: Date,
}

/// The new text, and what became of the entries, by what they are about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Updated {
    /// The new content of the file.
    pub text: String,
    /// Entries that are new.
    pub added: Vec<String>,
    /// Entries that stay as they are.
    pub kept: Vec<String>,
    /// Entries that had expired and got a new day.
    pub renewed: Vec<String>,
    /// Entries about both dialects that are about one now.
    pub narrowed: Vec<String>,
    /// Entries that are gone, because their checks pass or do not exist.
    pub removed: Vec<String>,
}

/// What is to become of an entry.
enum Fate {
    Keep,
    Narrow(Dialect),
    Remove,
}

/// Brings `text`, the content of `file`, in line with `results`. Entries about checks that were not
/// made stay as they are.
///
/// # Errors
/// When the text cannot be read, or when something fails that is not known and there is no reason.
pub fn update(
    file: &Path,
    text: &str,
    results: &[CheckResult],
    renewal: &Renewal<'_>,
) -> Result<Updated, BaselineError> {
    let (entries, mut problems) = entries::parse(file, text)?;
    // An unknown check is what this is to clear away; anything else is for a person to decide.
    problems.retain(|problem| problem.kind != ProblemKind::Unknown);
    if !problems.is_empty() {
        return Err(BaselineError::Entries { file: file.to_owned(), problems });
    }
    let new = new_entries(&entries, results);
    let unexplained: Vec<_> = new.iter().map(|(check, dialect)| about(check, *dialect)).collect();
    let reason = match renewal.reason {
        Some(reason) => reason,
        None if new.is_empty() => "",
        None => return Err(BaselineError::ReasonMissing(unexplained)),
    };

    let mut document: DocumentMut = text.parse().map_err(|source| BaselineError::Toml {
        file: file.to_owned(),
        source: Box::new(source),
    })?;
    let mut updated = Updated::default();
    let mut rest = document.trailing().as_str().unwrap_or_default().to_owned();
    let list = document.entry(LIST).or_insert(Item::ArrayOfTables(ArrayOfTables::new()));
    let mut orphaned = String::new();
    if let Some(tables) = list.as_array_of_tables_mut() {
        orphaned = rewrite(tables, &entries, results, renewal, &mut updated);
        if tables.is_empty() && !new.is_empty() {
            // In a file without entries the head stands at the end.
            orphaned.push_str(&std::mem::take(&mut rest));
        }
        for (check, dialect) in new {
            let mut table = table(check, dialect, reason, renewal.expires);
            if !orphaned.is_empty() || !tables.is_empty() {
                table.decor_mut().set_prefix(format!("{}\n", std::mem::take(&mut orphaned)));
            }
            updated.added.push(about(check, dialect));
            tables.push(table);
        }
        if tables.is_empty() {
            document.remove(LIST);
        }
    }
    document.set_trailing(format!("{orphaned}{rest}"));
    updated.text = document.to_string();
    Ok(updated)
}

/// Changes and removes tables by what their entries' checks have shown. Returns comments that stood
/// above removed entries without belonging to them and now have no entry below.
fn rewrite(
    tables: &mut ArrayOfTables,
    entries: &[Entry],
    results: &[CheckResult],
    renewal: &Renewal<'_>,
    updated: &mut Updated,
) -> String {
    let mut orphaned = String::new();
    let mut at = 0;
    for entry in entries {
        let name = about(&entry.check, entry.dialect);
        let fate = fate(entry, results);
        if let Fate::Remove = fate {
            orphaned.push_str(&detached(&tables.remove(at)));
            updated.removed.push(name);
            continue;
        }
        let Some(table) = tables.get_mut(at) else { break };
        at += 1;
        if !orphaned.is_empty() {
            let own = prefix(table).trim_start_matches('\n').to_owned();
            table.decor_mut().set_prefix(format!("{}\n{own}", std::mem::take(&mut orphaned)));
        }
        let expired = entry.expires < renewal.today;
        if expired {
            set(table, "expires", toml_date(renewal.expires));
        }
        match fate {
            Fate::Narrow(dialect) => {
                set(table, "dialect", value(i64::from(dialect.number())));
                updated.narrowed.push(about(&entry.check, Some(dialect)));
            }
            _ if expired => updated.renewed.push(name),
            _ => updated.kept.push(name),
        }
    }
    orphaned
}

fn fate(entry: &Entry, results: &[CheckResult]) -> Fate {
    if !CHECKS.iter().any(|check| {
        check.id == entry.check && entry.dialect.is_none_or(|d| check.dialects.contains(d))
    }) {
        return Fate::Remove;
    }
    let (mut passed, mut failed) = (false, Vec::new());
    for result in results.iter().filter(|result| entry.is_about(result)) {
        match result.status {
            Status::Passed { .. } => passed = true,
            Status::Failed { .. } => failed.push(result.dialect),
            Status::Skipped { .. } | Status::Fault { .. } => {}
        }
    }
    match (passed, failed.as_slice()) {
        (true, []) => Fate::Remove,
        (true, [only]) => Fate::Narrow(*only),
        _ => Fate::Keep,
    }
}

/// Failures that no entry is about, one a check where it fails in every dialect it is made in.
fn new_entries(entries: &[Entry], results: &[CheckResult]) -> Vec<(&'static str, Option<Dialect>)> {
    let fails = |result: &&CheckResult| {
        matches!(result.status, Status::Failed { .. })
            && !entries.iter().any(|entry| entry.is_about(result))
    };
    let failed: Vec<_> = results.iter().filter(fails).collect();
    let mut new = Vec::new();
    let mut seen = BTreeSet::new();
    for result in &failed {
        let check = CHECKS.iter().find(|check| check.id == result.check);
        let everywhere = Dialect::ALL
            .into_iter()
            .filter(|dialect| check.is_none_or(|check| check.dialects.contains(*dialect)))
            .all(|dialect| failed.iter().any(|r| r.check == result.check && r.dialect == dialect));
        let dialect = (!everywhere).then_some(result.dialect);
        if seen.insert((result.check, dialect)) {
            new.push((result.check, dialect));
        }
    }
    new
}

fn about(check: &str, dialect: Option<Dialect>) -> String {
    match dialect {
        Some(dialect) => format!("{check} ({dialect})"),
        None => check.to_owned(),
    }
}

fn table(check: &str, dialect: Option<Dialect>, reason: &str, expires: Date) -> Table {
    let mut table = Table::new();
    table.insert("check", value(check));
    if let Some(dialect) = dialect {
        table.insert("dialect", value(i64::from(dialect.number())));
    }
    table.insert("reason", value(reason));
    table.insert("expires", toml_date(expires));
    table
}

/// Sets a value and leaves a comment behind the old one where it is.
fn set(table: &mut Table, key: &str, item: Item) {
    let decor = table.get(key).and_then(Item::as_value).map(|old| old.decor().clone());
    table.insert(key, item);
    if let (Some(decor), Some(new)) = (decor, table.get_mut(key).and_then(Item::as_value_mut)) {
        *new.decor_mut() = decor;
    }
}

fn toml_date(date: Date) -> Item {
    let date = toml_edit::Date {
        year: date.year().unsigned_abs(),
        month: date.month().unsigned_abs(),
        day: date.day().unsigned_abs(),
    };
    value(toml_edit::Datetime { date: Some(date), time: None, offset: None })
}

fn prefix(table: &Table) -> &str {
    table.decor().prefix().and_then(toml_edit::RawString::as_str).unwrap_or_default()
}

/// The comments above a table that an empty line sets apart from it: the head of the file, or of a
/// section.
fn detached(table: &Table) -> String {
    let prefix = prefix(table);
    let end = prefix.rfind("\n\n").map_or(0, |at| at + 1);
    let comments = &prefix[..end];
    if comments.trim().is_empty() { String::new() } else { comments.to_owned() }
}
