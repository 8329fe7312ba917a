//! `spandrel bench`: how small and how fast the store is, on this machine and without a network.
//!
//! A corpus is written to a file first. Then a store is fed with it as a receiver feeds it, and
//! asked; what comes back is compared with the corpus, made again.

mod chance;
mod compare;
mod corpus_file;
mod feed;
mod flags;
mod generate;
mod ingest;
mod lookup;
mod run;
mod search;
mod size;
mod store;

use flags::BenchCommand;
pub(crate) use flags::BenchFlags;

/// Does what was asked.
pub(crate) fn run(flags: &BenchFlags) -> anyhow::Result<()> {
    match &flags.command {
        BenchCommand::Generate(flags) => generate::run(flags),
        BenchCommand::Size(flags) => run::run(flags, &run::SIZE),
        BenchCommand::Ingest(flags) => run::run(flags, &run::INGEST),
        BenchCommand::Lookup(flags) => run::run(flags, &run::LOOKUP),
        BenchCommand::Search(flags) => run::run(flags, &run::SEARCH),
        BenchCommand::All(flags) => run::run(flags, &run::ALL),
    }
}
