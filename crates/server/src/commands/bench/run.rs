//! One run: a corpus, a store that is filled with it, and what is measured of that.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail, ensure};
use serde_json::json;

use super::compare::Compared;
use super::corpus_file::{CorpusFacts, CorpusRequests, Frames, Maker};
use super::flags::RunFlags;
use super::ingest::{Ingest, fill};
use super::store::OpenStore;
use super::{lookup, search, size};
use crate::commands::measure::figures::{Figures, Section};
use crate::commands::print::print_lines;

/// The file that says that the store beside it has all of the corpus.
const WHOLE: &str = "store.whole";

/// The file that says what the corpus is.
const FACTS: &str = "corpus.json";

/// Which figures are told.
#[derive(Clone, Copy, Debug)]
pub(super) struct Subjects {
    size: bool,
    ingest: bool,
    lookup: bool,
    search: bool,
}

const NONE: Subjects = Subjects { size: false, ingest: false, lookup: false, search: false };
pub(super) const SIZE: Subjects = Subjects { size: true, ..NONE };
pub(super) const INGEST: Subjects = Subjects { ingest: true, ..NONE };
pub(super) const LOOKUP: Subjects = Subjects { lookup: true, ..NONE };
pub(super) const SEARCH: Subjects = Subjects { search: true, ..NONE };
pub(super) const ALL: Subjects = Subjects { size: true, ingest: true, lookup: true, search: true };

/// Measures, prints, and fails when the store returned anything that was not sent.
pub(super) fn run(flags: &RunFlags, subjects: &Subjects) -> anyhow::Result<()> {
    let folder = Folder::new(flags)?;
    let Filled { open, facts, ingest } = store_in(&folder.path, flags, subjects)?;
    let mut figures = Figures::default();
    if subjects.size {
        let sections = size::sections(&open.store, &folder.store(), facts.body_bytes)?;
        sections.into_iter().for_each(|section| figures.push(section));
    }
    if let (true, Some(ingest)) = (subjects.ingest, &ingest) {
        let sections = ingest.sections(flags.memory.0);
        sections.into_iter().for_each(|section| figures.push(section));
    }
    let mut compared = Compared::default();
    let corpus = flags.corpus.corpus();
    let lookups = if subjects.lookup || !flags.verify_all { flags.lookups } else { 0 };
    let lookup = lookup::measure(&open.store, &corpus, facts.traces, lookups, &mut compared)?;
    if subjects.lookup {
        figures.push(lookup);
    }
    if flags.verify_all {
        lookup::verify_all(&open.store, &corpus, facts.traces, &mut compared)?;
    }
    if subjects.search {
        figures.push(search::measure(&open.store, &corpus, &facts, flags)?);
    }
    figures.push(comparison(&compared));
    tell(flags, &facts, &figures)?;
    open.store.close().context("the store could not be closed")?;
    folder.end(flags.keep);
    match &compared.first {
        Some(difference) if !compared.is_clean() => {
            bail!("the store returned what was not sent: {difference}")
        }
        _ => Ok(()),
    }
}

fn comparison(compared: &Compared) -> Section {
    let mut section = Section::new("correctness: the store's traces and the corpus made again");
    section.add("traces compared", compared.traces as f64, "");
    section.add("spans equal in every field", compared.spans as f64, "");
    section.add("spans lost or changed", compared.lost as f64, "");
    section.add("spans never sent", compared.foreign as f64, "");
    section
}

fn tell(flags: &RunFlags, facts: &CorpusFacts, figures: &Figures) -> anyhow::Result<()> {
    let CorpusFacts { profile, seed, traces, spans, .. } = facts;
    let random = if facts.has_random_attribute { ", with a random attribute" } else { "" };
    let title = format!("corpus {profile}, seed {seed}{random}: {spans} spans in {traces} traces");
    print_lines([title].into_iter().chain(figures.lines()))?;
    if let Some(path) = &flags.json {
        let told = json!({
            "corpus": facts,
            "memory_budget_bytes": flags.memory.0,
            "figures": figures.to_json(),
        });
        fs::write(path, serde_json::to_vec_pretty(&told)?)
            .with_context(|| path.display().to_string())?;
    }
    Ok(())
}

/// Where the corpus and the store are.
#[derive(Debug)]
struct Folder {
    path: PathBuf,
    /// Whether the folder is the bench's own.
    is_temporary: bool,
}

impl Folder {
    fn new(flags: &RunFlags) -> anyhow::Result<Self> {
        if let Some(path) = &flags.data_dir {
            fs::create_dir_all(path).with_context(|| path.display().to_string())?;
            return Ok(Self { path: path.clone(), is_temporary: false });
        }
        let folder = tempfile::Builder::new().prefix("spandrel-bench-").tempdir()?;
        Ok(Self { path: folder.keep(), is_temporary: true })
    }

