//! Jaeger's file of sampling strategies: what stands in it, checked, and what it means for a service.

use std::collections::HashMap;
use std::fmt;
use std::marker::PhantomData;
use std::path::Path;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// What a service without a word in the file samples, as Jaeger has it.
const PROBABILITY_DEFAULT: f64 = 0.001;

/// How much every service is to sample.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Strategies {
    default: Strategy,
    services: HashMap<String, Strategy>,
    /// Operations whose strategy is none that clients take.
    skipped_operations: usize,
}

/// How much a service is to sample.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Strategy {
    pub(crate) choice: Choice,
    /// For clients that know them, these come first.
    pub(crate) operations: Option<Operations>,
}

/// Which traces are sampled.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Choice {
    /// Each with this probability.
    Probability(f64),
    /// As many in a second.
    TracesPerSecond(i32),
}

/// Probabilities by operation.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Operations {
    pub(crate) default_probability: f64,
    pub(crate) probabilities: Vec<(String, f64)>,
}

impl Default for Strategies {
    /// Everything is sampled.
    fn default() -> Self {
        let default = Strategy { choice: Choice::Probability(1.0), operations: None };
        Self { default, services: HashMap::new(), skipped_operations: 0 }
    }
}

impl Strategies {
    /// Reads a file's text; an error says in which line what is wrong.
    pub(super) fn parse(text: &str) -> serde_json::Result<Self> {
        let file: File = serde_json::from_str(text)?;
        let mut skipped_operations = 0;
        let default = file.default_strategy.unwrap_or_default();
        let default = default.into_strategy(None, &mut skipped_operations).1;
        let entries = file.service_strategies.unwrap_or_default();
        let services = entries
            .into_iter()
            .map(|ServiceEntry(entry)| entry.into_strategy(Some(&default), &mut skipped_operations))
            .collect();
        Ok(Self { default, services, skipped_operations })
    }

    /// Returns what a service is to sample.
    pub(crate) fn of(&self, service: &str) -> &Strategy {
        self.services.get(service).unwrap_or(&self.default)
    }

    /// How many services are named.
    pub(crate) fn services(&self) -> usize {
        self.services.len()
    }

    /// Says what of the file has no effect.
    pub(super) fn warn(&self, path: &Path) {
        if self.skipped_operations > 0 {
            tracing::warn!(
                file = %path.display(),
                operations = self.skipped_operations,
                "operations are sampled by probability only: other strategies of theirs are skipped"
            );
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    default_strategy: Option<Entry>,
    service_strategies: Option<Vec<ServiceEntry>>,
}

#[derive(Clone, Default)]
struct Entry {
    service: String,
    choice: Option<Choice>,
    operations: Vec<OperationEntry>,
}

/// An entry that names its service.
struct ServiceEntry(Entry);

#[derive(Clone)]
struct OperationEntry {
    operation: String,
    choice: Choice,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenEntry {
    service: Option<String>,
    r#type: Option<String>,
    param: Option<f64>,
    operation_strategies: Option<Vec<OperationEntry>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenOperation {
    operation: String,
    r#type: String,
    param: f64,
}

/// Reads an object as it is written and checks it before its end is read: so the error's line is
/// the object's, which it is not with serde's own `try_from`.
struct Checked<W, T>(PhantomData<(W, T)>);

impl<'de, W, T> Visitor<'de> for Checked<W, T>
where
    W: Deserialize<'de>,
    T: TryFrom<W, Error = String>,
{
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a strategy")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        let written = W::deserialize(MapAccessDeserializer::new(map))?;
        T::try_from(written).map_err(A::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Entry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Checked::<WrittenEntry, Self>(PhantomData))
    }
}

impl<'de> Deserialize<'de> for ServiceEntry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Checked::<WrittenEntry, Self>(PhantomData))
    }
}

impl<'de> Deserialize<'de> for OperationEntry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Checked::<WrittenOperation, Self>(PhantomData))
    }
}

impl TryFrom<WrittenEntry> for Entry {
    type Error = String;

    fn try_from(written: WrittenEntry) -> Result<Self, String> {
        let choice = match (written.r#type, written.param) {
            (Some(kind), Some(param)) => Some(choice_of(&kind, param)?),
            (Some(kind), None) => return Err(format!("the strategy `{kind}` has no param")),
            (None, Some(_)) => return Err("a param without a type says nothing".to_owned()),
            (None, None) => None,
        };
        let operations = written.operation_strategies.unwrap_or_default();
        Ok(Self { service: written.service.unwrap_or_default(), choice, operations })
    }
}

impl TryFrom<WrittenEntry> for ServiceEntry {
    type Error = String;

    fn try_from(written: WrittenEntry) -> Result<Self, String> {
        if written.service.as_deref().unwrap_or_default().is_empty() {
            return Err("a service's strategy names no service".to_owned());
        }
        Entry::try_from(written).map(Self)
    }
}

impl TryFrom<WrittenOperation> for OperationEntry {
    type Error = String;

