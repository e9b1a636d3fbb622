//! `temps-plugin-host`: runs the plugins of a directory at home, as the platform does.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
