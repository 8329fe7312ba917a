//! Zipkin's search parameters, and the expression that they compile to.
//!
//! Names and texts follow `GET /api/v2/traces` of openzipkin/zipkin (`QueryRequest.java`):
//! each condition may be met by another span, but when a service is named, every one must be
//! met by a span of that service.

use spandrel_storage::{AttributeScope, Predicate, TextTest, ValueTest, attribute_prints_as};

use crate::expression::{Condition, Spanset};
use crate::search::TraceSearch;

/// How many parts an annotation query may have (Zipkin's own limit).
const ANNOTATION_QUERY_PARTS_MAX: usize = 100;

/// The parameters of one search, as Zipkin names them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZipkinQuery {
    /// The emitting service of every condition.
    pub service_name: Option<String>,
    /// A service at the other side of a span.
    pub remote_service_name: Option<String>,
    /// A span's name; `all` stands for any.
    pub span_name: Option<String>,
    /// `key`, `key=value`, joined by ` and `.
    pub annotation_query: Option<String>,
    /// The shortest duration of a span, in microseconds.
    pub min_duration_us: Option<i64>,
    /// The longest duration of a span, in microseconds.
    pub max_duration_us: Option<i64>,
    /// The latest start of a trace, in milliseconds since 1970.
    pub end_ts_ms: i64,
    /// How far before that a trace may start, in milliseconds.
    pub lookback_ms: i64,
    /// How many traces at the most.
    pub limit: i64,
}

/// Why parameters are no search: the asker's fault. The texts are Zipkin's where it has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ZipkinQueryError {
    /// The end is not positive.
    #[error("endTs <= 0")]
    EndTs,
    /// The limit is not positive.
    #[error("limit <= 0")]
    Limit,
    /// The look-back is not positive.
    #[error("lookback <= 0")]
    Lookback,
    /// The shortest duration is not positive.
    #[error("minDuration <= 0")]
    MinDuration,
    /// The durations are the wrong way round.
    #[error("maxDuration < minDuration")]
    Durations,
    /// A longest duration needs a shortest one.
    #[error("maxDuration is only valid with minDuration")]
    MaxDurationAlone,
    /// The annotation query is too long.
    #[error("annotationQuery has {parts} parts, more than {ANNOTATION_QUERY_PARTS_MAX}")]
    AnnotationQuery {
        /// How many parts it has.
        parts: usize,
    },
}

impl ZipkinQuery {
    /// Compiles the parameters to a search.
    ///
    /// # Errors
    ///
    /// Returns which parameter is out of its range.
    pub fn compile(&self) -> Result<TraceSearch, ZipkinQueryError> {
        self.check()?;
        let conditions = self.conditions()?;
        let service = folded(self.service_name.as_deref()).map(service_is);
        let of_service = |condition: Condition| {
            let both = service.iter().cloned().chain([condition]).collect();
            Spanset::Filter(Condition::All(both))
        };
        let expression = match conditions.into_iter().map(of_service).reduce(Spanset::and) {
            Some(expression) => expression,
            None => Spanset::Filter(Condition::All(service.into_iter().collect())),
        };
        Ok(TraceSearch {
            expression,
            start_min_ns: ms_to_ns(self.end_ts_ms.saturating_sub(self.lookback_ms)),
            start_max_ns: ms_to_ns(self.end_ts_ms),
            limit: usize::try_from(self.limit).unwrap_or(usize::MAX),
        })
    }

    fn check(&self) -> Result<(), ZipkinQueryError> {
        if self.end_ts_ms <= 0 {
            return Err(ZipkinQueryError::EndTs);
        }
        if self.limit <= 0 {
            return Err(ZipkinQueryError::Limit);
        }
        if self.lookback_ms <= 0 {
            return Err(ZipkinQueryError::Lookback);
        }
        match (self.min_duration_us, self.max_duration_us) {
            (Some(min), _) if min <= 0 => Err(ZipkinQueryError::MinDuration),
            (Some(min), Some(max)) if max < min => Err(ZipkinQueryError::Durations),
            (None, Some(_)) => Err(ZipkinQueryError::MaxDurationAlone),
            _ => Ok(()),
        }
    }

    /// The conditions besides the service, each of which some span must meet.
    fn conditions(&self) -> Result<Vec<Condition>, ZipkinQueryError> {
        let mut conditions = Vec::new();
        if let Some(name) = folded(self.remote_service_name.as_deref()) {
            let test = TextTest::EqualsFolded(name);
            conditions.push(Condition::Test(Predicate::RemoteServiceName(test)));
        }
        if let Some(name) = folded(self.span_name.as_deref())
            && name != "all"
        {
            conditions.push(Condition::Test(Predicate::SpanName(TextTest::EqualsFolded(name))));
        }
        for (key, value) in parse_annotation_query(self.annotation_query.as_deref())? {
            conditions.push(annotation_condition(&key, value.as_deref()));
        }
        if let Some(min_us) = self.min_duration_us {
            let max = self.max_duration_us.map_or(u64::MAX, us_to_ns);
            conditions.push(Condition::Test(Predicate::DurationNs { min: us_to_ns(min_us), max }));
        }
        Ok(conditions)
    }
}

/// A name as it is compared: in lower case, and absent when empty.
fn folded(name: Option<&str>) -> Option<String> {
    name.filter(|name| !name.is_empty()).map(str::to_lowercase)
}

fn service_is(folded_name: String) -> Condition {
    Condition::Test(Predicate::ServiceName(TextTest::EqualsFolded(folded_name)))
}

