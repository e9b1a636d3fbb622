//! What went over the wire, in the order in which it did, for a report to show.
//!
//! A [`Tape`] is the host library's [`WireTap`] of one check: everything the check starts records
//! into it, with one monotonic clock. Secrets are blanked before they get here, and once more here,
//! because checks that speak raw bytes do not pass through the host library.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use clap::ValueEnum;
use schemars::JsonSchema;
use serde::Serialize;
use temps_plugin_host::WireTap;
use temps_plugin_host::tap::{Direction, Opcode, WireEvent, WireKind};
use temps_plugin_schema::Secret;

use crate::visible::visible_line;

/// Most entries a transcript keeps; the oldest half and the newest half survive.
const ENTRIES: usize = 400;
/// Most entries of a check that passed: enough to see how, in a report that has hundreds of them.
const ENTRIES_OF_A_PASS: usize = 80;
/// Longest text of one entry, in bytes.
const TEXT_BYTES: usize = 400;
const REDACTED: &str = "[redacted]";

/// One thing that passed between suite and plugin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Entry {
    /// Time since the check began, in microseconds.
    pub at_us: u64,
    /// Which of the processes this check started, counted from 1.
    pub process: u32,
    /// `>` to the plugin, `<` from it.
    pub direction: char,
    /// What it passed through, such as `stdout`, `http` or `channel`.
    pub stream: &'static str,
    /// How large it was, in bytes.
    pub size: usize,
    /// What it was.
    pub text: String,
}

impl Entry {
    /// What stands for `dropped` entries that were left out before `next`.
    fn gap(next: &Self, dropped: usize) -> Self {
        let text = format!("… {dropped} entries left out …");
        Self { stream: "", size: 0, text, direction: ' ', ..next.clone() }
    }
}

/// Which checks keep what went over the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Transcripts {
    /// Those that did not pass.
    #[default]
    Failed,
    /// All that were made.
    All,
}

/// The entries of one check, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(transparent)]
pub struct Transcript(pub Vec<Entry>);

impl Transcript {
    /// Whether nothing passed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The same with its middle left out when it is longer than a check that passed may keep.
    #[must_use]
    pub(crate) fn of_a_pass(mut self) -> Self {
        let entries = self.0.len();
        if entries > ENTRIES_OF_A_PASS {
            let half = ENTRIES_OF_A_PASS / 2;
            let gap = Entry::gap(&self.0[half], entries - ENTRIES_OF_A_PASS);
            self.0.splice(half..entries - half, [gap]);
        }
        self
    }

    /// One line an entry: offset, process, direction, stream, size, text.
    #[must_use]
    pub fn render(&self, indent: &str) -> String {
        let several = self.0.iter().any(|entry| entry.process > 1);
        let mut out = String::new();
        for entry in &self.0 {
            let at = Duration::from_micros(entry.at_us).as_secs_f64();
            let process = if several { format!("#{} ", entry.process) } else { String::new() };
            let size = if entry.size > 0 { format!("{} B  ", entry.size) } else { String::new() };
            let Entry { direction, stream, text, .. } = entry;
            let _ =
                writeln!(out, "{indent}{at:>10.6} {process}{direction} {stream:<8} {size}{text}");
        }
        out
    }
}

/// Records what passes during one check.
#[derive(Clone)]
pub struct Tape {
    shared: Arc<Mutex<State>>,
    started: Instant,
    /// Which process the entries of this handle belong to.
    process: u32,
    /// Where standard output and standard error of each process are written down in full.
    logs: Option<Arc<Path>>,
}

#[derive(Default)]
struct State {
    entries: Vec<Entry>,
    dropped: usize,
    secrets: Vec<Secret>,
    processes: u32,
    /// What the last pieces to each process ended with, by process and stream, long enough for any
    /// secret.
    tails: HashMap<(u32, &'static str), Vec<u8>>,
}

impl std::fmt::Debug for Tape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tape")
    }
}

impl Default for Tape {
    fn default() -> Self {
        Self { shared: Arc::default(), started: Instant::now(), process: 0, logs: None }
    }
}

