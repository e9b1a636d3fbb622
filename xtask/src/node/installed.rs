//! Whether what npm installed is what a lock file asks for.

use std::path::Path;

use serde_json::{Map, Value};

use super::folder::read_json;
use crate::error::XtaskError;

/// Whether the packages in `folder` are those of its lock file.
pub(super) fn as_locked(folder: &Path) -> Result<bool, XtaskError> {
    // Where npm writes what it has installed.
    let note = folder.join("node_modules").join(".package-lock.json");
    if !note.exists() {
        return Ok(false);
    }
    let locked = read_json(&folder.join("package-lock.json"))?;
    Ok(agree(&locked, &read_json(&note)?))
}

/// Whether everything of the lock file is there, and nothing else. Packages for other machines are left
/// out when npm installs.
fn agree(locked: &Value, installed: &Value) -> bool {
    let (Some(locked), Some(installed)) = (packages(locked), packages(installed)) else {
        return false;
    };
    let optional = |package: &Value| package["optional"] == true;
    // The first one is the folder itself.
    let mut wanted = locked.iter().filter(|(path, _)| !path.is_empty());
    wanted.all(|(path, package)| match installed.get(path) {
        Some(found) => same(package, found),
        None => optional(package),
    }) && installed.keys().all(|path| locked.contains_key(path))
}

fn same(locked: &Value, installed: &Value) -> bool {
    ["version", "integrity"].iter().all(|key| locked[*key] == installed[*key])
}

fn packages(lock: &Value) -> Option<&Map<String, Value>> {
    lock["packages"].as_object()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn lock(packages: &[(&str, &str, bool)]) -> Value {
        let package = |&(path, version, optional): &(&str, &str, bool)| {
            (path.to_owned(), json!({ "version": version, "integrity": "x", "optional": optional }))
        };
        json!({ "packages": packages.iter().map(package).collect::<Map<_, _>>() })
    }

    #[test]
    fn only_packages_for_other_machines_may_be_missing() {
        let locked = lock(&[("", "0", false), ("a", "1", false), ("for-another", "1", true)]);
        assert!(agree(&locked, &lock(&[("a", "1", false)])));
        assert!(agree(&locked, &lock(&[("a", "1", false), ("for-another", "1", true)])));
        assert!(!agree(&locked, &lock(&[("for-another", "1", true)])));
    }

    #[test]
    fn another_version_and_a_package_too_many_are_no_agreement() {
        let locked = lock(&[("", "0", false), ("a", "1", false)]);
        assert!(!agree(&locked, &lock(&[("a", "2", false)])));
        assert!(!agree(&locked, &lock(&[("a", "1", false), ("b", "1", false)])));
        assert!(!agree(&locked, &json!({})));
    }
}