    fn store(&self) -> PathBuf {
        self.path.join("store")
    }

    /// Removes what nobody wants to keep; the corpus stays in a folder that somebody named.
    fn end(self, keep: bool) {
        // What can't be removed stays, and the figures are told already.
        match (keep, self.is_temporary) {
            (true, true) => _ = print_lines([format!("kept in {}", self.path.display())]),
            (true, false) => {}
            (false, true) => _ = fs::remove_dir_all(&self.path),
            (false, false) => {
                _ = fs::remove_file(self.path.join(WHOLE));
                _ = fs::remove_dir_all(self.store());
            }
        }
    }
}

fn frames_in(folder: &Path) -> PathBuf {
    folder.join("corpus.otlp")
}

/// What the corpus of a folder is, if it is the one that is wanted.
fn facts_in(folder: &Path, flags: &RunFlags) -> anyhow::Result<Option<CorpusFacts>> {
    let path = folder.join(FACTS);
    let Ok(text) = fs::read_to_string(&path) else { return Ok(None) };
    let facts: CorpusFacts = serde_json::from_str(&text)
        .with_context(|| format!("{} is not of a bench", path.display()))?;
    if facts.is_of(&flags.corpus) {
        return Ok(Some(facts));
    }
    ensure!(
        !folder.join("store").exists(),
        "{} has a store of another corpus: name another folder, or remove it",
        folder.display()
    );
    Ok(None)
}

fn write_facts(folder: &Path, facts: &CorpusFacts) -> anyhow::Result<()> {
    let path = folder.join(FACTS);
    fs::write(&path, serde_json::to_vec(facts)?).with_context(|| path.display().to_string())
}

/// The requests of the corpus, from a file that is in the folder or is written first, or not.
fn requests_in(folder: &Path, flags: &RunFlags) -> anyhow::Result<CorpusRequests> {
    if flags.no_corpus_file {
        return Ok(CorpusRequests::Made(Box::new(Maker::new(&flags.corpus))));
    }
    let path = frames_in(folder);
    if facts_in(folder, flags)?.is_none() || !path.exists() {
        write_facts(folder, &generate(&path, flags)?)?;
    }
    Ok(CorpusRequests::Read(Frames::open(&path)?))
}

/// Has another process write the corpus, so that its memory is not counted as the store's.
fn generate(path: &Path, flags: &RunFlags) -> anyhow::Result<CorpusFacts> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["bench", "generate", "--profile", &flags.corpus.profile.to_string()]);
    command.args(["--seed", &flags.corpus.seed.to_string()]);
    command.args(["--spans", &flags.corpus.spans.0.to_string()]);
    command.args(["--spans-per-request", &flags.corpus.spans_per_request.to_string()]);
    if flags.corpus.random_attribute {
        command.arg("--random-attribute");
    }
    let output = command.arg("--out").arg(path).output().context("the corpus")?;
    ensure!(
        output.status.success(),
        "the corpus could not be written: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    );
    serde_json::from_slice(&output.stdout).context("the corpus was written, and not told of")
}

/// A store that has all of a corpus.
struct Filled {
    open: OpenStore,
    facts: CorpusFacts,
    /// What filling it took, if that was done now.
    ingest: Option<Ingest>,
}

/// Opens the store that is in the folder, or fills one.
fn store_in(folder: &Path, flags: &RunFlags, subjects: &Subjects) -> anyhow::Result<Filled> {
    let facts = facts_in(folder, flags)?;
    let store = folder.join("store");
    let whole = folder.join(WHOLE);
    if let Some(facts) = facts.filter(|_| whole.exists() && store.exists()) {
        ensure!(
            !subjects.ingest,
            "{} is filled already, and ingest wants an empty store: remove it",
            store.display()
        );
        let open = OpenStore::open(&store, flags, Some(usize::from(u16::MAX)))?;
        return Ok(Filled { open, facts, ingest: None });
    }
    ensure!(!store.exists(), "{} is of a bench that did not end: remove it", store.display());
    fs::create_dir_all(&store).with_context(|| store.display().to_string())?;
    let mut requests = requests_in(folder, flags)?;
    let (open, ingest) = fill(&store, &mut requests, flags)?;
    if let CorpusRequests::Made(maker) = requests {
        write_facts(folder, &maker.into_facts())?;
    }
    let facts = facts_in(folder, flags)?.context("what the corpus is was written just now")?;
    let found = open.store.stats().segment_spans;
    ensure!(found > 0 && found <= facts.spans, "{found} of {} spans are in segments", facts.spans);
    fs::write(&whole, "").with_context(|| whole.display().to_string())?;
    Ok(Filled { open, facts, ingest: Some(ingest) })
}