impl Tape {
    /// A tape that also writes down, in `dir`, what each process says: `process-1.stderr.log` and so on.
    #[must_use]
    pub fn with_logs(dir: &Path) -> Self {
        Self { logs: Some(dir.into()), ..Self::default() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A handle on the same tape for one more process, whose secret is blanked from now on.
    #[must_use]
    pub fn for_process(&self, secret: &Secret) -> Self {
        let mut state = self.lock();
        state.processes += 1;
        let process = state.processes;
        if !secret.expose().is_empty() {
            state.secrets.push(secret.clone());
        }
        drop(state);
        Self { process, ..self.clone() }
    }

    /// Records something that passed outside the host library.
    pub fn note(&self, direction: Direction, stream: &'static str, size: usize, text: &str) {
        self.push(Instant::now(), direction, stream, size, text);
    }

    fn push(
        &self,
        at: Instant,
        direction: Direction,
        stream: &'static str,
        size: usize,
        text: &str,
    ) {
        let at = at.saturating_duration_since(self.started);
        let direction = match direction {
            Direction::ToPlugin => '>',
            Direction::FromPlugin => '<',
        };
        let mut state = self.lock();
        let text = match (direction, stream) {
            // A check may write these in pieces, and with them the secret.
            ('>', "stdin" | "raw") if size > 0 => {
                let piece = state.blank_piece((self.process, stream), text);
                state.clean(&piece)
            }
            _ => state.clean(text),
        };
        let at_us = u64::try_from(at.as_micros()).unwrap_or(u64::MAX);
        state.entries.push(Entry { at_us, process: self.process, direction, stream, size, text });
        if state.entries.len() > ENTRIES {
            // The beginning explains how it came about, the end what went wrong.
            state.entries.remove(ENTRIES / 2);
            state.dropped += 1;
        }
    }

    /// Adds a line to a log, for as long as the disk takes it.
    fn log(&self, stream: &str, line: &str) {
        let Some(dir) = &self.logs else { return };
        let line = self.lock().blank(line);
        let path = dir.join(format!("process-{}.{stream}.log", self.process));
        let file = File::options().create(true).append(true).open(path);
        // Logs are a courtesy: the transcript has the line too, and the check goes on.
        let _ = file.and_then(|mut file| writeln!(file, "{line}"));
    }

    /// What was recorded from `moment` on, with offsets counted from there.
    #[must_use]
    pub fn transcript_since(&self, moment: Instant) -> Transcript {
        let before = moment.saturating_duration_since(self.started);
        let before = u64::try_from(before.as_micros()).unwrap_or(u64::MAX);
        let mut transcript = self.transcript();
        transcript.0.retain(|entry| entry.at_us >= before);
        for entry in &mut transcript.0 {
            entry.at_us -= before;
        }
        transcript
    }

    /// Everything recorded so far, in order of time.
    #[must_use]
    pub fn transcript(&self) -> Transcript {
        let state = self.lock();
        let mut entries = state.entries.clone();
        if state.dropped > 0 {
            let gap = Entry::gap(&entries[ENTRIES / 2], state.dropped);
            entries.insert(ENTRIES / 2, gap);
        }
        drop(state);
        // Streams are read by different tasks, so neighbours may have been recorded out of order.
        entries.sort_by_key(|entry| entry.at_us);
        Transcript(entries)
    }
}

impl State {
    /// `text` without secrets.
    fn blank(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in &self.secrets {
            if text.contains(secret.expose()) {
                text = text.replace(secret.expose(), REDACTED);
            }
        }
        text
    }

    /// `text`, the next piece of a stream, without secrets, whichever pieces they are spread over. The
    /// beginning of a secret at its end is taken for one.
    fn blank_piece(&mut self, of: (u32, &'static str), text: &str) -> String {
        let mut all = self.tails.remove(&of).unwrap_or_default();
        let before = all.len();
        all.extend_from_slice(text.as_bytes());
        let mut secret = vec![false; all.len()];
        for known in self.secrets.iter().map(|known| known.expose().as_bytes()) {
            for start in 0..all.len() {
                let end = all.len().min(start + known.len());
                if known.starts_with(&all[start..end]) {
                    secret[start..end].fill(true);
                }
            }
        }
        let longest = self.secrets.iter().map(|known| known.expose().len()).max();
        let keep = longest.unwrap_or_default().min(all.len());
        self.tails.insert(of, all.split_off(all.len() - keep));
        let mut blanked = String::with_capacity(text.len());
        let mut inside = false;
        for (at, c) in text.char_indices() {
            match secret[before + at] {
                false => blanked.push(c),
                true if !inside => blanked.push_str(REDACTED),
                true => {}
            }
            inside = secret[before + at];
        }
        blanked
    }

    /// `text` on one line, without secrets and not too long.
    fn clean(&self, text: &str) -> String {
        let text = self.blank(text);
        let cut = text.floor_char_boundary(TEXT_BYTES);
        let mut line = visible_line(&text[..cut]);
        if cut < text.len() {
            line.push('…');
        }
        line
    }
}

impl WireTap for Tape {
    fn record(&self, event: WireEvent) {
        match &event.kind {
            WireKind::StdoutLine { text } => self.log("stdout", text),
            WireKind::StderrLine { text } => self.log("stderr", text),
            _ => {}
        }
        let (stream, text) = describe(&event.kind);
        self.push(event.at, event.direction, stream, event.size, &text);
    }
}

fn describe(kind: &WireKind) -> (&'static str, String) {
    match kind {
        WireKind::Spawn { pid, program, args } => {
            ("start", format!("{program} {} (process {pid})", args.join(" ")))
        }
        WireKind::Stdin { text } => ("stdin", text.clone()),
        WireKind::StdinClosed => ("stdin", "closed".into()),
        WireKind::StdoutLine { text } => ("stdout", text.clone()),
        WireKind::StderrLine { text } => ("stderr", text.clone()),
        WireKind::HttpRequest { exchange, method, target, headers } => {
            ("http", format!("[{exchange}] {method} {target} {}", join(headers)))
        }
        WireKind::HttpResponse { exchange, status, headers } => {
            ("http", format!("[{exchange}] {status} {}", join(headers)))
        }
        WireKind::HttpBody { exchange, complete } => {
            let end = if *complete { "body" } else { "body, broken off" };
            ("http", format!("[{exchange}] {end}"))
        }
        WireKind::WebSocket { opcode, text } => {
            let name = match opcode {
                Opcode::Text => "text",
                Opcode::Binary => "binary",
                Opcode::Ping => "ping",
                Opcode::Pong => "pong",
                Opcode::Close => "close",
                Opcode::Fragment => "fragment",
            };
            ("channel", format!("{name} {text}"))
        }
        WireKind::Signal { name } => ("signal", name.clone()),
        WireKind::Exit { exit } => ("exit", format!("{exit:?}")),
        other => ("other", format!("{other:?}")),
    }
}

fn join(headers: &[(String, String)]) -> String {
    headers.iter().map(|(name, value)| format!("{name}: {value}")).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_blanked_and_a_line_stays_a_line() {
        let tape = Tape::default().for_process(&Secret::new("very-secret-text"));
        tape.note(Direction::ToPlugin, "raw", 20, "GET / HTTP/1.1\r\nx: very-secret-text\r\n");
        let text = tape.transcript().render("");
        assert!(text.contains("[redacted]") && !text.contains("very-secret"), "{text}");
        assert_eq!(text.lines().count(), 1);
    }

    #[test]
    fn a_secret_that_is_written_in_pieces_is_blanked_too() {
        // A beginning that repeats itself is where a simple comparison goes astray.
        const SECRET: &str = "aab-very-secret-text";
        let line = format!("{{\"auth\":\"aaa{SECRET}\",\"x\":null}}");
        for size in 1..line.len() {
            let tape = Tape::default().for_process(&Secret::new(SECRET));
            for piece in line.as_bytes().chunks(size) {
                let piece = std::str::from_utf8(piece).unwrap();
                tape.note(Direction::ToPlugin, "stdin", piece.len(), piece);
            }
            let told: String = tape.transcript().0.iter().map(|e| e.text.as_str()).collect();
            let told = told.replace(REDACTED, "");
            // A piece that only looks like the beginning of a secret may be blanked as well.
            for part in SECRET.as_bytes().windows(4) {
                let part = std::str::from_utf8(part).unwrap();
                assert!(!told.contains(part), "{size}: {told}");
            }
            assert!(told.ends_with("\"x\":null}"), "{size}: {told}");
        }
    }

    #[test]
    fn what_is_no_piece_of_a_stream_stays_as_it_is() {
        let tape = Tape::default().for_process(&Secret::new("dd-begins-as-closed-ends"));
        tape.note(Direction::ToPlugin, "stdin", 0, "closed");
        assert_eq!(tape.transcript().0[0].text, "closed");
    }

    #[test]
    fn a_long_tape_keeps_both_ends() {
        let tape = Tape::default();
        for i in 0..ENTRIES + 50 {
            tape.note(Direction::FromPlugin, "stderr", 1, &format!("line {i}."));
        }
        let text = tape.transcript().render("  ");
        assert!(text.contains("line 0.") && text.contains(&format!("line {}.", ENTRIES + 49)));
        assert!(text.contains("50 entries left out"), "{text}");
    }

    #[test]
    fn a_pass_keeps_both_ends_of_a_shorter_one() {
        let tape = Tape::default();
        for i in 0..ENTRIES_OF_A_PASS {
            tape.note(Direction::FromPlugin, "stderr", 1, &format!("line {i}."));
        }
        assert_eq!(tape.transcript().of_a_pass(), tape.transcript());
        for i in ENTRIES_OF_A_PASS..ENTRIES_OF_A_PASS + 7 {
            tape.note(Direction::FromPlugin, "stderr", 1, &format!("line {i}."));
        }
        let short = tape.transcript().of_a_pass();
        assert_eq!(short.0.len(), ENTRIES_OF_A_PASS + 1);
        let text = short.render("");
        assert!(text.contains("line 0.") && text.contains("line 86."), "{text}");
        assert!(text.contains("7 entries left out") && !text.contains("line 43."), "{text}");
    }

    #[test]
    fn processes_are_told_apart_only_when_there_are_several() {
        let tape = Tape::default();
        let first = tape.for_process(&Secret::new(""));
        first.note(Direction::FromPlugin, "stdout", 1, "x");
        assert!(!tape.transcript().render("").contains("#1"));
        tape.for_process(&Secret::new("")).note(Direction::FromPlugin, "stdout", 1, "y");
        assert!(tape.transcript().render("").contains("#2"));
    }
}
