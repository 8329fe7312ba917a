//! docs/api.md says what the server answers: its examples are parts of real answers.

use serde_json::Value;
use tempfile::tempdir;

use crate::article::{SHARED, post_capture};
use crate::server::Server;

const PAGE: &str = include_str!("../../../../docs/api.md");

/// The page's examples: the path that is asked, and what is answered.
fn examples() -> Vec<(&'static str, Value)> {
    let asked = PAGE.split("curl -s '127.0.0.1:9411").skip(1);
    let example = |rest: &'static str| {
        let (path, rest) = rest.split_once('\'').expect("a quoted address");
        let (_, rest) = rest.split_once("```json\n").expect("an answer");
        let (json, _) = rest.split_once("\n```").expect("an end of the answer");
        (path, serde_json::from_str(json).unwrap_or_else(|error| panic!("{path}: {error}")))
    };
    asked.map(example).collect()
}

/// Whether a shortened value is a part of a whole one: members and entries may be left out.
fn is_part(part: &Value, whole: &Value) -> bool {
    match (part, whole) {
        (Value::Object(part), Value::Object(whole)) => {
            part.iter().all(|(key, part)| whole.get(key).is_some_and(|whole| is_part(part, whole)))
        }
        (Value::Array(part), Value::Array(whole)) => {
            let mut rest = whole.iter();
            part.iter().all(|part| rest.any(|whole| is_part(part, whole)))
        }
        (part, whole) => part == whole,
    }
}

#[test]
fn every_example_is_a_part_of_the_real_answer() {
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    post_capture(&server, &SHARED);
    let examples = examples();
    assert_eq!(examples.len(), PAGE.matches("## `GET ").count(), "one for each section");
    for (path, example) in examples {
        let answer = server.get(path).json();
        assert!(is_part(&example, &answer), "{path} answers {answer}");
        // What is not shortened to a part names every member that there is.
        let members = answer.as_object().expect("an object").keys();
        for member in members {
            assert!(
                PAGE.contains(&format!("`{member}`")) || example.get(member).is_some(),
                "{member}"
            );
        }
    }
}
