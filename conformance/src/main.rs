//! `temps-plugin-conformance`: the command line around the library of the same name.

use std::process;

use clap::Parser as _;
use temps_plugin_conformance::{ExitCode, cli};

fn main() -> process::ExitCode {
    // clap exits with 2 on wrong usage and with 0 on `--help`, as the exit status table says.
    let args = cli::Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            cli::complain(format_args!("no async runtime: {error}"));
            return ExitCode::RunnerFault.into();
        }
    };
    runtime.block_on(cli::main(args)).into()
}
