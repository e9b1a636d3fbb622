//! Patterns as constants: some are longer than a line, and some are used more than once.

use super::names;
use super::text::{WIDTH, raw_literals};
use crate::schema::model::{Kind, Unsupported};

/// Every pattern once, with its name: that of the first member that has it.
#[derive(Default)]
pub(super) struct Patterns(Vec<(String, String)>);

impl Patterns {
    /// Notes the pattern of a member, if it has one.
    pub(super) fn add(&mut self, class: &str, member: &str, kind: &Kind) {
        match kind {
            Kind::Many(item) => self.add(class, member, item),
            Kind::Text { pattern: Some(pattern), .. } if self.find(pattern).is_none() => {
                self.0.push((names::pattern(class, member), pattern.clone()));
            }
            _ => {}
        }
    }

    /// The name of a pattern.
    pub(super) fn name(&self, pattern: &str, at: &str) -> Result<&str, Unsupported> {
        self.find(pattern).ok_or_else(|| Unsupported::new(at, "a pattern without name"))
    }

    /// The constants.
    pub(super) fn lines(&self) -> Result<Vec<String>, Unsupported> {
        let mut lines = Vec::new();
        for (name, pattern) in &self.0 {
            let literals = raw_literals(pattern, WIDTH - name.len() - " = ".len());
            match literals.as_deref() {
                Some([literal]) => lines.push(format!("{name} = {literal}")),
                Some(_) => {
                    lines.push(format!("{name} = ("));
                    let pieces = raw_literals(pattern, WIDTH - 4).unwrap_or_default();
                    lines.extend(pieces.into_iter().map(|piece| format!("    {piece}")));
                    lines.push(")".to_owned());
                }
                None => return Err(Unsupported::new(name, "a pattern no raw text can hold")),
            }
        }
        Ok(lines)
    }

    fn find(&self, pattern: &str) -> Option<&str> {
        self.0.iter().find(|(_, known)| known == pattern).map(|(name, _)| name.as_str())
    }
}