    fn try_from(written: WrittenOperation) -> Result<Self, String> {
        let choice = choice_of(&written.r#type, written.param)?;
        Ok(Self { operation: written.operation, choice })
    }
}

fn choice_of(kind: &str, param: f64) -> Result<Choice, String> {
    match kind {
        "probabilistic" if (0.0..=1.0).contains(&param) => Ok(Choice::Probability(param)),
        "probabilistic" => Err(format!("the probability {param} is not from 0 to 1")),
        "ratelimiting" if param.fract() == 0.0 && (0.0..=f64::from(i32::MAX)).contains(&param) => {
            #[expect(clippy::cast_possible_truncation, reason = "it was looked at just now")]
            let rate = param as i32;
            Ok(Choice::TracesPerSecond(rate))
        }
        "ratelimiting" => {
            Err(format!("{param} traces a second is no whole number from 0 to {}", i32::MAX))
        }
        _ => Err(format!("the type `{kind}` is neither probabilistic nor ratelimiting")),
    }
}

impl Entry {
    /// Returns the service and what it samples. Operations that only the default names count for
    /// a service, too.
    fn into_strategy(self, default: Option<&Strategy>, skipped: &mut usize) -> (String, Strategy) {
        let choice = self.choice.unwrap_or_else(|| {
            default.map_or(Choice::Probability(PROBABILITY_DEFAULT), |default| default.choice)
        });
        let default_probability = match choice {
            Choice::Probability(probability) => probability,
            Choice::TracesPerSecond(_) => PROBABILITY_DEFAULT,
        };
        let mut probabilities: Vec<(String, f64)> = Vec::new();
        for OperationEntry { operation, choice } in self.operations {
            match choice {
                Choice::Probability(probability) => probabilities.push((operation, probability)),
                Choice::TracesPerSecond(_) => *skipped += 1,
            }
        }
        let of_default = default.and_then(|default| default.operations.as_ref());
        if let Some(of_default) = of_default {
            let named: Vec<String> = probabilities.iter().map(|(name, _)| name.clone()).collect();
            let missing = of_default.probabilities.iter().filter(|(name, _)| !named.contains(name));
            probabilities.extend(missing.cloned());
        }
        let operations = (!probabilities.is_empty())
            .then_some(Operations { default_probability, probabilities });
        (self.service, Strategy { choice, operations })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_has_its_own_strategy_and_the_defaults_operations_beside_its_own() {
        let text = r#"{
            "service_strategies": [
                {"service": "shop", "type": "probabilistic", "param": 0.8,
                 "operation_strategies": [
                    {"operation": "pay", "type": "probabilistic", "param": 0.2},
                    {"operation": "slow", "type": "ratelimiting", "param": 5}]},
                {"service": "mail", "type": "ratelimiting", "param": 5}],
            "default_strategy": {"type": "probabilistic", "param": 0.5,
                "operation_strategies": [
                    {"operation": "/health", "type": "probabilistic", "param": 0.0},
                    {"operation": "pay", "type": "probabilistic", "param": 0.9}]}
        }"#;
        let strategies = Strategies::parse(text).unwrap();
        let operations = |default_probability, named: &[(&str, f64)]| {
            let probabilities = named.iter().map(|(name, p)| ((*name).to_owned(), *p)).collect();
            Some(Operations { default_probability, probabilities })
        };
        let shop = strategies.of("shop");
        assert_eq!(shop.choice, Choice::Probability(0.8));
        assert_eq!(shop.operations, operations(0.8, &[("pay", 0.2), ("/health", 0.0)]));
        let mail = strategies.of("mail");
        assert_eq!(mail.choice, Choice::TracesPerSecond(5));
        assert_eq!(mail.operations, operations(0.001, &[("/health", 0.0), ("pay", 0.9)]));
        assert_eq!(strategies.of("other").choice, Choice::Probability(0.5));
        assert_eq!((strategies.services(), strategies.skipped_operations), (2, 1));
        let silent = Strategies::parse("{}").unwrap();
        assert_eq!(silent.of("shop").choice, Choice::Probability(0.001));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        for (text, reason) in [
            ("{\n\"default\": {}}", "unknown field `default`"),
            ("{\"default_strategy\":\n{\"type\": \"probabilistic\", \"param\": 2}}", "from 0 to 1"),
            ("{\"default_strategy\":\n{\"type\": \"ratelimiting\", \"param\": 0.5}}", "whole"),
            ("{\"default_strategy\":\n{\"type\": \"adaptive\", \"param\": 1}}", "neither"),
            ("{\"default_strategy\":\n{\"type\": \"probabilistic\"}}", "has no param"),
            (
                "{\"service_strategies\":[\n{\"type\": \"probabilistic\", \"param\": 1}]}",
                "names no",
            ),
            ("{\"default_strategy\":\n{\"type\": \"x\", \"param\": 1}\n\n\n}", "neither"),
            ("{\n", "EOF"),
        ] {
            let error = Strategies::parse(text).unwrap_err().to_string();
            assert!(error.contains(reason) && error.contains("line 2"), "{error}");
        }
    }
}
