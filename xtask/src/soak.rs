//! `cargo xtask soak`: sound plugins through the conformance suite over and over, on a busy machine. A
//! check that ends otherwise only once is a flaky check, or a plugin that is not sound.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use crate::command::{self, Built};
use crate::conformance::{Report, SOUND, check, runner, statuses};
use crate::error::XtaskError;
use crate::{plugins, repository};

/// Run the conformance suite on sound plugins many times under load, and name every difference.
///
/// They are the example plugins, and the plugin of the catalogue of defects without any.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cargo xtask soak\n  cargo xtask soak --runs 50 --busy 4 --only everything-rust"
)]
pub(crate) struct Args {
    /// How many runs to make in all; the plugins take turns.
    #[arg(long, value_name = "N", default_value_t = 200)]
    runs: usize,
    /// How many threads keep the processors busy meanwhile.
    #[arg(long, value_name = "N", default_value_t = 2)]
    busy: usize,
    /// Only this plugin; may be given several times.
    #[arg(long, value_name = "PLUGIN")]
    only: Vec<String>,
}

pub(crate) fn run(args: &Args) -> Result<(), XtaskError> {
    let plugins = sound(&args.only)?;
    let runner = runner(true)?;
    let directory = repository::target().join("soak");
    fs::create_dir_all(&directory).map_err(XtaskError::file("create", &directory))?;
    let _load = Load::start(args.busy);
    let began = Instant::now();
    let mut first: BTreeMap<&str, Report> = BTreeMap::new();
    let mut flaky = Vec::new();
    for (number, plugin) in (1..=args.runs).zip(plugins.iter().cycle()) {
        let file = directory.join(format!("{}-{number}.json", plugin.name));
        let report = check(&runner, plugin, &file)?;
        let found = differences(first.get(plugin.name.as_str()), &report);
        eprintln!(
            "run {number} of {}, after {} s: {}: {}, {} odd results",
            args.runs,
            began.elapsed().as_secs(),
            plugin.name,
            report.verdict,
            found.len()
        );
        if found.is_empty() {
            // Only the reports that have something to tell are kept.
            fs::remove_file(&file).map_err(XtaskError::file("remove", &file))?;
        }
        flaky.extend(found.into_iter().map(|what| named(&plugin.name, number, &what, &file)));
        first.entry(&plugin.name).or_insert(report);
    }
    println!("{} runs, {} results that differ", args.runs, flaky.len());
    if flaky.is_empty() { Ok(()) } else { Err(XtaskError::NotConformant(flaky)) }
}

/// The plugins of these names, all without names.
fn sound(only: &[String]) -> Result<Vec<Built>, XtaskError> {
    let examples: Vec<String> = only.iter().filter(|name| *name != SOUND).cloned().collect();
    let mut plugins = match only.is_empty() || !examples.is_empty() {
        true => plugins::build(&examples)?,
        false => Vec::new(),
    };
    if only.is_empty() || examples.len() < only.len() {
        plugins.extend(command::build(&[SOUND.to_owned()], true)?);
    }
    Ok(plugins)
}

fn named(plugin: &str, number: usize, what: &str, file: &Path) -> String {
    format!("{plugin}, run {number}: {what}, see {}", file.display())
}

/// What a sound plugin does not have: a failure, or a result that is not that of its first run.
fn differences(first: Option<&Report>, report: &Report) -> Vec<String> {
    let mut found = Vec::new();
    if report.verdict != "conformant" {
        found.push(report.verdict.clone());
    }
    let before = first.map(|first| statuses(&first.results)).unwrap_or_default();
    for ((check, dialect), status) in statuses(&report.results) {
        let was = before.get(&(check, dialect)).copied();
        if status == "failed" || was.is_some_and(|was| was != status) {
            let was = was.unwrap_or("not made before");
            found.push(format!("{check} (dialect {dialect}) {status}, was {was}"));
        }
    }
    found
}

/// Threads that do nothing, as fast as they can, until this is dropped.
struct Load {
    over: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Load {
    fn start(threads: usize) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let spin = |over: Arc<AtomicBool>| {
            thread::spawn(move || {
                while !over.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            })
        };
        let threads = (0..threads).map(|_| spin(Arc::clone(&over))).collect();
        Self { over, threads }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            // A thread that spins has nothing to panic over, and nothing to say.
            drop(thread.join());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(verdict: &str, statuses: &[(&str, &str)]) -> Report {
        let results: Vec<_> = statuses
            .iter()
            .map(|(check, status)| {
                serde_json::json!({
                    "check": check, "dialect": 2, "severity": "MUST", "status": status,
                })
            })
            .collect();
        let report = serde_json::json!({"verdict": verdict, "results": results, "starts": []});
        serde_json::from_value(report).unwrap()
    }

    #[test]
    fn the_same_again_is_nothing() {
        let sound = report("conformant", &[("a", "passed"), ("b", "skipped")]);
        assert!(differences(None, &sound).is_empty());
        assert!(differences(Some(&sound), &sound).is_empty());
    }

    #[test]
    fn a_failure_and_a_change_are_told() {
        let sound = report("conformant", &[("a", "passed"), ("b", "skipped")]);
        let failed = report("not_conformant", &[("a", "failed"), ("b", "skipped")]);
        assert_eq!(
            differences(Some(&sound), &failed),
            ["not_conformant", "a (dialect 2) failed, was passed"]
        );
        let skipped = report("conformant", &[("a", "skipped"), ("b", "skipped")]);
        assert_eq!(differences(Some(&sound), &skipped), ["a (dialect 2) skipped, was passed"]);
    }
}
