//! The baseline of the channel: 128 bytes come in and go out again. Plain blocking sockets, or with
//! `--tokio` a task on a runtime like a plugin's.

use std::io::{Error, Read, Result, Write};
use std::os::unix::net::{UnixListener, UnixStream};

use temps_plugin_bench::channel::PING;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

fn main() -> Result<()> {
    let arguments: Vec<_> = std::env::args().collect();
    let path = arguments
        .iter()
        .skip_while(|argument| *argument != "--socket-path")
        .nth(1)
        .ok_or_else(|| Error::other("--socket-path is missing"))?;
    let listener = UnixListener::bind(path)?;
    println!("listening");
    if arguments.iter().any(|argument| argument == "--tokio") {
        return on_tokio(listener);
    }
    for stream in listener.incoming() {
        blocking(stream?);
    }
    Ok(())
}

/// Until the peer goes away.
fn blocking(mut stream: UnixStream) {
    let mut buffer = [0; PING];
    while stream.read_exact(&mut buffer).is_ok() && stream.write_all(&buffer).is_ok() {}
}

fn on_tokio(listener: UnixListener) -> Result<()> {
    listener.set_nonblocking(true)?;
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
        let listener = tokio::net::UnixListener::from_std(listener)?;
        loop {
            let (mut stream, _) = listener.accept().await?;
            tokio::spawn(async move {
                let mut buffer = [0; PING];
                while stream.read_exact(&mut buffer).await.is_ok()
                    && stream.write_all(&buffer).await.is_ok()
                {}
            });
        }
    })
}
