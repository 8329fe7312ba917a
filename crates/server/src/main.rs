//! The binary `spandrel`: receives, keeps, searches and shows distributed traces.
//!
//! This crate speaks HTTP and owns threads, clock and configuration; spans are decoded, stored
//! and searched by the crates below it.

mod admission;
mod api;
mod app;
mod cli;
mod clock;
mod commands;
mod config;
mod demo;
mod door;
mod doors;
mod export;
mod guard;
mod metrics;
mod opening;
mod progress;
mod quantity;
mod receivers;
mod refusal;
mod sampling;
mod self_trace;
mod serve;
mod ui;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    cli::Cli::parse().run()
}
