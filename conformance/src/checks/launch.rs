//! Arguments, environment, working directory, data directory.

use std::path::Path;

use super::prelude::*;

/// Starts by `plan` and sees the plugin healthy; `what` says what is odd about the start.
async fn starts(cx: &Cx, plan: &Plan, what: &str) -> Result<String, Stop> {
    let plugin = cx.start(plan).await?;
    let status = plugin.health().await?.status;
    ensure(status == 200, format!("health 200 {what}"), || status.to_string())?;
    plugin.discard().await;
    Ok(format!("ready and healthy {what}"))
}

/// Starts with arguments from which a required one was taken, and expects the plugin to name it.
async fn names_missing(cx: Cx, flag: &'static str) -> Verdict {
    let plan = cx.plan()?;
    let mut evidence = Evidence::saw(starts(&cx, &plan, "with all flags").await?);
    let all = plan.protocol_args();
    let at = all.iter().position(|arg| arg == flag).unwrap_or_default();
    let mut without = all.clone();
    without.drain(at..at + 2);
    // The flag stands last and its value is missing.
    let mut bare = without.clone();
    bare.push(flag.into());
    for (what, args) in [("left out", without), ("without a value", bare)] {
        let mut odd = plan.clone();
        odd.args = Some(args);
        let mut process = cx.spawn(&odd).await?;
        process.hand_over(&plan).await;
        let refusal = process.refusal(cx.limit(15)).await?;
        let said = process.stderr();
        ensure(
            said.iter().any(|line| line.contains(flag)),
            format!("a message that contains {flag}"),
            || format!("{} on stderr, {flag} {what}", shown(&said)),
        )?;
        evidence.add(format!("{flag} {what}: {refusal}"));
    }
    Ok(evidence)
}

fn shown(lines: &[String]) -> String {
    if lines.is_empty() { "nothing".into() } else { format!("{:?}", lines.join("\n")) }
}

async fn missing_socket_path(cx: Cx) -> Verdict {
    names_missing(cx, "--socket-path").await
}

async fn missing_data_dir(cx: Cx) -> Verdict {
    names_missing(cx, "--data-dir").await
}

/// Flags nobody knows. The value of one is a text that must not show up in a warning.
const UNKNOWN: [&str; 5] = [
    "--conformance-switch",
    "--conformance-pair",
    "conformance-pair-value",
    "--conformance-joined=conformance-joined-value",
    "--conformance-last",
];

async fn unknown_flags(cx: Cx) -> Verdict {
    let mut evidence = Evidence::default();
    for first in [true, false] {
        let mut plan = cx.plan()?;
        plan.insert_args(&UNKNOWN, first);
        let place = if first { "before" } else { "behind" };
        evidence.add(starts(&cx, &plan, &format!("with unknown flags {place} the others")).await?);
    }
    Ok(evidence)
}

async fn unknown_flag_warning(cx: Cx) -> Verdict {
    let mut plan = cx.plan()?;
    plan.insert_args(&UNKNOWN, false);
    let plugin = cx.start(&plan).await?;
    let named = plugin.stderr_line(cx.limit(3), |line| line.contains("conformance-")).await;
    let said = plugin.stderr();
    let named = named.ok_or_else(|| {
        Stop::failed("a warning on stderr that names an unknown flag", shown(&said))
    })?;
    let value = said.iter().find(|line| line.contains("joined-value"));
    ensure(value.is_none(), "a warning without the value of the flag", || format!("{value:?}"))?;
    Ok(Evidence::saw(format!("stderr: {named}")))
}

async fn joined_flags(cx: Cx) -> Verdict {
    let mut plan = cx.plan()?;
    plan.joined = true;
    Ok(Evidence::saw(starts(&cx, &plan, "with `--flag=value`").await?))
}

async fn empty_environment(cx: Cx) -> Verdict {
    let mut plan = cx.plan()?;
    plan.empty_environment = true;
    Ok(Evidence::saw(starts(&cx, &plan, "without any environment variable").await?))
}

async fn any_working_directory(cx: Cx) -> Verdict {
    let mut plan = cx.plan()?;
    if let Some(file) = plan.file_argument().filter(|file| file.is_relative()) {
        let file = file.display();
        return Err(Stop::skip(format!(
            "{file} is relative to this directory; give its absolute path"
        )));
    }
    let odd = plan.dir().join("a directory with blanks");
    std::fs::create_dir(&odd).map_err(|e| Stop::fault("a directory", e))?;
    let mut evidence = Evidence::default();
    for dir in [Path::new("/"), &odd] {
        plan.working_dir = Some(dir.to_owned());
        evidence.add(starts(&cx, &plan, &format!("in {}", dir.display())).await?);
    }
    Ok(evidence)
}

