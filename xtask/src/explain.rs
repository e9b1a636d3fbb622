//! `cargo xtask explain`: records how a sound plugin passes each check, which
//! `temps-plugin-conformance explain` shows.
//!
//! What differs from run to run is left out or replaced by what it stands for, and a transcript with no
//! new line in it stays as it was, in whatever order and number its lines came: recording again
//! changes what has changed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use regex_lite::Regex;
use serde::{Deserialize, Serialize};

use crate::command::{self, Built, failed};
use crate::conformance::{MODEL, RUNNER};
use crate::error::XtaskError;
use crate::repository;

/// Where the transcripts are.
const FILE: &str = "conformance/explain/transcripts.json";
/// Sample requests for any plugin of the everything profile.
const SAMPLES: &str = "conformance/defective/conformance.toml";
/// What is kept of a transcript that is too long to be read: its beginning and its end.
const HEAD: usize = 16;
const TAIL: usize = 8;
/// Longest line kept, in characters.
const WIDTH: usize = 140;
/// Stands for lines that were left out.
const GAP: &str = "…";
/// Stands before the number of times a line came.
const COUNT: &str = "  (× ";

/// Record how a sound plugin passes each check, for `temps-plugin-conformance explain`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  cargo xtask explain && git diff conformance/explain")]
pub(crate) struct Args {}

/// What this chore reads of the runner's report.
#[derive(Deserialize)]
struct Report {
    plugin: Plugin,
    starts: Vec<Start>,
    results: Vec<CheckResult>,
}

#[derive(Deserialize)]
struct Plugin {
    name: String,
    version: String,
}

#[derive(Deserialize)]
struct Start {
    dialect: u32,
    #[serde(default)]
    transcript: Vec<Entry>,
}

#[derive(Deserialize)]
struct CheckResult {
    check: String,
    dialect: u32,
    status: String,
    #[serde(default)]
    transcript: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    process: u32,
    direction: char,
    stream: String,
    text: String,
}

/// The file that is written.
#[derive(Debug, Serialize, Deserialize)]
struct Recorded {
    plugin: String,
    transcripts: BTreeMap<String, Sound>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Sound {
    dialect: u32,
    lines: Vec<String>,
}

pub(crate) fn run(_: &Args) -> Result<(), XtaskError> {
    let built = command::build(&[RUNNER.to_owned(), MODEL.to_owned()], false)?;
    let report = report(&program(&built, RUNNER)?.path, &program(&built, MODEL)?.path)?;
    let file = repository::path(FILE);
    let former = fs::read(&file).ok().and_then(|text| serde_json::from_slice(&text).ok());
    let recorded = record(&report, former, &Normalizer::new(&program(&built, MODEL)?.path)?);
    let mut missing: Vec<_> = report
        .results
        .iter()
        .filter(|result| !recorded.transcripts.contains_key(&result.check))
        .map(|result| format!("{} ({})", result.check, result.status))
        .collect();
    missing.dedup();
    for check in missing {
        println!("no transcript of {check}: it did not pass");
    }
    let shown = file.display().to_string();
    let mut text = serde_json::to_string_pretty(&recorded)
        .map_err(|source| XtaskError::Json { path: shown.clone(), source })?;
    text.push('\n');
    fs::write(&file, text).map_err(XtaskError::file("write", &file))?;
    println!("{} transcripts in {shown}", recorded.transcripts.len());
    Ok(())
}

fn program<'a>(built: &'a [Built], name: &str) -> Result<&'a Built, XtaskError> {
    built.iter().find(|built| built.name == name).ok_or_else(|| XtaskError::Command {
        command: name.to_owned(),
        reason: "cargo did not build it".into(),
    })
}

fn report(runner: &Path, plugin: &Path) -> Result<Report, XtaskError> {
    let mut command = Command::new(runner);
    // One check at a time: the plugin that checks share would show what others do.
    command.args(["run", "--format", "json", "--transcripts", "all", "--slow", "--jobs", "1"]);
    command.arg("--config").arg(repository::path(SAMPLES)).arg("--").arg(plugin);
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| failed(&command, error.to_string()))?;
    serde_json::from_slice(&output.stdout)
        .map_err(|error| failed(&command, format!("{}; no report: {error}", output.status)))
}

