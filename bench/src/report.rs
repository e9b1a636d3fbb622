//! What was measured, as a table for people and as JSON for programs.

use std::collections::BTreeMap;

use anstyle::{AnsiColor, Style};
use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;

use crate::rounds::{Series, Spread};

const MET: &str = "met";
const MISSED: &str = "missed";
const NOT_MEASURED: &str = "not measured";

/// Everything one run measured.
#[derive(Debug, Serialize)]
pub struct Report {
    /// The version of the SDK.
    pub version: &'static str,
    /// Whether the rounds were few and short.
    pub quick: bool,
    /// Processors of the machine.
    pub processors: usize,
    /// How long it took, in seconds.
    pub seconds: f64,
    /// What was measured.
    pub rows: Vec<Row>,
}

/// One measured quantity, beside the same thing without the SDK.
#[derive(Debug, Serialize)]
pub struct Row {
    name: String,
    what: String,
    unit: Unit,
    measured: f64,
    baseline: Option<f64>,
    /// Measured over baseline, round by round.
    ratio: Option<Spread>,
    goal: Option<Verdict>,
    note: Option<String>,
    /// Why it was not measured.
    not_measured: Option<String>,
    /// Each round's, or each look's.
    rounds: Vec<f64>,
    baseline_rounds: Vec<f64>,
}

/// A goal and whether it was met.
#[derive(Debug, Serialize)]
struct Verdict {
    goal: String,
    met: bool,
}

/// What a row's numbers are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Times a second.
    PerSecond,
    /// Seconds.
    Seconds,
    /// Bytes.
    Bytes,
}

/// What a row should be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Goal {
    /// So much of the baseline, or more.
    RatioAtLeast(f64),
    /// So much of the baseline, or less.
    RatioAtMost(f64),
    /// So much, or less, whatever the baseline.
    AtMost(f64),
    /// So much more than the baseline, or less.
    MoreByAtMost(f64),
}

impl Row {
    /// A row without numbers yet.
    #[must_use]
    pub fn compare(name: &str, what: &str, unit: Unit) -> Self {
        Self {
            name: name.to_owned(),
            what: what.to_owned(),
            unit,
            measured: f64::NAN,
            baseline: None,
            ratio: None,
            goal: None,
            note: None,
            not_measured: None,
            rounds: Vec::new(),
            baseline_rounds: Vec::new(),
        }
    }

    /// A row that stays without numbers, and why.
    #[must_use]
    pub fn not_measured(name: &str, why: &str) -> Self {
        let row = Self::compare(name, name, Unit::Seconds);
        Self { not_measured: Some(why.to_owned()), ..row }
    }

    /// The medians of two series, and the ratio of their rounds.
    #[must_use]
    pub fn between(mut self, measured: &Series, baseline: &Series) -> Self {
        self.measured = measured.median();
        self.baseline = Some(baseline.median());
        self.ratio = Some(measured.over(baseline).spread());
        self.rounds = measured.as_slice().to_vec();
        self.baseline_rounds = baseline.as_slice().to_vec();
        self
    }

    /// Two numbers that have no rounds.
    #[must_use]
    pub fn values(self, measured: f64, baseline: f64) -> Self {
        let one = |value| std::iter::once(value).collect::<Series>();
        self.between(&one(measured), &one(baseline))
    }

    /// What the numbers were taken from, when not from rounds.
    #[must_use]
    pub fn rounds(mut self, rounds: &[f64]) -> Self {
        self.rounds = rounds.to_vec();
        self
    }

    /// What the row should be. Goes last: it looks at the numbers.
    #[must_use]
    pub fn goal(self, goal: Goal) -> Self {
        let ratio = self.ratio.map_or(f64::NAN, |ratio| ratio.median);
        match goal {
            Goal::RatioAtLeast(least) => self.verdict(&format!("×{least} or more"), ratio >= least),
            Goal::RatioAtMost(most) => self.verdict(&format!("×{most} or less"), ratio <= most),
            Goal::AtMost(most) => {
                let (text, met) = (self.unit.show(most), self.measured <= most);
                self.verdict(&format!("{text} or less"), met)
            }
            Goal::MoreByAtMost(most) => {
                let more = self.measured - self.baseline.unwrap_or(f64::NAN);
                let text =
                    format!("+{} or less, is {}", self.unit.show(most), self.unit.show(more));
                self.verdict(&text, more <= most)
            }
        }
    }

    /// A goal of another kind, and whether it was met.
    #[must_use]
    pub fn verdict(mut self, goal: &str, met: bool) -> Self {
        let goal = goal.to_owned();
        self.goal = Some(Verdict { goal, met });
        self
    }

    /// A line below the table.
    #[must_use]
    pub fn note(mut self, note: &str) -> Self {
        self.note = Some(note.to_owned());
        self
    }

    /// What its numbers are.
    #[must_use]
    pub fn unit(&self) -> Unit {
        self.unit
    }

    /// Whether the goal was met; `None` for a row without one.
    #[must_use]
    pub fn met(&self) -> Option<bool> {
        self.goal.as_ref().map(|verdict| verdict.met)
    }

