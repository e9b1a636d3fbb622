//! One dialect's fuzz stage: case after case until time is up, and what to do with a finding.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::arena::{Arena, Patience};
use super::breach::{Breach, Invariant, Trouble};
use super::case::{Case, Script};
use super::generate::Generator;
use super::meter::Meter;
use super::replay::{Breaks, not_more, replay};
use super::report::{Finding, StageReport, command_for_cases, command_for_script};
use super::resources::Usage;
use super::shrink::{Trial as _, shrink};
use super::{Budget, report};
use crate::RunOptions;
use crate::subject::Subject;

/// Cases after which a plugin has allocated what it keeps.
const WARM_UP: u64 = 50;
/// Cases that one process goes through. A finding that takes a sequence is within these.
const CASES_PER_PROCESS: u64 = 1000;
/// Descriptors that may come on top between the warm-up and the end of a process.
const SPARE_DESCRIPTORS: usize = 16;
/// Memory that may come on top.
const SPARE_MEMORY: u64 = 128 * 1024 * 1024;
/// How many of the last cases are tried, before all, to see whether they do it by themselves.
const SUSPECTS: [usize; 3] = [1, 10, 100];
/// How long a finding is shrunk.
const SHRINKING: Duration = Duration::from_secs(60);
/// Cases played in all in one attempt to see something grow.
const GROWTH_CASES: usize = 400;
/// Most of the last cases that are tried for growth, which takes going through them several times.
const GROWTH_SUSPECTS: usize = 250;

/// What a stage works with.
pub(super) struct Stage<'a> {
    pub(super) subject: &'a Arc<Subject>,
    pub(super) options: &'a RunOptions,
    pub(super) seed: u64,
    pub(super) meter: &'a Meter<'a>,
}

/// What came of it.
pub(super) struct Staged {
    pub(super) report: StageReport,
    pub(super) findings: Vec<Finding>,
    pub(super) late_once: Vec<Finding>,
    pub(super) fault: Option<String>,
}

/// How far the stage may still go.
struct Left {
    cases: Range<u64>,
    until: Option<Instant>,
}

impl Left {
    fn next(&mut self) -> Option<u64> {
        if self.until.is_some_and(|until| Instant::now() >= until) {
            return None;
        }
        self.cases.next()
    }
}

/// A process in the middle of its cases.
struct Run {
    arena: Arena,
    first: u64,
    last: u64,
    cases: u64,
    warm: Option<Usage>,
}

