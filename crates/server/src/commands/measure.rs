//! What the commands that measure share: which corpus, time, processors, and how figures are told.

pub(super) mod clock;
pub(super) mod corpus_flags;
pub(super) mod figures;
pub(super) mod process;
