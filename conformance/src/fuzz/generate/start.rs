//! Starts with odd arguments and odd launch lines.

use temps_plugin_schema::Dialect;
use temps_plugin_schema::limits::LAUNCH_LINE_BYTES;

use super::rand::Dice;
use super::{Generator, mutate};
use crate::fuzz::bytes::{Blob, Json, Part, Payload};
use crate::fuzz::case::{Op, Start};

const UNKNOWN: [&str; 8] = [
    "--verbose",
    "--color=always",
    "--",
    "-x",
    "positional",
    "--socket",
    "--data-dir-extra=1",
    "--\u{fc}",
];

impl Generator {
    /// One start.
    pub(super) fn start(&self, dice: &mut Dice) -> Vec<Op> {
        let mut start = Start { args: self.arguments(dice), stdin: Vec::new() };
        if dice.percent(45) {
            odd_arguments(&mut start.args, dice);
        }
        if self.dialect == Dialect::Two {
            start.stdin = self.launch_line(dice);
        }
        vec![Op::Start(start)]
    }

    /// The arguments of a proper start, in one of the two spellings each.
    fn arguments(&self, dice: &mut Dice) -> Vec<Blob> {
        let under_dir = |name: &str| vec![Part::Dir, Part::Text(name.to_owned())];
        let mut flags =
            vec![("--socket-path", under_dir("/p.sock")), ("--data-dir", under_dir("/data"))];
        if self.dialect == Dialect::One {
            flags.push(("--auth-secret", vec![Part::Secret]));
            if self.manifest["requires_db"] == true {
                flags.push(("--database-url", vec![Part::Database]));
            }
        }
        let mut args = Vec::new();
        for (flag, value) in flags {
            if dice.percent(70) {
                args.push(flag.into());
                args.push(Blob(value));
            } else {
                let mut joined = vec![Part::Text(format!("{flag}="))];
                joined.extend(value);
                args.push(Blob(joined));
            }
        }
        args
    }

    /// The launch line, mostly changed, in pieces.
    fn launch_line(&self, dice: &mut Dice) -> Vec<Blob> {
        let wants = |field: &str| self.manifest[field] == true;
        let when = |wanted, part| if wanted { Json::quoted(part) } else { Json::raw("null") };
        let mut line = Payload::Json(Json::Object(vec![
            ("protocol_version".into(), Json::raw("2")),
            ("auth_secret".into(), Json::quoted(Part::Secret)),
            ("database_url".into(), when(wants("requires_db"), Part::Database)),
            ("host_data_dir".into(), when(wants("requires_host_data_access"), Part::Dir)),
        ]));
        if dice.percent(80) {
            mutate::payload(&mut line, dice);
        }
        let mut parts = match line {
            Payload::Json(json) => json.to_blob().0,
            Payload::Blob(blob) => blob.0,
        };
        match dice.below(20) {
            0 => {}
            1 => parts.push(Part::Text("\r\n".into())),
            2 => parts.push(Part::Text("\n{}\n".into())),
            3 => parts.insert(0, Part::Text("\n".into())),
            4 => {
                let blanks = LAUNCH_LINE_BYTES as u32 + dice.below(3) as u32 - 1;
                parts.push(Part::Repeat(" ".into(), blanks));
                parts.push(Part::Text("\n".into()));
            }
            5 => parts = vec![Part::Repeat("x".into(), 4 * LAUNCH_LINE_BYTES as u32)],
            _ => parts.push(Part::Text("\n".into())),
        }
        if dice.percent(70) {
            return vec![Blob(parts)];
        }
        parts.into_iter().map(|part| Blob(vec![part])).collect()
    }
}

fn odd_arguments(args: &mut Vec<Blob>, dice: &mut Dice) {
    for _ in 0..=dice.below(2) {
        let at = dice.below(args.len());
        match dice.below(9) {
            0 if !args.is_empty() => {
                args.remove(at);
            }
            1 => args.insert(at, dice.text(&UNKNOWN).into()),
            2 => args.push(dice.text(&UNKNOWN).into()),
            3 => args
                .push(Blob::of([Part::Text("--long=".into()), Part::Repeat("y".into(), 100_000)])),
            4 => args.push(vec![b'-', b'-', 0xff, 0xfe].into()),
            5 => args.push(Blob::of([
                Part::Text("--socket-path=".into()),
                Part::Dir,
                Part::Text("/q.sock".into()),
            ])),
            6 => args.push(Blob::of([
                Part::Text("--socket-path=".into()),
                Part::Dir,
                Part::Text("/".into()),
                Part::Repeat("s".into(), 120),
            ])),
            7 => args.push(Blob::of([
                Part::Text("--socket-path=".into()),
                Part::Dir,
                Part::Text("/no/such/p.sock".into()),
            ])),
            _ => args.push(
                dice.text(&["--data-dir=", "--socket-path=", "--data-dir", "--auth-secret="])
                    .into(),
            ),
        }
    }
}