impl Stage<'_> {
    /// Plays cases until the budget is used up.
    pub(super) async fn run(&self, budget: &Budget) -> Staged {
        let dialect = self.subject.dialect();
        let mut staged = Staged {
            report: StageReport { dialect, cases: 0, operations: 0, starts: 0 },
            findings: Vec::new(),
            late_once: Vec::new(),
            fault: None,
        };
        let mut left = match budget {
            Budget::Time(time) => Left { cases: 0..u64::MAX, until: Some(Instant::now() + *time) },
            Budget::Cases(cases) => Left { cases: cases.clone(), until: None },
            Budget::Script(_) => return staged,
        };
        let (manifest, ready) = self.subject.said();
        let generator = Generator::new(self.seed, dialect, manifest, ready);
        let mut times: BTreeMap<Invariant, u64> = BTreeMap::new();
        while let Some(first) = left.next() {
            let arena = Arena::new(self.subject, self.patience());
            let mut run = Run { arena, first, last: first, cases: 0, warm: None };
            staged.report.starts += 1;
            let ended = self.process(&mut run, &generator, &mut left, &mut staged.report).await;
            let cases = run.first..=run.last;
            run.arena.close().await;
            match ended {
                Ok(()) => {}
                Err(Trouble::Fault(reason)) => {
                    staged.fault = Some(reason);
                    break;
                }
                Err(Trouble::Breach(breach)) => {
                    let seen = times.entry(breach.invariant).or_default();
                    *seen += 1;
                    if *seen > 1 {
                        continue;
                    }
                    let (late, shrinking) = (breach.late, Instant::now());
                    match self.finding(breach, &generator, cases).await {
                        Ok(finding) if late && !finding.reproduced => {
                            // The next one of its kind may be one that stays.
                            times.remove(&finding.invariant);
                            staged.late_once.push(finding);
                        }
                        Ok(finding) => {
                            self.meter.found();
                            staged.findings.push(finding);
                        }
                        Err(reason) => {
                            staged.fault = Some(reason);
                            break;
                        }
                    }
                    // Time is for cases.
                    left.until = left.until.map(|until| until + shrinking.elapsed());
                }
            }
        }
        for finding in &mut staged.findings {
            finding.times = times.get(&finding.invariant).copied().unwrap_or(1);
        }
        staged
    }

    fn patience(&self) -> Patience {
        Patience::long(self.options.timeout_scale)
    }

    /// Goes through the cases of one process, `run.last` being the next.
    async fn process(
        &self,
        run: &mut Run,
        generator: &Generator,
        left: &mut Left,
        report: &mut StageReport,
    ) -> Result<(), Trouble> {
        loop {
            let case = generator.case(run.last);
            report.cases += 1;
            report.operations += case.0.len() as u64;
            self.meter.played();
            run.cases += 1;
            run.arena.play(&case).await?;
            if run.cases == WARM_UP {
                run.warm = run.arena.settled(|_| true).await;
            }
            if run.cases >= CASES_PER_PROCESS {
                break;
            }
            match left.next() {
                Some(next) => run.last = next,
                None => break,
            }
        }
        if let Some(warm) = run.warm {
            let allowed = Usage {
                descriptors: warm.descriptors + SPARE_DESCRIPTORS,
                memory: warm.memory + SPARE_MEMORY,
            };
            not_more(&mut run.arena, warm, allowed).await?;
        }
        run.arena.no_zombies().await
    }

    /// Looks for the smallest script that breaks it again.
    async fn finding(
        &self,
        breach: Breach,
        generator: &Generator,
        numbers: std::ops::RangeInclusive<u64>,
    ) -> Result<Finding, String> {
        let dialect = self.subject.dialect();
        let last = *numbers.end();
        let cases: Vec<Case> = numbers.clone().map(|number| generator.case(number)).collect();
        let grows = matches!(breach.invariant, Invariant::Descriptors | Invariant::Memory);
        let mut trial = Breaks {
            subject: self.subject,
            invariant: breach.invariant,
            patience: Patience::short(self.options.timeout_scale),
            until: Instant::now() + SHRINKING.mul_f64(self.options.timeout_scale.max(1.0)),
            growth: grows.then_some(GROWTH_CASES),
        };
        let all = Script::once(cases);
        let guilty = suspects(&all, grows, &mut trial).await;
        let Some(guilty) = guilty else {
            let command = command_for_cases(self.options, dialect, self.seed, numbers);
            let mut finding = Finding::new(dialect, breach, &all, command);
            finding.case = Some(last);
            finding.reproduced = false;
            finding.explanation = vec![format!(
                "the {} cases that one process had been through; on a fresh start they did not do it \
                 again",
                all.cases.len()
            )];
            return Ok(finding);
        };
        let smallest = shrink(guilty, &mut trial).await;
        let smallest = trial.rounded(&smallest);
        let played = replay(self.subject, &smallest, self.patience()).await?;
        let again = played.breach.filter(|again| again.invariant == breach.invariant);
        let command = command_for_script(self.options, dialect, &smallest).unwrap_or_else(|| {
            report::command_for_cases(self.options, dialect, self.seed, numbers)
        });
        let reproduced = again.is_some();
        let mut finding = Finding::new(dialect, again.unwrap_or(breach), &smallest, command);
        finding.case = Some(last);
        finding.reproduced = reproduced;
        finding.operations_before = all.len();
        finding.transcript = played.transcript;
        Ok(finding)
    }
}

/// The fewest of the last cases, of those tried, that do it by themselves.
async fn suspects(all: &Script, grows: bool, trial: &mut Breaks<'_>) -> Option<Script> {
    let count = all.cases.len();
    let most = if grows { count.min(GROWTH_SUSPECTS) } else { count };
    let tried = SUSPECTS.into_iter().filter(|few| *few < most).chain([most]);
    for few in tried {
        let script = Script::once(all.cases[count - few..].to_vec());
        if trial.still(&script).await? {
            return Some(script);
        }
    }
    None
}
