//! `iron`: the one binary. Parse, configure, run one command, answer with an exit code.

#![warn(clippy::large_stack_frames)]

mod args;
mod build;
mod certificates;
mod commands;
mod config;
mod connection;
mod console;
mod environment;
mod failure;
mod keychain;
mod router;
mod server;

use std::process::ExitCode;

use clap::Parser as _;

use crate::args::Cli;
use crate::console::Console;

/// A governed call makes some hundred small allocations on one thread and frees them on another.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    use_small_pages();
    // One crypto provider for everything that speaks TLS.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let cli = Cli::parse();
    let global = &cli.global;
    let console = Console::new(global.json, global.quiet, global.no_color, global.no_input);
    match commands::run(cli, console) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            console.fail(&failure);
            failure.exit_code()
        }
    }
}

/// With large pages a server at rest would hold half as much memory again, for allocations that are
/// small.
/// Where they cannot be refused, it does.
#[cfg(target_os = "linux")]
fn use_small_pages() {
    let _ = rustix::thread::disable_transparent_huge_pages(true);
}

#[cfg(not(target_os = "linux"))]
const fn use_small_pages() {}