/// One transcript a check, of dialect 2 where it is made in that.
fn record(report: &Report, former: Option<Recorded>, normalizer: &Normalizer) -> Recorded {
    let mut transcripts = BTreeMap::new();
    let former = former.map(|former| former.transcripts).unwrap_or_default();
    let mut passed: Vec<_> = report.results.iter().filter(|r| r.status == "passed").collect();
    passed.sort_by_key(|result| result.dialect);
    for result in passed {
        let of_start = report.starts.iter().find(|start| start.dialect == result.dialect);
        let entries = match of_start {
            // A check of what was said at the start makes nothing happen itself.
            Some(start) if result.transcript.is_empty() => &start.transcript,
            _ => &result.transcript,
        };
        let lines = normalizer.lines(entries);
        let sound = match former.get(&result.check) {
            Some(former) if former.dialect == result.dialect && same_kinds(former, &lines) => {
                former.clone()
            }
            _ => Sound { dialect: result.dialect, lines: shortened(collapsed(lines)) },
        };
        transcripts.insert(result.check.clone(), sound);
    }
    let plugin = format!("{} {}", report.plugin.name, report.plugin.version);
    Recorded { plugin, transcripts }
}

/// Whether the same lines came again, however often and in whatever order. A shortened transcript does
/// not have them all.
fn same_kinds(former: &Sound, lines: &[String]) -> bool {
    let now: BTreeSet<&str> =
        lines.iter().map(String::as_str).filter(|line| *line != GAP).collect();
    let shown = former.lines.iter().filter(|line| *line != GAP);
    let then: BTreeSet<&str> = shown.map(|line| line.split(COUNT).next().unwrap_or(line)).collect();
    let shortened = former.lines.iter().any(|line| line == GAP);
    then.is_subset(&now) && (shortened || now.is_subset(&then))
}