    fn cells(&self) -> [String; 6] {
        let baseline = self.baseline.map(|value| self.unit.show(value));
        let ratio = self.ratio.map(|Spread { low, median, high }| {
            if low == high {
                format!("×{median:.2}")
            } else {
                format!("×{median:.2} ({low:.2}–{high:.2})")
            }
        });
        let (goal, met) = match &self.goal {
            Some(verdict) => (verdict.goal.as_str(), if verdict.met { MET } else { MISSED }),
            None => ("", ""),
        };
        let measured = match self.not_measured {
            Some(_) => NOT_MEASURED.to_owned(),
            None => self.unit.show(self.measured),
        };
        [
            self.what.clone(),
            measured,
            baseline.unwrap_or_default(),
            ratio.unwrap_or_default(),
            goal.to_owned(),
            met.to_owned(),
        ]
    }
}

impl Unit {
    fn show(self, value: f64) -> String {
        match self {
            Self::PerSecond => format!("{value:.0}/s"),
            Self::Seconds if value < 1e-3 => format!("{:.1} µs", value * 1e6),
            Self::Seconds => format!("{:.2} ms", value * 1e3),
            Self::Bytes => format!("{:.2} MB", value / 1e6),
        }
    }
}

impl Report {
    /// Writes the table to stdout, with colours when that is a terminal.
    pub fn print(&self) {
        for line in self.lines() {
            anstream::println!("{line}");
        }
    }

    fn lines(&self) -> Vec<String> {
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_header([
            "",
            "measured",
            "baseline",
            "ratio (middle half)",
            "goal",
            "",
        ]);
        for row in &self.rows {
            table.add_row(row.cells());
        }
        for column in 1..=2 {
            if let Some(column) = table.column_mut(column) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        let mut lines: Vec<_> = table.lines().map(|line| paint(&line)).collect();
        lines.push(String::new());
        for row in &self.rows {
            if let Some(note) = &row.note {
                lines.push(format!("{}: {note}", row.what));
            }
        }
        lines.extend(self.left_out());
        let missed = self.rows.iter().filter(|row| row.met() == Some(false)).count();
        let goals = self.rows.iter().filter(|row| row.met().is_some()).count();
        lines.push(format!(
            "{} of {goals} goals met, in {:.0} s on {} processors{}",
            goals - missed,
            self.seconds,
            self.processors,
            if self.quick { "; --quick, so numbers are rough" } else { "" }
        ));
        lines
    }
}

impl Report {
    /// A line for each reason why rows were not measured, with their names.
    fn left_out(&self) -> Vec<String> {
        let mut names_by_reason = BTreeMap::<&str, Vec<&str>>::new();
        for row in &self.rows {
            if let Some(why) = &row.not_measured {
                names_by_reason.entry(why).or_default().push(&row.name);
            }
        }
        let line = |(why, names): (&str, Vec<&str>)| {
            format!("{NOT_MEASURED}: {}: {why}", names.join(", "))
        };
        names_by_reason.into_iter().map(line).collect()
    }
}

/// Colours the verdict at the end of a table's line.
fn paint(line: &str) -> String {
    let line = line.trim_end();
    for (word, colour) in [(MISSED, AnsiColor::Red), (MET, AnsiColor::Green)] {
        if let Some(rest) = line.strip_suffix(word) {
            let style = Style::new().fg_color(Some(colour.into())).bold();
            return format!("{rest}{style}{word}{style:#}");
        }
    }
    line.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(measured: f64, baseline: f64) -> Row {
        Row::compare("x", "a thing", Unit::Seconds).values(measured, baseline)
    }

    #[test]
    fn a_goal_is_met_up_to_its_limit() {
        for (measured, goal, met) in [
            (1.5, Goal::RatioAtMost(1.5), true),
            (1.6, Goal::RatioAtMost(1.5), false),
            (0.95, Goal::RatioAtLeast(0.95), true),
            (0.94, Goal::RatioAtLeast(0.95), false),
            (2.0, Goal::AtMost(2.0), true),
            (f64::NAN, Goal::AtMost(2.0), false),
        ] {
            assert_eq!(row(measured, 1.0).goal(goal).met(), Some(met), "{goal:?}");
        }
        assert_eq!(row(1.0, 1.0).met(), None);
        assert_eq!(row(9.0, 1.0).goal(Goal::MoreByAtMost(8.0)).met(), Some(true));
        assert_eq!(row(9.5, 1.0).goal(Goal::MoreByAtMost(8.0)).met(), Some(false));
    }

    #[test]
    fn what_was_not_measured_is_said_once_with_the_reason() {
        let rows = ["python-spawn", "python-idle"].map(|name| Row::not_measured(name, "no Python"));
        let report = Report {
            version: "0.0.0",
            quick: false,
            processors: 2,
            seconds: 3.0,
            rows: rows.into(),
        };
        let text = report.lines().join("\n");
        assert!(text.contains("not measured: python-spawn, python-idle: no Python\n"), "{text}");
        assert!(!text.contains("NaN") && text.contains("0 of 0 goals met"), "{text}");
    }

    #[test]
    fn the_table_says_what_was_missed_and_numbers_have_units() {
        let report = Report {
            version: "0.0.0",
            quick: false,
            processors: 2,
            seconds: 3.0,
            rows: vec![row(0.000_02, 0.000_01).goal(Goal::RatioAtMost(1.5)).note("slow")],
        };
        let text = report.lines().join("\n");
        for part in ["20.0 µs", "10.0 µs", "×2.00", "×1.5 or less", "missed", "a thing: slow"] {
            assert!(text.contains(part), "{part} in {text}");
        }
        assert!(text.ends_with("0 of 1 goals met, in 3 s on 2 processors"), "{text}");
    }
}
