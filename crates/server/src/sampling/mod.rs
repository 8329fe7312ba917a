//! How much each service is to sample: what Jaeger's clients ask, and the file that says it.
//!
//! Without a file everything is sampled: the store is made to keep all spans. The file is Jaeger's
//! own, and is read again when it changes; one that is wrong is refused, and what held before holds.

mod answers;
mod file;

use std::fs::{self, Metadata};
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use anyhow::Context as _;

use crate::app::App;
use crate::door::{Closing, closed};
pub(crate) use answers::{routes, tell};
pub(crate) use file::{Choice, Strategies, Strategy};

/// How often it is looked whether the file has changed.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// The longest file that is read.
const FILE_LEN_MAX: u64 = 16 << 20;

/// The strategies that hold, and where they are from.
#[derive(Debug, Default)]
pub(crate) struct Sampling {
    path: Option<PathBuf>,
    strategies: RwLock<Arc<Strategies>>,
    seen: Mutex<Seen>,
}

/// What was found when the file was looked at last.
#[derive(Debug, Default)]
struct Seen {
    stamp: Option<Stamp>,
    trouble: Option<String>,
}

/// What tells one content of a file from the next without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    len: u64,
    modified: (i64, i64),
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self {
            inode: metadata.ino(),
            len: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
        }
    }
}

impl Sampling {
    /// Reads the file, if there is one, which must be right at the start.
    pub(crate) fn open(path: Option<&Path>) -> anyhow::Result<Self> {
        let Some(path) = path else { return Ok(Self::default()) };
        let stamp = fs::metadata(path).ok().as_ref().map(Stamp::of);
        let strategies = read(path)?;
        strategies.warn(path);
        Ok(Self {
            path: Some(path.to_owned()),
            strategies: RwLock::new(Arc::new(strategies)),
            seen: Mutex::new(Seen { stamp, trouble: None }),
        })
    }

    /// Returns the strategies that hold.
    pub(crate) fn strategies(&self) -> Arc<Strategies> {
        Arc::clone(&self.strategies.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Where they are from, and what is wrong with the file as it is now.
    pub(crate) fn source(&self) -> (Option<&Path>, Option<String>) {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        (self.path.as_deref(), seen.trouble.clone())
    }

    /// Reads the file again if it has changed. Returns what is wrong with it, once.
    fn look(&self) -> Option<String> {
        let path = self.path.as_deref()?;
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let stamp = fs::metadata(path).ok().as_ref().map(Stamp::of);
        if stamp == seen.stamp {
            return None;
        }
        seen.stamp = stamp;
        match read(path) {
            Ok(strategies) => {
                strategies.warn(path);
                seen.trouble = None;
                let services = strategies.services();
                *self.strategies.write().unwrap_or_else(PoisonError::into_inner) =
                    Arc::new(strategies);
                tracing::info!(file = %path.display(), services, "sampling strategies taken");
                None
            }
            Err(error) => {
                let trouble = format!("{error:#}");
                seen.trouble = Some(trouble.clone());
                Some(trouble)
            }
        }
    }
}

/// Reads a file of strategies; an error names the file, the line and the reason.
fn read(path: &Path) -> anyhow::Result<Strategies> {
    let of_file = || format!("the sampling strategies {}", path.display());
    let file = fs::File::open(path).with_context(of_file)?;
    let mut text = String::new();
    file.take(FILE_LEN_MAX + 1).read_to_string(&mut text).with_context(of_file)?;
    if text.len() as u64 > FILE_LEN_MAX {
        anyhow::bail!("{}: the file is over the limit of {FILE_LEN_MAX} bytes", of_file());
    }
    Strategies::parse(&text).with_context(of_file)
}

/// Looks at the file until the server closes.
pub(crate) async fn watch(app: Arc<App>, closing: Closing) {
    if app.sampling.path.is_none() {
        return;
    }
    let mut closed = pin!(closed(closing));
    let mut every = tokio::time::interval(LOOK_INTERVAL);
    loop {
        tokio::select! {
            _ = every.tick() => {}
            () = &mut closed => return,
        }
        let looking = Arc::clone(&app);
        let looked = tokio::task::spawn_blocking(move || looking.sampling.look()).await;
        if let Ok(Some(trouble)) = looked {
            app.metrics.refused_sampling_files.inc();
            tracing::error!(trouble, "the file is not taken: what it said before holds");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn probability(sampling: &Sampling) -> Choice {
        sampling.strategies().of("shop").choice
    }

    #[test]
    fn a_changed_file_is_taken_and_a_bad_one_leaves_what_held() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("strategies.json");
        let write = |rate: &str| {
            let json = format!(
                "{{\"default_strategy\":\n{{\"type\":\"probabilistic\",\"param\":{rate}}}}}"
            );
            fs::write(&path, json).unwrap();
        };
        write("0.5");
        let sampling = Sampling::open(Some(&path)).unwrap();
        assert_eq!(probability(&sampling), Choice::Probability(0.5));
        assert_eq!(sampling.look(), None);

        write("1.5");
        let trouble = sampling.look().expect("it is refused");
        assert!(trouble.contains("strategies.json: ") && trouble.contains("line 2"), "{trouble}");
        assert_eq!((sampling.look(), sampling.source().1), (None, Some(trouble)));
        assert_eq!(probability(&sampling), Choice::Probability(0.5));

        write("0.25");
        assert_eq!((sampling.look(), sampling.source().1), (None, None));
        assert_eq!(probability(&sampling), Choice::Probability(0.25));

        fs::remove_file(&path).unwrap();
        assert!(sampling.look().is_some());
        assert_eq!(probability(&sampling), Choice::Probability(0.25));
        assert!(Sampling::open(Some(&path)).is_err());
        assert_eq!(probability(&Sampling::open(None).unwrap()), Choice::Probability(1.0));
    }
}
