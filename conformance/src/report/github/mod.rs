//! For GitHub Actions: annotations, a folded log, and a job summary.

mod summary;

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

use super::rows::{as_text, complaints, cut, rows};
use super::{Outcome, RunReport, human};

/// How many annotations of one kind GitHub shows for a step. The rest would vanish silently.
const SHOWN: usize = 10;
/// Longest message of one annotation, in bytes.
const MESSAGE: usize = 4000;
/// How many checks the annotation that stands for the rest names.
const NAMED: usize = 20;
/// Most that GitHub takes as the summary of one step, in bytes.
const SUMMARY: usize = 1024 * 1024;

/// A text that a plugin can't know, by which obeying commands is switched on again.
///
/// # Errors
/// When the system has no randomness.
pub(super) fn token() -> Result<String, getrandom::Error> {
    Ok(format!("{:016x}{:016x}", getrandom::u64()?, getrandom::u64()?))
}

/// The log of a run with its annotations. What a plugin wrote is in it, so it stands where the
/// runner of GitHub obeys nothing until it reads `token`.
pub(super) fn report(report: &RunReport, verbose: bool, token: &str) -> String {
    let log = anstream::adapter::strip_str(&human::report(report, verbose)).to_string();
    let title =
        format!("temps-plugin-conformance: {}, {}", report.subject(), report.verdict.name());
    let mut out = format!("::group::{}\n::stop-commands::{token}\n", data(&title));
    let _ = writeln!(out, "{}\n::{token}::\n::endgroup::", log.trim_end());
    let (errors, warnings) = annotations(report);
    out.push_str(&commands("error", &errors));
    out.push_str(&commands("warning", &warnings));
    out
}

/// Appends the summary of a run to the file that GitHub names in `GITHUB_STEP_SUMMARY`.
///
/// # Errors
/// When the file can't be written.
pub fn append_step_summary(report: &RunReport, file: &Path) -> io::Result<()> {
    // Other commands of the step have perhaps used some of the room.
    let used = fs::metadata(file).map_or(0, |found| found.len());
    let room = SUMMARY.saturating_sub(usize::try_from(used).unwrap_or(usize::MAX));
    let mut file = fs::OpenOptions::new().append(true).create(true).open(file)?;
    file.write_all(summary::markdown(report, room).as_bytes())
}

struct Annotation {
    title: String,
    text: String,
}

/// What becomes an error, and what a warning.
fn annotations(report: &RunReport) -> (Vec<Annotation>, Vec<Annotation>) {
    let (mut errors, mut warnings) = (Vec::new(), Vec::new());
    for row in rows(report) {
        let kind = match Outcome::of(&row) {
            Outcome::Failed | Outcome::Fault => &mut errors,
            Outcome::Warned => &mut warnings,
            Outcome::Passed | Outcome::Known | Outcome::Skipped => continue,
        };
        let title = format!("{} ({})", row.check, row.dialect);
        kind.push(Annotation { title, text: as_text(&row) });
    }
    for complaint in complaints(report) {
        errors.push(Annotation { title: complaint.title.into(), text: complaint.text });
    }
    (errors, warnings)
}

fn commands(kind: &str, annotations: &[Annotation]) -> String {
    let shown = if annotations.len() > SHOWN { SHOWN - 1 } else { annotations.len() };
    let (shown, rest) = annotations.split_at(shown);
    let mut out = String::new();
    let mut write = |title: &str, text: String| {
        let text = cut(text, MESSAGE);
        let _ = writeln!(out, "::{kind} title={}::{}", property(title), data(&text));
    };
    for annotation in shown {
        write(&annotation.title, annotation.text.clone());
    }
    if !rest.is_empty() {
        let named: Vec<_> = rest.iter().take(NAMED).map(|rest| rest.title.as_str()).collect();
        let more = if rest.len() > NAMED { ", …" } else { "" };
        let text = format!("{}{more}\nThe log of this step has them all.", named.join(", "));
        write(&format!("{} more", rest.len()), text);
    }
    out
}

/// Escapes what stands behind the second `::` of a command.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// Escapes the value of a command's property.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests;