/// Makes a transcript the same in every run.
struct Normalizer {
    replacements: Vec<(Regex, &'static str)>,
}

impl Normalizer {
    fn new(plugin: &Path) -> Result<Self, XtaskError> {
        let plugin = regex_lite::escape(&plugin.display().to_string());
        let root = regex_lite::escape(repository::path("").to_string_lossy().trim_end_matches('/'));
        let replacements = [
            (plugin.as_str(), "everything-rust"),
            (root.as_str(), "{repository}"),
            (r"(/[\w.-]+)*/tpc\w{6}", "{dir}"),
            (r" \(process \d+\)$", ""),
            (r"/proc/self/fd/\d+", "/proc/self/fd/{n}"),
            (r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", "{uuid}"),
            (r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", "{time}"),
            (r"(; )?date: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", ""),
            (r"connection: upgrade; upgrade: websocket", "upgrade: websocket"),
            (r"connection: Upgrade; upgrade: websocket", "upgrade: websocket"),
            (r"; sec-websocket-version: 13", ""),
            (r"; sec-websocket-(key|accept): [\w+/=]+", ""),
            (r"content-length: \d+", "content-length: {n}"),
            (r"^\[\d+\] ", ""),
            (r"\s+$", ""),
        ];
        let compiled = replacements.into_iter().map(|(pattern, with)| {
            let regex = Regex::new(pattern).map_err(|error| XtaskError::Command {
                command: format!("regex {pattern}"),
                reason: error.to_string(),
            })?;
            Ok((regex, with))
        });
        Ok(Self { replacements: compiled.collect::<Result<_, XtaskError>>()? })
    }

    fn lines(&self, entries: &[Entry]) -> Vec<String> {
        let several = entries.iter().any(|entry| entry.process > 1);
        // That a body came is told by what came after it.
        let told = entries.iter().filter(|e| e.stream != "http" || !e.text.ends_with("] body"));
        told.map(|entry| {
            if entry.stream.is_empty() {
                // The runner's own word on what it left out.
                return GAP.to_owned();
            }
            let process = if several { format!("#{} ", entry.process) } else { String::new() };
            let text = self.text(&entry.text);
            let line = format!("{process}{} {:<8} {text}", entry.direction, entry.stream);
            line.trim_end().to_owned()
        })
        .collect()
    }

    fn text(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (pattern, with) in &self.replacements {
            text = pattern.replace_all(&text, *with).into_owned();
        }
        match text.char_indices().nth(WIDTH) {
            Some((end, _)) => format!("{}…", text[..end].trim_end_matches('…')),
            None => text,
        }
    }
}

/// Neighbours that are the same become one with a count.
fn collapsed(lines: Vec<String>) -> Vec<String> {
    let mut runs: Vec<(String, usize)> = Vec::new();
    for line in lines {
        match runs.last_mut() {
            Some((last, count)) if *last == line => *count += 1,
            _ => runs.push((line, 1)),
        }
    }
    runs.into_iter()
        .map(|(line, count)| if count > 1 { format!("{line}{COUNT}{count})") } else { line })
        .collect()
}

fn shortened(mut lines: Vec<String>) -> Vec<String> {
    if lines.len() > HEAD + TAIL + 1 {
        lines.splice(HEAD..lines.len() - TAIL, [GAP.to_owned()]);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normalizer() -> Normalizer {
        Normalizer::new(Path::new("/home/me/target/debug/everything-rust")).unwrap()
    }

    fn entry(process: u32, stream: &str, text: &str) -> Entry {
        Entry { process, direction: '<', stream: stream.into(), text: text.into() }
    }

    #[test]
    fn what_differs_from_run_to_run_is_not_in_a_line() {
        let text = |text: &str| normalizer().text(text);
        assert_eq!(
            text(
                "/home/me/target/debug/everything-rust --socket-path /tmp/tpcAb12Cd/p.sock (process 77)"
            ),
            "everything-rust --socket-path {dir}/p.sock"
        );
        assert_eq!(text("[12] 200 x: y; date: Sat, 21 Nov 2026 21:38:50 GMT"), "200 x: y");
        assert_eq!(
            text("upgrade: websocket; sec-websocket-key: AK1t/mZg==; at 2026-11-21T21:38:50.123Z"),
            "upgrade: websocket; at {time}"
        );
        assert_eq!(text("0b1e5f0e-8a44-4d7c-9c3b-0a1b2c3d4e5f"), "{uuid}");
    }

    #[test]
    fn repeated_lines_are_counted_and_long_transcripts_cut_in_the_middle() {
        let many: Vec<_> = (0..64).map(|_| entry(1, "http", "[1] 200")).collect();
        let shown = |entries: &[Entry]| shortened(collapsed(normalizer().lines(entries)));
        assert_eq!(shown(&many), ["< http     200  (× 64)"]);
        let long: Vec<_> = (0..100).map(|i| entry(2, "stderr", &format!("line {i}"))).collect();
        let lines = shown(&long);
        assert_eq!(lines.len(), HEAD + TAIL + 1);
        assert_eq!((lines[0].as_str(), lines[HEAD].as_str()), ("#2 < stderr   line 0", "…"));
    }

    #[test]
    fn order_and_number_alone_are_no_change() {
        let lines = |texts: &[&str]| texts.iter().map(|t| (*t).to_owned()).collect::<Vec<_>>();
        let former = |texts: &[&str]| Sound { dialect: 2, lines: lines(texts) };
        assert!(same_kinds(&former(&["a  (× 3)", "b"]), &lines(&["b", "a"])));
        assert!(!same_kinds(&former(&["a", "b"]), &lines(&["a", "a"])));
        assert!(!same_kinds(&former(&["a"]), &lines(&["a", "c"])));
        assert!(same_kinds(&former(&["a", GAP]), &lines(&["a", "c"])));
    }
}
