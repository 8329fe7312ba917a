//! Objects of segments that no longer count, until nobody can be reading them any more.

use std::collections::VecDeque;
use std::sync::{Arc, Weak};

use crate::manifest::Manifest;

/// The views that readers may still look at, oldest first, each with what the one after it does
/// not show any more.
#[derive(Debug, Default)]
pub(super) struct Doomed {
    views: VecDeque<(Weak<Manifest>, Vec<String>)>,
}

impl Doomed {
    /// Notes that a view was replaced by one without the segments of these objects. To be told of
    /// every view, since a reader of an older one may need what this one took away.
    pub(super) fn push(&mut self, before: &Arc<Manifest>, paths: Vec<String>) {
        self.views.push_back((Arc::downgrade(before), paths));
    }

    /// Takes the objects that no reader needs.
    pub(super) fn take(&mut self) -> Vec<String> {
        let mut paths = Vec::new();
        while self.views.front().is_some_and(|(view, _)| view.strong_count() == 0) {
            paths.extend(self.views.pop_front().map(|(_, paths)| paths).unwrap_or_default());
        }
        paths
    }

    /// Whether objects wait for readers to go.
    pub(super) fn is_waiting(&self) -> bool {
        self.views.iter().any(|(_, paths)| !paths.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_waits_for_the_readers_of_every_view_that_shows_it() {
        let views = [(); 3].map(|()| Arc::new(Manifest::empty()));
        let mut doomed = Doomed::default();
        doomed.push(&views[0], Vec::new());
        doomed.push(&views[1], vec!["a".to_owned()]);
        let [oldest, before, _now] = views;
        drop(before);
        assert_eq!((doomed.take(), doomed.is_waiting()), (Vec::new(), true));
        drop(oldest);
        assert_eq!((doomed.take(), doomed.is_waiting()), (vec!["a".to_owned()], false));
    }
}
