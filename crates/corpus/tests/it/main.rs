//! Tests of the corpus from outside.

mod damage;
mod golden;
mod shape;
mod stream;

use spandrel_corpus::Profile;

/// The profiles that are drawn in whole numbers, a giant of moderate size among them.
const WHOLE_NUMBERS: [Profile; 4] =
    [Profile::Mesh, Profile::Shop, Profile::Ten, Profile::Giant { spans: 10_000 }];