/// A bare key is an event's text or a tag's key; with a value it is exactly that tag.
fn annotation_condition(key: &str, value: Option<&str>) -> Condition {
    if let Some(value) = value {
        return Condition::Test(attribute_prints_as(key, value));
    }
    let event = Predicate::EventName(TextTest::Equals(key.to_owned()));
    let tag = Predicate::Attribute {
        scope: AttributeScope::Span,
        key: key.to_owned(),
        test: ValueTest::Exists,
    };
    Condition::Any(vec![Condition::Test(event), Condition::Test(tag)])
}

/// Splits `error and http.path=/foo` into keys with their values, in the order of first
/// mention. A later value of a key wins; a bare key never takes a value away.
fn parse_annotation_query(
    text: Option<&str>,
) -> Result<Vec<(String, Option<String>)>, ZipkinQueryError> {
    let text = text.unwrap_or_default();
    let parts = text.split(" and ").count();
    if parts > ANNOTATION_QUERY_PARTS_MAX {
        return Err(ZipkinQueryError::AnnotationQuery { parts });
    }
    let mut entries: Vec<(String, Option<String>)> = Vec::new();
    for part in text.split(" and ") {
        let (key, value) = part.split_once('=').unwrap_or((part, ""));
        let (key, value) = (key.trim(), value.trim());
        if key.is_empty() {
            continue;
        }
        let value = (!value.is_empty()).then(|| value.to_owned());
        match entries.iter_mut().find(|(known, _)| known == key) {
            Some((_, known_value)) if value.is_some() => *known_value = value,
            Some(_) => {}
            None => entries.push((key.to_owned(), value)),
        }
    }
    Ok(entries)
}

/// Milliseconds since 1970 to nanoseconds; a time before 1970 is 1970, one past 2554 is that.
fn ms_to_ns(ms: i64) -> u64 {
    u64::try_from(ms).unwrap_or(0).saturating_mul(1_000_000)
}

fn us_to_ns(us: i64) -> u64 {
    u64::try_from(us).unwrap_or(0).saturating_mul(1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query() -> ZipkinQuery {
        ZipkinQuery {
            service_name: None,
            remote_service_name: None,
            span_name: None,
            annotation_query: None,
            min_duration_us: None,
            max_duration_us: None,
            end_ts_ms: 2_000,
            lookback_ms: 1_500,
            limit: 10,
        }
    }

    fn parsed(text: &str) -> Vec<(String, Option<String>)> {
        parse_annotation_query(Some(text)).unwrap()
    }

    fn entry(key: &str, value: Option<&str>) -> (String, Option<String>) {
        (key.to_owned(), value.map(str::to_owned))
    }

    #[test]
    fn parameters_out_of_range_are_refused_in_zipkins_words() {
        type Change = fn(&mut ZipkinQuery);
        let cases: [(Change, &str); 7] = [
            (|query| query.end_ts_ms = 0, "endTs <= 0"),
            (|query| query.limit = -1, "limit <= 0"),
            (|query| query.lookback_ms = 0, "lookback <= 0"),
            (|query| query.min_duration_us = Some(0), "minDuration <= 0"),
            (
                |query| {
                    query.min_duration_us = Some(10);
                    query.max_duration_us = Some(5);
                },
                "maxDuration < minDuration",
            ),
            (|query| query.max_duration_us = Some(5), "maxDuration is only valid with minDuration"),
            (
                |query| query.annotation_query = Some(["a"; 101].join(" and ")),
                "annotationQuery has 101 parts, more than 100",
            ),
        ];
        for (change, text) in cases {
            let mut query = query();
            change(&mut query);
            assert_eq!(query.compile().unwrap_err().to_string(), text);
        }
    }

    #[test]
    fn the_annotation_query_splits_as_zipkins_does() {
        assert_eq!(parsed(""), []);
        assert_eq!(parsed(" error "), [entry("error", None)]);
        assert_eq!(
            parsed("error and http.path= /a=b  and x="),
            [entry("error", None), entry("http.path", Some("/a=b")), entry("x", None)]
        );
        assert_eq!(parsed("k=1 and k=2 and k"), [entry("k", Some("2"))]);
        assert_eq!(parsed("=1 and  and "), []);
    }

    #[test]
    fn with_a_service_every_condition_is_the_services() {
        let mut query = query();
        query.service_name = Some("Client".to_owned());
        query.span_name = Some("GET".to_owned());
        query.min_duration_us = Some(3);
        let filters = query.compile().unwrap().expression.necessary_filters();
        let service = Predicate::ServiceName(TextTest::EqualsFolded("client".to_owned()));
        assert_eq!(filters.len(), 2);
        assert!(filters.iter().all(|filter| filter.predicates.first() == Some(&service)));
    }

    #[test]
    fn the_window_ends_at_end_ts_and_never_starts_before_1970() {
        let search = query().compile().unwrap();
        assert_eq!((search.start_min_ns, search.start_max_ns), (500_000_000, 2_000_000_000));
        let mut query = query();
        query.lookback_ms = i64::MAX;
        assert_eq!(query.compile().unwrap().start_min_ns, 0);
    }

    #[test]
    fn the_span_name_all_and_empty_names_ask_for_nothing() {
        let mut query = query();
        query.span_name = Some("all".to_owned());
        query.service_name = Some(String::new());
        assert_eq!(query.compile().unwrap().expression, Spanset::every_span());
    }
}
