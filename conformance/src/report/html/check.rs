//! One check of the page: what it says, what happened, and the transcript folded under it.

use std::time::Duration;

use maud::{Markup, html};

use crate::model::{CheckResult, Status};
use crate::report::Outcome;
use crate::report::rows::{Fact, facts, rule_facts};
use crate::transcript::{Entry, Transcript};
use crate::visible::visible_line;

/// The id of a result in the page.
pub(super) fn anchor(result: &CheckResult) -> String {
    format!("{}.{}", result.check, result.dialect.number())
}

/// The result, open when it did not pass.
pub(super) fn details(result: &CheckResult) -> Markup {
    let outcome = Outcome::of(result);
    let open = matches!(outcome, Outcome::Failed | Outcome::Fault);
    html! {
        details.check.(outcome.word()) id=(anchor(result)) open[open] data-status=(outcome)
            data-profile=(result.profile) data-dialect=(result.dialect.number())
        {
            summary {
                span.mark.(outcome.word()) { (outcome) }
                span.name { code { (result.check) } " " span.title { (with_code(result.title)) } }
                span.dialect { (result.dialect) }
                span.time { (took(result.duration)) }
            }
            div.body {
                (rules(result))
                (happened(result))
                (transcript(&result.transcript))
            }
        }
    }
}

fn rules(result: &CheckResult) -> Markup {
    html! {
        dl.rules {
            @for Fact { label, text } in rule_facts(result) {
                div { dt { (label) } dd { (with_code(&text)) } }
            }
        }
    }
}

/// A rule's text or a check's title, in which what stands between backticks is code.
fn with_code(text: &str) -> Markup {
    html! {
        @for (number, part) in text.split('`').enumerate() {
            @if number % 2 == 0 { (part) } @else { code { (part) } }
        }
    }
}

fn took(duration: Duration) -> String {
    match duration.as_millis() {
        millis @ ..1000 => format!("{millis} ms"),
        _ => format!("{:.2} s", duration.as_secs_f64()),
    }
}

/// What there is to say beside the rules, which stand above it for every result.
fn happened(result: &CheckResult) -> Markup {
    let is_rule = |fact: &Fact| result.rules.contains(&fact.label);
    html! {
        dl.happened {
            @for fact in facts(result).into_iter().filter(|fact| !is_rule(fact)) {
                div.(fact.label) {
                    dt { (fact.label) }
                    @match (&result.status, fact.label) {
                        (Status::Passed { evidence }, _) => {
                            dd { ul { @for line in &evidence.0 { li { (visible_line(line)) } } } }
                        }
                        (_, "explain") => { dd { code { (fact.text) } } }
                        _ => { dd { (fact.text) } }
                    }
                }
            }
        }
    }
}

fn transcript(transcript: &Transcript) -> Markup {
    let several = transcript.0.iter().any(|entry| entry.process > 1);
    html! {
        @if let Some(last) = transcript.0.last() {
            details.transcript {
                summary {
                    "Transcript " span.quiet {
                        (transcript.0.len()) " entries, " (seconds(last.at_us, 3)) " s"
                    }
                }
                p.quiet { "→ to the plugin, ← from it; seconds since the check began" }
                ol { @for entry in &transcript.0 { (line(entry, several)) } }
            }
        }
    }
}

fn line(entry: &Entry, several: bool) -> Markup {
    let way = match entry.direction {
        '>' => "→",
        '<' => "←",
        _ => "",
    };
    let class = match entry.direction {
        '>' => "to",
        '<' => "from",
        _ => "gap",
    };
    html! {
        li.(class) {
            span.at { (seconds(entry.at_us, 6)) }
            span.way {
                (way) " " (entry.stream)
                @if several { span.quiet { " #" (entry.process) } }
            }
            span.size { @if entry.size > 0 { (entry.size) " B" } }
            code { (visible_line(&entry.text)) }
        }
    }
}

fn seconds(micros: u64, digits: usize) -> String {
    format!("{:.digits$}", Duration::from_micros(micros).as_secs_f64())
}
