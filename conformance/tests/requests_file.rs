//! `conformance.toml` as a file: what is refused and how, the schema, the reference, and `init`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use temps_plugin_conformance::model::Profile;
use temps_plugin_conformance::registry::CHECKS;
use temps_plugin_conformance::requests::{Config, json_schema};

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn runner(args: &[&str], directory: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_temps-plugin-conformance"));
    command.args(args).current_dir(directory).output().unwrap()
}

fn refusal(text: &str) -> String {
    Config::parse(Path::new("dir/conformance.toml"), text).unwrap_err().to_string()
}

#[test]
fn what_is_wrong_is_told_with_its_line_and_what_is_allowed() {
    let sample = "[[request]]\nname = 'x'\npath = '/x'\n";
    for (text, parts) in [
        ("[[request]\n", &["dir/conformance.toml", "line 1"][..]),
        ("[[request]]\nname = 'x'\npaht = '/x'\n", &["line 3", "paht", "path"]),
        ("[[request]]\npath = '/x'\n", &["missing field `name`"]),
        ("[[request]]\nname = 'x'\npath = '/x'\nexpect.status = 999\n", &["line 4", "100 to 599"]),
        ("[[request]]\nname = 'x'\npath = '/x'\ndialect = 3\n", &["line 4", "there are 1 and 2"]),
        (
            "[[event]]\nname = 'x'\ntype = 'a.b'\ncalls = [{ method = 'nope' }]",
            &["line 4", "get_project"],
        ),
        (
            "\n\n[[request]]\nname = 'x'\npath = 'x'\n",
            &["dir/conformance.toml:3:", "begins with /"],
        ),
        ("[[request]]\nname = 'x'\npath = '/_temps/channel'\n", &[":1:", "PX-23"]),
        ("[[request]]\nname = 'x'\npath = '/x?y'\n", &[":1:", "`query`"]),
        (
            "[[request]]\nname = 'x'\npath = '/x'\nas = 'root'\n",
            &[":1:", "\"root\"", "admin", "anonymous"],
        ),
        ("[[request]]\nname = 'x'\npath = '/x'\nmethod = 'G T'\n", &["no HTTP method"]),
        (
            "[[request]]\nname = 'x'\npath = '/x'\nheaders = { Cookie = 'a' }\n",
            &["Cookie", "PX-09"],
        ),
        ("[[request]]\nname = 'x'\npath = '/x'\njson = {}\nbody = ''\n", &["one body"]),
        ("[[request]]\nname = 'x'\npath = '/x'\njson = { a = 2026-06-06 }\n", &["in quotes"]),
        ("[[request]]\nname = 'x'\npath = '/x'\nwithin = 0\n", &["0.1 to 600"]),
        (
            "[[request]]\nname = 'x'\npath = '/x'\nprivate = true\nexpect.status = 403\n",
            &["let in"],
        ),
        (
            "[[request]]\nname = 'x'\npath = '/x'\nprivate = true\nas = 'anonymous'\n",
            &["signed-in"],
        ),
        (
            "[[request]]\nname = 'x'\npath = '/x'\nrefuse = { get_project = 'no' }\n",
            &["\"no\"", "permission_denied"],
        ),
        ("[[request]]\nname = 'x'\npath = '/x'\nexpect.absent = ['a']\n", &["JSON Pointer"]),
        ("[[event]]\nname = 'x'\ntype = 'a.b'\n", &["nothing would be seen"]),
        ("[[event]]\nname = 'x'\ntype = 'a.*'\nlogs = 'x'\n", &["joined by single dots"]),
        ("[[event]]\nname = 'x'\ntype = 'a.b'\nlogs = 'x'\nafter = ['y']\n", &["named \"y\""]),
        (
            "[callers.admin]\nid = '1'\nemail = 'a@b.c'\nrole = 'king'\n",
            &["is taken", "\"king\"", "metrics_ingest"],
        ),
        ("[openapi]\nas = 'root'\n", &[":2:", "[openapi]", "\"root\""]),
        ("[platform]\npermissions = ['fly']\n", &[":2:", "\"fly\"", "projects_read"]),
        ("[[platform.project]]\nid = 1\n", &[":1:", "`name` is missing"]),
        ("[[platform.project]]\nid = 1\nname = 'a'\nnmae = 'b'\n", &["no member `nmae`"]),
        ("[[platform.project]]\nid = 'one'\nname = 'a'\n", &["[[platform.project]]", "i32"]),
        ("[[platform.error]]\nmethod = 'get_project'\ncode = 'gone'\n", &[":1:", "\"gone\""]),
        ("[[platform.api]]\npath = 'x'\nstatus = 7\n", &["7 is no status", "begins with no /"]),
        (&[sample, "\n", sample].concat(), &[":5:", "taken"]),
    ] {
        let error = refusal(text);
        for part in parts {
            assert!(error.contains(part), "{text}\n{part}\n{error}");
        }
    }
    // All of it at once, not only the first.
    assert_eq!(refusal("[[request]]\nname = ''\npath = 'x'\nas = 'y'\n").lines().count(), 3);
}

