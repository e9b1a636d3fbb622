//! Standard output is a protocol stream, standard error is for logs, the secret is in neither.

use std::path::Path;

use super::prelude::*;

/// Some life for a plugin to write about: requests of every kind, a channel, bad frames, a stop.
async fn busy_life(cx: &Cx, plan: &Plan) -> Result<Plugin, Stop> {
    let plugin = cx.start(plan).await?;
    let mut channel = plugin.dial().await?;
    for path in ["/conformance-no-such-route", "/_events", "/ui/", "/"] {
        plugin.get(path).await?;
        plugin.send(Request::get(path).signature("conformance-wrong-signature-0123456789")).await?;
    }
    let secret = plan.secret();
    plugin.send(Request::post("/_events").body(format!("no event: {secret}"))).await?;
    plugin.send(Request::get(&format!("/conformance/{secret}?secret={secret}"))).await?;
    channel.send_text("conformance: no JSON").await?;
    channel.ping().await?;
    Ok(plugin)
}

async fn two_lines(cx: Cx) -> Verdict {
    let plugin = busy_life(&cx, &cx.plan()?).await?;
    plugin.stop(cx.limit(13)).await?;
    let stray = plugin.stray_stdout().await;
    ensure(stray.is_empty(), "two lines on standard output and not a byte besides", || {
        format!("further output: {:?}", stray.join("\n"))
    })?;
    Ok(Evidence::saw("the two handshake lines, then nothing until the end of the process"))
}

async fn survives_closed_stdout(cx: Cx) -> Verdict {
    let mut plan = cx.plan()?;
    plan.close_stdout = true;
    let plugin = busy_life(&cx, &plan).await?;
    let status = plugin.health().await?.status;
    ensure(status == 200, "health 200 after the host has closed standard output", || {
        status.to_string()
    })?;
    let ended = plugin.stop(cx.limit(13)).await?;
    ensure(ended.exit.success(), "exit status 0 with standard output closed", || {
        ended.exit.to_string()
    })?;
    Ok(Evidence::saw(
        "served, and stopped with status 0, with standard output closed right after ready",
    ))
}

async fn no_secret_on_streams(cx: Cx) -> Verdict {
    let plugin = busy_life(&cx, &cx.plan()?).await?;
    plugin.stop(cx.limit(13)).await?;
    let leaks = plugin.leaks();
    ensure(leaks == 0, "no line with the secret or the database URL", || {
        format!("{leaks} lines with one of them")
    })?;
    let lines = plugin.stderr().len();
    Ok(Evidence::saw(format!("two lines on stdout and {lines} on stderr, none with the secret")))
}

async fn no_secret_in_files(cx: Cx) -> Verdict {
    let mut plan = cx.plan()?;
    // What it writes to its working directory is looked at too, if it can run in another one.
    if plan.file_argument().is_none_or(Path::is_absolute) && plan.runs_anywhere(&cx) {
        plan.working_dir = Some(plan.dir().to_owned());
    }
    // The witness: a file with the secret is found where the plugin could have left one.
    let witness = plan.dir().join("witness");
    std::fs::write(&witness, plan.secret()).map_err(|e| Stop::fault("a file", e))?;
    let plugin = busy_life(&cx, &plan).await?;
    let mut files = Files::default();
    files.search(plan.dir(), plan.secret().as_bytes());
    plugin.stop(cx.limit(13)).await?;
    files.search(plan.dir(), plan.secret().as_bytes());
    let witness = witness.display().to_string();
    let (found, leaks): (Vec<_>, Vec<_>) =
        files.with_secret.into_iter().partition(|path| *path == witness);
    ensure(leaks.is_empty(), "no file with the secret", || leaks.join(", "))?;
    if found.len() != 2 {
        return Err(Stop::fault("the search for the secret", "the file with it was not found"));
    }
    Ok(Evidence::saw(format!(
        "{} files looked at in two rounds, none with the secret but the one put there to be found",
        files.seen
    )))
}

/// Files that were looked through for a secret.
#[derive(Default)]
pub(super) struct Files {
    /// How many.
    pub(super) seen: usize,
    /// Those that have it.
    pub(super) with_secret: Vec<String>,
}

impl Files {
    /// Looks through all files below `dir`.
    pub(super) fn search(&mut self, dir: &Path, secret: &[u8]) {
        for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                self.search(&path, secret);
            } else if path.is_file()
                && let Ok(content) = std::fs::read(&path)
            {
                self.seen += 1;
                if content.windows(secret.len()).any(|window| window == secret) {
                    self.with_secret.push(path.display().to_string());
                }
            }
        }
    }
}

async fn no_secret_in_responses(cx: Cx) -> Verdict {
    let plugin = cx.running().await?;
    let secret = plugin.secret().to_owned();
    let requests = [
        Request::get("/conformance-no-such-route"),
        Request::get("/"),
        Request::get("/ui/"),
        Request::get("/_events"),
        Request::get("/_temps/channel"),
        Request::post("/_events").body("no event"),
        Request::get("/conformance-no-such-route")
            .signature("conformance-wrong-signature-0123456789"),
    ];
    let count = requests.len();
    for request in requests {
        let what = request.to_string();
        let response = plugin.send(request).await?;
        let text = format!("{:?} {}", response.headers, response.text());
        ensure(!text.contains(&secret), "responses without the secret", || {
            format!("the response to {what} has it")
        })?;
    }
    Ok(Evidence::saw(format!("{count} responses, none with the secret")))
}

async fn json_logs(cx: Cx) -> Verdict {
    let plugin = busy_life(&cx, &cx.plan()?).await?;
    plugin.stop(cx.limit(13)).await?;
    let lines = plugin.stderr();
    if lines.is_empty() {
        return Err(Stop::skip("the plugin logs nothing"));
    }
    let plain =
        lines.iter().find(|line| !serde_json::from_str::<Value>(line).is_ok_and(|v| v.is_object()));
    ensure(plain.is_none(), "each line of stderr one JSON object", || format!("{plain:?}"))?;
    Ok(Evidence::saw(format!("{} lines of JSON", lines.len())))
}

/// The table.
pub const CHECKS: &[Check] = &[
    Check::must(
        "stdio/two-lines",
        "standard output carries the two handshake lines and nothing else",
        &["IO-01", "IO-02", "IO-06"],
        |cx| Box::pin(two_lines(cx)),
    ),
    Check::must(
        "stdio/closed-stdout",
        "the host may close its end of standard output after `ready`",
        &["IO-03"],
        |cx| Box::pin(survives_closed_stdout(cx)),
    ),
    Check::must(
        "stdio/no-secret-on-streams",
        "the secret is neither on stdout nor on stderr",
        &["IO-08", "IO-09"],
        |cx| Box::pin(no_secret_on_streams(cx)),
    ),
    Check::must("stdio/no-secret-in-files", "the secret is in no file", &["IO-11"], |cx| {
        Box::pin(no_secret_in_files(cx))
    }),
    Check::must("stdio/no-secret-in-responses", "the secret is in no response", &["IO-10"], |cx| {
        Box::pin(no_secret_in_responses(cx))
    })
    .needs(Needs::Running),
    Check::must("stdio/json-logs", "logs are lines of JSON", &["IO-07"], |cx| {
        Box::pin(json_logs(cx))
    })
    .should(),
];
