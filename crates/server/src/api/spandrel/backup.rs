//! Copies the store to a folder of the server's machine, and tells how far it is.
//!
//! The folder has to be new or empty: nothing that is there is ever written over.

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse as _, Response};
use http::header::CONTENT_TYPE;
use serde_json::{Value, json};
use spandrel_storage::{BackupError, BackupReport, EmbeddedStore, WorkDone};

use crate::api::parameters::Parameters;
use crate::api::stream::{StreamWriter, streamed};
use crate::app::App;
use crate::clock::Clock;
use crate::refusal::{JsonRefusal, Refusal};

/// How long nothing is said between two lines.
const TELL_EVERY_NS: u64 = 200_000_000;

/// `POST /backup?to=FOLDER`: a line of JSON now and then, and one at the end.
pub(super) async fn backup(
    State(app): State<Arc<App>>,
    RawQuery(query): RawQuery,
) -> Result<Response, JsonRefusal> {
    app.check_ready()?;
    let folder = PathBuf::from(Parameters::parse(query.as_deref())?.required("to")?);
    let place = app.begin_long_work()?;
    let data_dir = app.config.data_dir.clone();
    let checked = tokio::task::spawn_blocking({
        let folder = folder.clone();
        move || check_folder(&folder, &data_dir)
    });
    checked
        .await
        .unwrap_or_else(|panicked| Err(panicked.to_string()))
        .map_err(Refusal::bad_request)?;

    let (body, writer) = streamed();
    let (store, clock) = (Arc::clone(&app.store), Arc::clone(&app.clock));
    tokio::task::spawn_blocking(move || {
        let _place = place;
        copy(&store, &folder, &*clock, writer);
    });
    Ok(([(CONTENT_TYPE, "application/x-ndjson")], Body::new(body)).into_response())
}

fn copy(store: &EmbeddedStore, folder: &Path, clock: &dyn Clock, writer: StreamWriter) {
    // A reader that is gone does not stop the copy: whoever asked for it wants it.
    let tell = |line: Value| _ = writer.send(format!("{line}\n"));
    tell(json!({ "doneBytes": 0, "totalBytes": 0 }));
    let mut told_ns = clock.now_ns();
    let copied = store.backup(folder, &mut |done| {
        let now_ns = clock.now_ns();
        if now_ns.saturating_sub(told_ns) >= TELL_EVERY_NS {
            told_ns = now_ns;
            let WorkDone { done_len, total_len } = done;
            tell(json!({ "doneBytes": done_len, "totalBytes": total_len }));
        }
    });
    match &copied {
        Ok(report) => tracing::info!(folder = %folder.display(), ?report, "a backup was made"),
        Err(error) => tracing::warn!(folder = %folder.display(), %error, "a backup failed"),
    }
    tell(last_line(copied));
    writer.finish();
}

fn last_line(copied: Result<BackupReport, BackupError>) -> Value {
    match copied {
        Ok(BackupReport { segments, bytes, spans }) => {
            json!({ "segments": segments, "bytes": bytes, "spans": spans })
        }
        Err(error) => json!({ "error": error.to_string() }),
    }
}

/// Says why a folder can't take a backup.
fn check_folder(folder: &Path, data_dir: &Path) -> Result<(), String> {
    let shown = folder.display();
    let is_plain = |part| matches!(part, Component::RootDir | Component::Normal(_));
    if !folder.is_absolute() || !folder.components().all(is_plain) {
        return Err(format!("`to` has to be an absolute path without `..`, not {shown}"));
    }
    let has_entries = fs::read_dir(folder).map(|mut entries| entries.next().is_some());
    match has_entries {
        Ok(true) => return Err(format!("the folder {shown} is not empty")),
        Ok(false) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(format!("the folder {shown} can't be read: {error}")),
    }
    let existing = folder.ancestors().find_map(|ancestor| ancestor.canonicalize().ok());
    let data_dir = data_dir.canonicalize().map_err(|error| format!("the data folder: {error}"))?;
    match existing {
        Some(existing) if !existing.starts_with(&data_dir) => Ok(()),
        _ => Err(format!("the folder {shown} is inside the data folder")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backup_goes_to_a_new_or_empty_folder_outside_of_the_data() {
        let root = tempfile::tempdir().unwrap();
        let data_dir = root.path().join("data");
        let full = root.path().join("full");
        for folder in [&data_dir, &full] {
            fs::create_dir(folder).unwrap();
        }
        fs::write(full.join("file"), "").unwrap();
        let refused = |folder: &Path| check_folder(folder, &data_dir).err().unwrap_or_default();
        assert_eq!(refused(&root.path().join("new/deep")), "");
        assert!(refused(Path::new("copy")).contains("absolute"));
        assert!(refused(&root.path().join("new/../data")).contains("without `..`"));
        assert!(refused(&full).contains("not empty"));
        assert!(refused(&data_dir.join("copy")).contains("inside the data folder"));
        #[cfg(unix)]
        {
            let link = root.path().join("link");
            std::os::unix::fs::symlink(&data_dir, &link).unwrap();
            assert!(refused(&link.join("copy")).contains("inside the data folder"));
        }
    }
}
