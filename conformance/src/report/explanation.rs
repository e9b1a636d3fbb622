//! What there is to say about one check, for people and for programs.

use std::fmt::Write as _;

use serde_json::json;

use super::FORMAT_VERSION;
use super::human::{BOLD, DIM, paint};
use crate::explain::Explanation;

/// For people.
#[must_use]
pub fn human(explanation: &Explanation) -> String {
    let check = explanation.check;
    let mut out = format!("{}\n  {}\n\n", paint(BOLD, check.id), check.title);
    let needs = format!("{:?}", check.needs).to_lowercase();
    let slow = if check.slow { ", slow" } else { "" };
    let _ = writeln!(
        out,
        "  {}, dialect {}, profile {}, needs {needs}{slow}",
        check.severity,
        check.dialects,
        check.profile()
    );
    let _ = writeln!(out, "\n{}", paint(BOLD, "the rules it proves"));
    for rule in &explanation.rules {
        let _ = writeln!(out, "  {}  {}", paint(BOLD, &rule.id), rule.sentence());
    }
    if let Some(sound) = explanation.sound {
        let plugin = explanation.plugin;
        let head = format!("how {plugin} passes it in {}", sound.dialect);
        let _ = writeln!(out, "\n{}", paint(BOLD, &head));
        for line in &sound.lines {
            let _ = writeln!(out, "  {line}");
        }
        let note = "> to the plugin, < from it; {…} stands for what differs from run to run";
        let _ = writeln!(out, "  {}", paint(DIM, note));
    }
    if !explanation.defects.is_empty() {
        let _ = writeln!(out, "\n{}", paint(BOLD, "defects it catches"));
        for defect in &explanation.defects {
            let _ = writeln!(out, "  {}  {}", paint(BOLD, &defect.id), defect.what);
        }
    }
    out
}

/// For programs.
#[must_use]
pub fn json(explanation: &Explanation) -> String {
    let check = explanation.check;
    super::json::write(&json!({
        "format_version": FORMAT_VERSION,
        "check": super::json::check(check),
        "rules": explanation.rules,
        "sound": explanation.sound,
        "sound_plugin": explanation.sound.map(|_| explanation.plugin),
        "defects": explanation.defects,
    }))
}
