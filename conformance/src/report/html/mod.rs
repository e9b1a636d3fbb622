//! One self-contained page: it loads nothing, and no text of a plugin means anything in it.
//!
//! Without scripts it is complete; the script only filters. The content security policy names the
//! page's own style and script by their hashes and allows nothing else.

mod check;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest as _, Sha256};

use super::rows::{Complaint, area, complaints, rows, runs_of};
use super::{Outcome, RunReport, StartOutcome, StartReport, Verdict};
use crate::model::{CheckResult, Profile};
use crate::visible::visible;

const STYLE: &str = include_str!("report.css");
const SCRIPT: &str = include_str!("report.js");

/// The report of a run.
pub(super) fn report(report: &RunReport) -> String {
    let rows = rows(report);
    let rows: Vec<&CheckResult> = rows.iter().map(AsRef::as_ref).collect();
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            (head(report))
            body {
                a.skip href="#results" { "Skip to the results" }
                (heading(report))
                (notes(report))
                (attention(&rows))
                (filter(&rows))
                main #results tabindex="-1" {
                    h2.hidden { "Checks" }
                    @for (area, rows) in runs_of(rows.iter().copied(), |row| area(row.check)) {
                        (section(area, &rows))
                    }
                    p #nothing hidden { "No check matches this filter." }
                }
                footer {
                    "Written by temps-plugin-conformance " (report.suite_version)
                    ". More about a check: " code { (super::rows::explain("CHECK")) }
                }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    };
    page.into_string()
}

fn head(report: &RunReport) -> Markup {
    let policy = format!(
        "default-src 'none'; img-src data:; style-src '{}'; script-src '{}'; \
         base-uri 'none'; form-action 'none'",
        source_hash(STYLE),
        source_hash(SCRIPT)
    );
    html! {
        head {
            meta charset="utf-8";
            meta http-equiv="Content-Security-Policy" content=(policy);
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta name="color-scheme" content="light dark";
            meta name="referrer" content="no-referrer";
            title { (report.subject()) ": " (report.verdict.name()) }
            // Without it a browser asks the server of the page for /favicon.ico.
            link rel="icon" href="data:,";
            style { (PreEscaped(STYLE)) }
        }
    }
}

/// What a content security policy calls the inline text `source`.
fn source_hash(source: &str) -> String {
    format!("sha256-{}", STANDARD.encode(Sha256::digest(source)))
}

fn heading(report: &RunReport) -> Markup {
    let tone = match report.verdict {
        Verdict::Conformant if report.counts.warnings > 0 || !report.objections.is_empty() => {
            "good warned"
        }
        Verdict::Conformant => "good",
        Verdict::NotConformant | Verdict::NeverStarted => "bad",
        Verdict::NothingRun | Verdict::RunnerFault => "odd",
    };
    let seconds = report.duration.as_secs_f64();
    let counts = report.counts;
    html! {
        header {
            p.kicker { "Temps plugin conformance" }
            h1 { (report.subject()) }
            p.verdict.(tone) { (report.verdict.name()) }
            dl.counts {
                @for (outcome, count) in [
                    (Outcome::Passed, counts.passed),
                    (Outcome::Failed, counts.failed),
                    (Outcome::Warned, counts.warnings),
                    (Outcome::Known, counts.known),
                    (Outcome::Skipped, counts.skipped),
                    (Outcome::Fault, counts.faults),
                ] {
                    @if count > 0 || matches!(outcome, Outcome::Passed | Outcome::Failed) {
                        div.(if count > 0 { outcome.word() } else { "none" }) { dt { (outcome.counted(count)) } dd { (count) } }
                    }
                }
            }
            dl.facts {
                div.wide { dt { "Command" } dd { code { (report.command_line()) } } }
                div { dt { "Started in" } dd { (report.spoken()) } }
                @if let Some(plugin) = &report.plugin {
                    div { dt { "Plugin" } dd {
                        @if plugin.has_ui { "has a UI" } @else { "no UI" }
                        @if plugin.everything { ", everything profile" }
                    } }
                }
                div { dt { "Began" } dd {
                    time datetime=(report.started_at) { (report.started_at.strftime("%F %T UTC")) }
                } }
                div { dt { "Took" } dd { (format!("{seconds:.1} s")) } }
                div { dt { "Suite" } dd { (report.suite_version) } }
            }
        }
    }
}

