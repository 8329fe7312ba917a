//! Arrows point down: which of the workspace's crates may use which.
//!
//! Only what a crate needs in order to run is checked; its tests may use what they like.

use super::Finding;
use super::tree::{Package, Tree};

/// What one crate may use, and what it must not.
struct Place {
    crate_name: &'static str,
    /// The workspace's crates below it.
    may_use: &'static [&'static str],
    /// Crates of others that would break its promise to know nothing of their business.
    never: &'static [&'static str],
}

const NETWORK: &[&str] = &["axum", "http", "hyper", "hyper-util", "tokio", "tonic", "tower"];
const NETWORK_AND_SERDE: &[&str] =
    &["axum", "http", "hyper", "hyper-util", "serde", "serde_json", "tokio", "tonic", "tower"];

/// The cut of the system, from the bottom up. A new crate takes its place here, with one
/// sentence in ARCHITECTURE.md that says why it is a crate.
const PLACES: &[Place] = &[
    Place { crate_name: "spandrel-model", may_use: &[], never: NETWORK_AND_SERDE },
    Place { crate_name: "spandrel-codec", may_use: &["spandrel-model"], never: NETWORK },
    Place {
        crate_name: "spandrel-storage",
        may_use: &["spandrel-model"],
        never: NETWORK_AND_SERDE,
    },
    Place {
        crate_name: "spandrel-query",
        may_use: &["spandrel-model", "spandrel-storage"],
        never: NETWORK,
    },
    Place { crate_name: "spandrel-corpus", may_use: &["spandrel-model"], never: NETWORK },
    Place { crate_name: "spandrel", may_use: &["spandrel-model", "spandrel-codec"], never: &[] },
    Place { crate_name: "spandrel-http", may_use: &["spandrel", "spandrel-model"], never: &[] },
    Place {
        crate_name: "spandrel-server",
        may_use: &[
            "spandrel-model",
            "spandrel-codec",
            "spandrel-storage",
            "spandrel-query",
            "spandrel-corpus",
            "spandrel",
            "spandrel-http",
        ],
        never: &[],
    },
    Place { crate_name: "article", may_use: &["spandrel", "spandrel-http"], never: &[] },
    // Development only: nothing that ships is above them.
    Place {
        crate_name: "testkit",
        may_use: &["spandrel-model", "spandrel-codec", "spandrel-storage", "spandrel-query"],
        never: &[],
    },
    Place { crate_name: "xtask", may_use: &[], never: &[] },
];

/// Finds dependencies that point up or sideways, and packages without a place or a description.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for package in &tree.packages {
        let manifest = format!("{}/Cargo.toml", package.folder);
        let Some(place) = PLACES.iter().find(|place| place.crate_name == package.name) else {
            let message = format!(
                "`{}` has no place in the order of crates; give it one in \
                 xtask/src/tidy/dependencies.rs and a section in ARCHITECTURE.md",
                package.name
            );
            findings.push(Finding::of_file(&manifest, message));
            continue;
        };
        if package.description.split_whitespace().count() < 3 {
            let message = "the description is no sentence; say what the crate is";
            findings.push(Finding::of_file(&manifest, message));
        }
        findings
            .extend(misplaced(package, place).map(|message| Finding::of_file(&manifest, message)));
    }
    findings
}

fn misplaced(package: &Package, place: &Place) -> impl Iterator<Item = String> {
    let is_ours = |name: &str| PLACES.iter().any(|place| place.crate_name == name);
    let allowed = if place.may_use.is_empty() { "none".into() } else { place.may_use.join(", ") };
    package.dependencies.iter().filter_map(move |needed| {
        if place.never.contains(&needed.as_str()) {
            return Some(format!("`{}` must not know `{needed}`", place.crate_name));
        }
        (is_ours(needed) && !place.may_use.contains(&needed.as_str())).then(|| {
            format!(
                "`{}` must not depend on `{needed}`; of our crates it may use: {allowed}",
                place.crate_name
            )
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(packages: &[(&str, &[&str])]) -> Vec<String> {
        check(&Tree::of_packages(packages)).into_iter().map(|finding| finding.to_string()).collect()
    }

    #[test]
    fn arrows_that_point_down_are_fine() {
        let found = messages(&[
            ("spandrel-model", &["base64"]),
            ("spandrel-codec", &["spandrel-model", "serde_json"]),
            ("spandrel-server", &["spandrel-query", "tokio"]),
        ]);
        assert_eq!(found, [""; 0]);
    }

    #[test]
    fn an_arrow_that_points_up_or_sideways_is_found() {
        let found = messages(&[
            ("spandrel-storage", &["spandrel-codec"]),
            ("spandrel", &["spandrel-server"]),
            ("spandrel-query", &["testkit"]),
        ]);
        assert_eq!(found.len(), 3, "{found:?}");
        assert_eq!(
            found[0],
            "crates/storage/Cargo.toml: `spandrel-storage` must not depend on `spandrel-codec`; \
             of our crates it may use: spandrel-model"
        );
    }

    #[test]
    fn a_crate_that_learns_of_the_network_is_found() {
        let found = messages(&[("spandrel-model", &["serde"]), ("spandrel-query", &["http"])]);
        assert_eq!(found.len(), 2, "{found:?}");
    }

    #[test]
    fn a_new_crate_needs_a_place_and_a_description() {
        assert!(messages(&[("spandrel-misc", &[])])[0].contains("no place"));
        let mut tree = Tree::of_packages(&[("xtask", &[])]);
        tree.packages[0].description = "DESC".into();
        assert_eq!(check(&tree).len(), 1);
    }
}