async fn odd_argv0(cx: Cx) -> Verdict {
    let mut plan = cx.plan()?;
    if !cfg!(target_os = "linux") {
        return Err(Stop::skip("only Linux runs a descriptor under the name /proc/self/fd/N"));
    }
    if plan.is_script(&cx) {
        return Err(Stop::skip(
            "a script cannot be run through its descriptor (launch/self-contained)",
        ));
    }
    plan.through_descriptor = true;
    Ok(Evidence::saw(starts(&cx, &plan, "with the name of a descriptor as argv[0]").await?))
}

async fn self_contained(cx: Cx) -> Verdict {
    let mut plan = cx.plan()?;
    if !cfg!(target_os = "linux") {
        return Err(Stop::skip("only Linux runs a descriptor under the name /proc/self/fd/N"));
    }
    if let Some(file) = plan.file_argument() {
        let seen = format!("a program that needs {}", file.display());
        return Err(Stop::failed("one self-contained executable file", seen));
    }
    plan.through_descriptor = true;
    Ok(Evidence::saw(starts(&cx, &plan, "when a host runs the file that it has opened").await?))
}

async fn data_dir_created(cx: Cx) -> Verdict {
    let mut plan = cx.plan()?;
    plan.data_dir = plan.dir().join("several/levels/deep");
    let plugin = cx.start(&plan).await?;
    ensure(plan.data_dir.is_dir(), "the data directory with its parents", || {
        format!("no directory {}", plan.data_dir.display())
    })?;
    plugin.kill().await;
    Ok(Evidence::saw("three directories that did not exist are there after ready"))
}

async fn data_dir_kept(cx: Cx) -> Verdict {
    let plan = cx.plan()?;
    let file = plan.data_dir.join("kept").join("by-the-author.txt");
    let made = std::fs::create_dir_all(plan.data_dir.join("kept"))
        .and_then(|()| std::fs::write(&file, "kept"));
    made.map_err(|e| Stop::fault("a file in the data directory", e))?;
    let plugin = cx.start(&plan).await?;
    plugin.stop(cx.limit(13)).await?;
    let content = std::fs::read_to_string(&file);
    ensure(
        content.as_ref().is_ok_and(|text| text == "kept"),
        "a file in the data directory left alone",
        || format!("{content:?}"),
    )?;
    Ok(Evidence::saw("a file that was in the data directory outlived a start and a stop"))
}

/// The table.
pub const CHECKS: &[Check] = &[
    Check::must(
        "launch/missing-socket-path",
        "a missing --socket-path is named",
        &["LA-13"],
        |cx| Box::pin(missing_socket_path(cx)),
    ),
    Check::must("launch/missing-data-dir", "a missing --data-dir is named", &["LA-14"], |cx| {
        Box::pin(missing_data_dir(cx))
    }),
    Check::must(
        "launch/unknown-flags",
        "unknown flags do not keep it from starting",
        &["LA-11"],
        |cx| Box::pin(unknown_flags(cx)),
    ),
    Check::must(
        "launch/unknown-flag-warning",
        "an unknown flag is named on stderr, its value is not",
        &["LA-12"],
        |cx| Box::pin(unknown_flag_warning(cx)),
    )
    .should(),
    Check::must("launch/joined-flags", "`--flag=value` counts", &["LA-08", "LA-10"], |cx| {
        Box::pin(joined_flags(cx))
    }),
    Check::must("launch/empty-environment", "an empty environment is enough", &["LA-15"], |cx| {
        Box::pin(empty_environment(cx))
    }),
    Check::must(
        "launch/any-working-directory",
        "any working directory will do",
        &["LA-16"],
        |cx| Box::pin(any_working_directory(cx)),
    ),
    Check::must("launch/odd-argv0", "argv[0] does not matter", &["LA-17"], |cx| {
        Box::pin(odd_argv0(cx))
    }),
    Check::must(
        "launch/self-contained",
        "a host that runs the file it has opened can start it",
        &["LA-18"],
        |cx| Box::pin(self_contained(cx)),
    )
    .should(),
    Check::must("launch/data-dir-created", "a missing data directory is made", &["LA-20"], |cx| {
        Box::pin(data_dir_created(cx))
    }),
    Check::must(
        "launch/data-dir-kept",
        "what is in the data directory is left alone",
        &["LA-21"],
        |cx| Box::pin(data_dir_kept(cx)),
    ),
];
