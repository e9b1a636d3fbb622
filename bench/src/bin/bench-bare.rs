//! The baseline of requests, starts, memory and size: the same route over axum, without the SDK.

use std::io::{Error, Result, Write};

use temps_plugin_bench::app;
use tokio::net::UnixListener;

fn main() -> Result<()> {
    let path = std::env::args()
        .skip_while(|argument| argument != "--socket-path")
        .nth(1)
        .ok_or_else(|| Error::other("--socket-path is missing"))?;
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
        let listener = UnixListener::bind(path)?;
        let mut stdout = std::io::stdout();
        stdout.write_all(b"listening\n")?;
        stdout.flush()?;
        axum::serve(listener, app::routes()).await
    })
}
