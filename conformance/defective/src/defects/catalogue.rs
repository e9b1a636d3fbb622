//! What a defect is, which one is active, and the list that the harness reads.

use std::sync::OnceLock;

use serde_json::{Value, json};

use super::TABLES;

/// One way in which the plugin can be wrong.
#[derive(Clone, Copy)]
pub(crate) struct Defect {
    /// Area and name, such as `socket/mode-0644`.
    id: &'static str,
    /// What the plugin then does, as the end of the sentence "a plugin …".
    what: &'static str,
    /// The checks that fail with it, in each of its dialects in which they are made.
    caught_by: [&'static [&'static str]; 2],
    /// The checks that fail with it besides in dialect 1, and in dialect 2.
    also_in: [&'static [&'static str]; 2],
    /// The one dialect in which it is wrong, if it is one.
    only: Option<u8>,
}

/// A defect of both dialects.
pub(crate) const fn defect(
    id: &'static str,
    what: &'static str,
    caught_by: &'static [&'static str],
) -> Defect {
    Defect { id, what, caught_by: [caught_by, &[]], also_in: [&[], &[]], only: None }
}

/// The one that was asked for.
static ACTIVE: OnceLock<&'static str> = OnceLock::new();

impl Defect {
    /// The same defect, of dialect `dialect` only.
    pub(crate) const fn only(mut self, dialect: u8) -> Self {
        self.only = Some(dialect);
        self
    }

    /// The same defect, caught by more checks: beside a list that several defects share.
    pub(crate) const fn and(mut self, caught_by: &'static [&'static str]) -> Self {
        self.caught_by[1] = caught_by;
        self
    }

    /// The same defect, caught by more checks in dialect 1 and in dialect 2: for the few checks that
    /// are made in both and see it in one.
    pub(crate) const fn also(
        mut self,
        in_1: &'static [&'static str],
        in_2: &'static [&'static str],
    ) -> Self {
        self.also_in = [in_1, in_2];
        self
    }

    /// Whether the plugin is to be wrong in this way.
    pub(crate) fn active(&self) -> bool {
        ACTIVE.get().is_some_and(|active| *active == self.id)
    }

    fn as_json(&self) -> Value {
        let dialects = self.only.map_or_else(|| vec![1, 2], |only| vec![only]);
        json!({
            "id": self.id, "what": self.what, "caught_by": self.caught_by.concat(),
            "also_in_1": self.also_in[0], "also_in_2": self.also_in[1], "dialects": dialects,
        })
    }
}

fn all() -> impl Iterator<Item = &'static Defect> {
    TABLES.into_iter().flatten()
}

/// Makes the plugin wrong in the way that `id` names; what to tell the caller, if there is none.
pub(crate) fn activate(id: &str) -> Result<(), String> {
    let known = all().find(|defect| defect.id == id);
    let Some(defect) = known else {
        let nearest = all().min_by_key(|defect| strsim::levenshtein(id, defect.id));
        let hint = nearest.map(|defect| format!("; did you mean {}?", defect.id));
        return Err(format!(
            "--defect {id}: no such defect{} --list-defects shows all",
            hint.unwrap_or_default()
        ));
    };
    // Nothing has asked before: this is among the first things the process does.
    ACTIVE.set(defect.id).map_err(|_| "--defect: one at a time".to_owned())
}

/// All of them as a JSON list.
pub(crate) fn list() -> String {
    let list: Vec<Value> = all().map(Defect::as_json).collect();
    format!("{:#}", Value::from(list))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn ids_are_unique_and_kebab_case() {
        let ids: BTreeSet<_> = all().map(|defect| defect.id).collect();
        assert_eq!(ids.len(), all().count());
        let kebab = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        for id in ids {
            let (area, name) = id.split_once('/').unwrap();
            assert!(!area.is_empty() && area.chars().all(kebab), "{id}");
            assert!(!name.is_empty() && name.chars().all(kebab), "{id}");
        }
    }

    #[test]
    fn every_defect_is_caught_by_something_and_says_what_it_does() {
        for defect in all() {
            let named = [defect.caught_by.concat(), defect.also_in.concat()].concat();
            assert!(!named.is_empty(), "{}", defect.id);
            let once: BTreeSet<_> = named.iter().collect();
            assert_eq!(once.len(), named.len(), "{} names a check twice", defect.id);
            assert!(!defect.what.is_empty() && !defect.what.ends_with('.'), "{}", defect.id);
        }
    }

    #[test]
    fn an_area_has_a_file_of_its_own() {
        for table in TABLES.into_iter().filter(|table| !table.is_empty()) {
            let areas: BTreeSet<_> =
                table.iter().map(|defect| defect.id.split('/').next()).collect();
            assert_eq!(areas.len(), 1, "{areas:?} share a file");
        }
    }

    #[test]
    fn an_unknown_defect_is_refused_with_the_nearest() {
        let error = activate("socket/mode-0645").unwrap_err();
        assert!(error.contains("socket/mode-0644"), "{error}");
    }
}