#[test]
fn a_file_that_can_not_be_used_is_wrong_usage_before_anything_is_started() {
    let dir = tempfile::tempdir().unwrap();
    let run = |args: &[&str]| {
        let output = runner(&[&["run"], args, &["--", "/bin/true"]].concat(), dir.path());
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let (status, error) = run(&["--config", "none.toml"]);
    assert_eq!(status, Some(2), "{error}");
    assert!(error.contains("none.toml"), "{error}");
    // The one in the working directory is taken without being named, and that is said.
    std::fs::write(dir.path().join("conformance.toml"), "x = 1\n").unwrap();
    let (status, error) = run(&[]);
    assert_eq!(status, Some(2), "{error}");
    assert!(error.contains("taking ./conformance.toml") && error.contains("line 1"), "{error}");
}

/// The files of this repository, and the examples of the reference.
fn files() -> Vec<(String, String)> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path("../examples")).unwrap() {
        let file = entry.unwrap().path().join("conformance.toml");
        if file.is_file() {
            files.push((file.display().to_string(), std::fs::read_to_string(&file).unwrap()));
        }
    }
    for name in ["defective/conformance.toml", "tests/stub.toml"] {
        files.push((name.to_owned(), std::fs::read_to_string(path(name)).unwrap()));
    }
    let reference = std::fs::read_to_string(path("REQUESTS.md")).unwrap();
    for (number, block) in reference.split("```toml\n").skip(1).enumerate() {
        let block = block.split("```").next().unwrap();
        files.push((format!("REQUESTS.md, example {number}"), block.to_owned()));
    }
    files
}

#[test]
fn every_file_is_sound_and_follows_the_schema() {
    let validator = jsonschema::validator_for(&json_schema()).unwrap();
    let files = files();
    assert!(files.len() > 10, "{}", files.len());
    for (name, text) in files {
        Config::parse(Path::new(&name), &text).unwrap_or_else(|error| panic!("{error}"));
        let value: Value = toml::from_str(&text).unwrap();
        let errors: Vec<_> = validator.iter_errors(&value).map(|e| e.to_string()).collect();
        assert!(errors.is_empty(), "{name}: {errors:?}");
    }
    let wrong: Value = toml::from_str("[[request]]\nname = 'x'\npaht = '/x'\n").unwrap();
    assert!(!validator.is_valid(&wrong));
}

#[test]
fn the_committed_schema_is_the_one_of_the_types() {
    let output = runner(&["init", "--schema"], Path::new("."));
    let committed = std::fs::read(path("schema/conformance.toml.schema.json")).unwrap();
    assert!(
        output.stdout == committed,
        "out of date: cargo run -p temps-plugin-conformance -- init --schema \
         > conformance/schema/conformance.toml.schema.json"
    );
}

#[test]
fn the_reference_lists_exactly_the_checks_of_the_profile() {
    let reference = std::fs::read_to_string(path("REQUESTS.md")).unwrap();
    let rows = reference.lines().filter_map(|line| line.strip_prefix("| `requests/"));
    let listed: Vec<_> = rows.map(|row| row.split('`').next().unwrap()).collect();
    let checks = CHECKS.iter().filter(|check| check.profile() == Profile::Requests);
    let checks: Vec<_> = checks.map(|check| check.id.strip_prefix("requests/").unwrap()).collect();
    assert_eq!(listed.iter().collect::<BTreeSet<_>>(), checks.iter().collect::<BTreeSet<_>>());
    assert_eq!(listed.len(), checks.len());
}

#[test]
fn init_writes_what_a_plugin_says_of_itself_and_overwrites_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let stub = path("tests/stub_plugin.py");
    let stub = stub.to_str().unwrap();
    let args = ["init", "--", "python3", stub, "--defect", "none"];
    let output = runner(&args, dir.path());
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let file = dir.path().join("conformance.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let config = Config::load(&file).unwrap();
    assert!(config.request("GET /a").is_some() && text.contains("asks for project.*"), "{text}");

    let again = runner(&args, dir.path());
    assert_eq!(again.status.code(), Some(2));
    assert!(String::from_utf8(again.stderr).unwrap().contains("left alone"));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text);

    let broken = runner(&["init", "--config", "other.toml", "--", "/bin/false"], dir.path());
    assert_eq!(broken.status.code(), Some(3));
    assert!(!dir.path().join("other.toml").exists());
}
