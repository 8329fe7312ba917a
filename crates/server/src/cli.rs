//! The command line: what can be asked of the binary `spandrel`, and how it answers.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::commands::{self, BenchFlags, LoadgenFlags};
use crate::config::ServeFlags;
use crate::serve;

/// Where a server answers that was started without flags.
pub(crate) const USUAL_URL: &str = "http://127.0.0.1:9411";

/// Receives, keeps, searches and shows distributed traces.
///
/// Without a command it serves.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: ServeFlags,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server: receivers, store, APIs.
    Serve(Box<ServeFlags>),
    /// Run the article's client and server, and show their trace.
    Demo(DemoFlags),
    /// Draw one trace in the terminal.
    Trace(TraceFlags),
    /// List the services that have sent spans.
    Services(ClientFlags),
    /// Write traces to standard output, as lines of JSON or a Parquet file.
    Export(ExportFlags),
    /// Send exported lines to a server.
    Import(ImportFlags),
    /// Copy a running server's store to a folder that a server can be started on.
    Backup(BackupFlags),
    /// Check every byte of the segments of a store that no server has open.
    Verify(VerifyFlags),
    /// Measure the store on this machine, without a network.
    Bench(BenchFlags),
    /// Send spans to a server as fast as it takes them or at a rate, and check what it kept.
    Loadgen(LoadgenFlags),
}

/// What an export writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportFormat {
    /// A request of OTLP's JSON a line; it loses nothing
    Otlp,
    /// A span of Zipkin's v2 JSON a line
    Zipkin,
    /// A Parquet file, in builds with the feature `parquet`
    Parquet,
}

/// What to export, from where.
#[derive(Args, Debug)]
pub(crate) struct ExportFlags {
    /// The server's main door.
    #[arg(long, env = "SPANDREL_URL", default_value = USUAL_URL)]
    pub(crate) url: String,
    /// Read the store in this folder instead, which no server may have open.
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// What is written.
    #[arg(long, default_value = "otlp")]
    pub(crate) format: ExportFormat,
    /// Only traces with a span of this service; they come whole.
    #[arg(long, value_name = "NAME")]
    pub(crate) service: Option<String>,
    /// Only traces with a span that started at most this long ago, as in 24h or 14d.
    #[arg(long, value_name = "AGE")]
    pub(crate) since: Option<String>,
    /// Only traces with a span that started at least this long ago.
    #[arg(long, value_name = "AGE")]
    pub(crate) until: Option<String>,
}

/// What to import, to where.
#[derive(Args, Debug)]
pub(crate) struct ImportFlags {
    /// Lines of Zipkin's or OTLP's JSON; `-` is standard input.
    pub(crate) file: PathBuf,
    /// The server's main door.
    #[arg(long, env = "SPANDREL_URL", default_value = USUAL_URL)]
    pub(crate) url: String,
    /// Stop at the first line that can't be read, instead of naming and skipping it.
    #[arg(long)]
    pub(crate) strict: bool,
}

/// Which server to back up, and where to.
#[derive(Args, Debug)]
pub(crate) struct BackupFlags {
    /// A new or empty folder on the server's machine.
    #[arg(long, value_name = "DIR")]
    pub(crate) to: PathBuf,
    /// The server's main door.
    #[arg(long, env = "SPANDREL_URL", default_value = USUAL_URL)]
    pub(crate) url: String,
}

/// Which store to check.
#[derive(Args, Debug)]
pub(crate) struct VerifyFlags {
    /// Where spans are kept [default: `spandrel` in the user's data folder]
    #[arg(long, env = "SPANDREL_DATA_DIR", value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
}

/// Where the demo reports to.
#[derive(Args, Debug)]
pub(crate) struct DemoFlags {
    /// The main door of the server to report to [default: the one at http://127.0.0.1:9411, or
    /// else one that is started for the demo]
    #[arg(long, env = "SPANDREL_URL")]
    pub(crate) url: Option<String>,
}

/// Where the asked server is, and how to print its answer.
#[derive(Args, Debug)]
pub(crate) struct ClientFlags {
    /// The server's main door.
    #[arg(long, env = "SPANDREL_URL", default_value = USUAL_URL)]
    pub(crate) url: String,
    /// Print the server's JSON as it is.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Which trace to draw, and how.
#[derive(Args, Debug)]
pub(crate) struct TraceFlags {
    /// The trace id: 1 to 32 hexadecimal digits.
    pub(crate) trace_id: String,
    /// Leave clock skew uncorrected.
    #[arg(long)]
    pub(crate) raw: bool,
    /// How many columns to draw on; the terminal's width unless set.
    #[arg(long, value_parser = clap::value_parser!(u16).range(60..=400))]
    pub(crate) width: Option<u16>,
    #[command(flatten)]
    pub(crate) client: ClientFlags,
}

impl Cli {
    /// Does what was asked. Errors go to standard error, one line with all their causes.
    pub(crate) fn run(self) -> ExitCode {
        let outcome = match self.command {
            None => serve::run(self.serve),
            Some(Command::Serve(flags)) => serve::run(*flags),
            Some(Command::Demo(flags)) => commands::demo(&flags),
            Some(Command::Trace(flags)) => commands::trace(&flags),
            Some(Command::Services(flags)) => commands::services(&flags),
            Some(Command::Export(flags)) => commands::export(&flags),
            Some(Command::Import(flags)) => commands::import(&flags),
            Some(Command::Backup(flags)) => commands::backup(&flags),
            Some(Command::Verify(flags)) => commands::verify(flags),
            Some(Command::Bench(flags)) => commands::bench(&flags),
            Some(Command::Loadgen(flags)) => commands::loadgen(&flags),
        };
        match outcome {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                commands::print_error(&error);
                ExitCode::FAILURE
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn without_a_command_the_flags_are_those_of_serve() {
        let cli = Cli::try_parse_from(["spandrel", "--listen", "127.0.0.1:0"]).unwrap();
        assert!(cli.command.is_none());
        assert_eq!(cli.serve.listen.as_deref(), Some("127.0.0.1:0"));
    }
}
