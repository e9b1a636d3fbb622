//! The author's hooks (EP-44, EP-45, EP-53, EP-54).

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::Path;
use std::time::Duration;

/// How often the start hook looks whether it may go on.
const LOOK: Duration = Duration::from_millis(10);

/// Notes the start, and waits while `hold-start` is there.
pub(crate) async fn start(data_dir: &Path) -> io::Result<()> {
    note(data_dir, "start")?;
    while data_dir.join("hold-start").exists() {
        tokio::time::sleep(LOOK).await;
    }
    Ok(())
}

/// Notes the stop, and panics when `fail-stop` is there.
pub(crate) async fn stop(data_dir: &Path) -> io::Result<()> {
    note(data_dir, "stop")?;
    let fails = data_dir.join("fail-stop").exists();
    if fails {
        note(data_dir, "fail")?;
    }
    assert!(!fails, "fail-stop is in the data directory");
    Ok(())
}

fn note(data_dir: &Path, what: &str) -> io::Result<()> {
    let path = data_dir.join("lifecycle.log");
    writeln!(OpenOptions::new().create(true).append(true).open(path)?, "{what}")
}