/// What is to be known beside the checks: dialects in which the plugin did not start, and what else
/// fails the run.
fn notes(report: &RunReport) -> Markup {
    let start = |StartReport { dialect, outcome, .. }: &StartReport| match outcome {
        StartOutcome::Started => None,
        StartOutcome::NotSpoken { reason } => {
            Some(html! { p.note { strong { (dialect) " is not spoken: " } (visible(reason)) } })
        }
        StartOutcome::Failed { reason } => Some(html! {
            p.note.bad { strong { "not started in " (dialect) ": " } (visible(reason)) }
        }),
    };
    html! {
        @for note in report.starts.iter().filter_map(start) { (note) }
        @for Complaint { title, text } in complaints(report) {
            p.note.bad { strong { (title) ": " } (visible(&text)) }
        }
    }
}

/// Links to what did not pass, so that nobody has to look for it.
fn attention(rows: &[&CheckResult]) -> Markup {
    let wanted = |row: &&&CheckResult| {
        matches!(Outcome::of(row), Outcome::Failed | Outcome::Fault | Outcome::Warned)
    };
    let wanted = rows.iter().filter(wanted).copied();
    // What went wrong in both dialects is one thing to look at.
    let wanted = runs_of(wanted, |row| (row.check, Outcome::of(row)));
    html! {
        @if !wanted.is_empty() {
            nav aria-label="Checks that did not pass" {
                ul.attention {
                    @for ((check, outcome), rows) in wanted {
                        li {
                            span.mark.(outcome.word()) { (outcome) }
                            span {
                                code { (check) }
                                @for row in rows {
                                    " " a href={ "#" (check::anchor(row)) }
                                        aria-label={ (check) " in " (row.dialect) }
                                        { (row.dialect.number()) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Hidden until the script is there to obey it.
fn filter(rows: &[&CheckResult]) -> Markup {
    let count = |wanted: &dyn Fn(&CheckResult) -> bool| rows.iter().filter(|r| wanted(r)).count();
    let statuses = Outcome::ALL.map(|o| (o.word().to_owned(), count(&|r| Outcome::of(r) == o)));
    let profiles = [Profile::Plugin, Profile::Requests, Profile::Everything]
        .map(|profile| (profile.to_string(), count(&|r| r.profile == profile)));
    let dialects = temps_plugin_schema::Dialect::ALL
        .map(|dialect| (dialect.number().to_string(), count(&|r| r.dialect == dialect)));
    html! {
        form #filter role="search" aria-label="Filter checks" hidden {
            (choices("status", &statuses))
            (choices("profile", &profiles))
            (choices("dialect", &dialects))
            label.search {
                span.hidden { "Search" }
                input type="search" name="text" placeholder="Search checks, rules, transcripts"
                    autocomplete="off" spellcheck="false";
            }
            div.row {
                output #shown aria-live="polite" {}
                button type="button" name="open" { "Open all" }
                button type="button" name="close" { "Close all" }
                button type="reset" { "Reset" }
            }
        }
    }
}

/// One group of boxes, for the values that there are. One value alone is no choice.
fn choices(name: &str, values: &[(String, usize)]) -> Markup {
    let there: Vec<_> = values.iter().filter(|(_, count)| *count > 0).collect();
    html! {
        @if there.len() > 1 {
            fieldset {
                legend { (name) }
                @for (value, count) in there {
                    label.chip {
                        input type="checkbox" name=(name) value=(value) checked;
                        (value) " " span.quiet { (count) }
                    }
                }
            }
        }
    }
}

/// One area: open when something in it wants to be seen.
fn section(area: &str, rows: &[&CheckResult]) -> Markup {
    let count = |outcome| rows.iter().filter(|row| Outcome::of(row) == outcome).count();
    let counts = Outcome::ALL.map(|outcome| (outcome, count(outcome)));
    let open = rows
        .iter()
        .any(|row| matches!(Outcome::of(row), Outcome::Failed | Outcome::Fault | Outcome::Warned));
    html! {
        details.area open[open] {
            summary {
                h3 { (area) }
                span.tally {
                    @for (outcome, count) in counts {
                        @if count > 0 {
                            span.(outcome.word()) { (count) " " (outcome.counted(count)) } " "
                        }
                    }
                }
            }
            @for row in rows { (check::details(row)) }
        }
    }
}

#[cfg(test)]
mod tests;
