//! The parameters of a question, read strictly: what can't be read is refused, not guessed.

use percent_encoding::percent_decode;
use spandrel_query::ZipkinQuery;

use crate::clock::Clock;
use crate::refusal::Refusal;

/// How many traces a search returns unless told (Zipkin's default).
pub(crate) const LIMIT_DEFAULT: i64 = 10;
/// How many traces a search returns however many are asked for: the answer is made in memory.
const LIMIT_MAX: i64 = 10_000;
/// How far back a search looks unless told: a day (Zipkin's QUERY_LOOKBACK).
const LOOKBACK_DEFAULT_MS: i64 = 86_400_000;

/// The decoded query string. Of a repeated parameter the first counts.
#[derive(Debug, Default)]
pub(crate) struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Decodes a query string.
    pub(crate) fn parse(query: Option<&str>) -> Result<Self, Refusal> {
        let mut parameters = Vec::new();
        for pair in query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            parameters.push((decode(name)?, decode(value)?));
        }
        Ok(Self(parameters))
    }

    /// Returns the parameter's text; an empty one is as good as none.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.given(name).filter(|value| !value.is_empty())
    }

    fn given(&self, name: &str) -> Option<&str> {
        let (_, value) = self.0.iter().find(|(known, _)| known == name)?;
        Some(value)
    }

    /// Returns every text of a parameter that may be repeated.
    pub(crate) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Returns the parameter's text, which must be there; Zipkin takes an empty one.
    pub(crate) fn required(&self, name: &str) -> Result<&str, Refusal> {
        self.given(name)
            .ok_or_else(|| Refusal::bad_request(format!("the parameter {name} is required")))
    }

    /// Returns the parameter as a whole number.
    pub(crate) fn number(&self, name: &str) -> Result<Option<i64>, Refusal> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let number = text.parse().map_err(|_not_a_number| {
            Refusal::bad_request(format!("the parameter {name} is no whole number of 64 bits"))
        })?;
        Ok(Some(number))
    }

    /// Whether a switch is on.
    pub(crate) fn switch(&self, name: &str) -> Result<bool, Refusal> {
        match self.text(name) {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => {
                Err(Refusal::bad_request(format!("the parameter {name} is neither true nor false")))
            }
        }
    }

    /// Reads Zipkin's search parameters.
    pub(crate) fn search(&self, clock: &dyn Clock) -> Result<ZipkinQuery, Refusal> {
        let owned = |name| self.text(name).map(str::to_owned);
        Ok(ZipkinQuery {
            service_name: owned("serviceName"),
            remote_service_name: owned("remoteServiceName"),
            span_name: owned("spanName"),
            annotation_query: owned("annotationQuery"),
            min_duration_us: self.number("minDuration")?,
            max_duration_us: self.number("maxDuration")?,
            end_ts_ms: self.number("endTs")?.unwrap_or_else(|| now_ms(clock)),
            lookback_ms: self.number("lookback")?.unwrap_or(LOOKBACK_DEFAULT_MS),
            limit: self.number("limit")?.unwrap_or(LIMIT_DEFAULT).min(LIMIT_MAX),
        })
    }

    /// Reads a window that ends at `end_ts_ms`: earliest and latest nanosecond.
    pub(crate) fn window_ns(&self, end_ts_ms: i64) -> Result<(u64, u64), Refusal> {
        let lookback_ms = self.number("lookback")?.unwrap_or(LOOKBACK_DEFAULT_MS);
        for (name, value) in [("endTs", end_ts_ms), ("lookback", lookback_ms)] {
            if value <= 0 {
                return Err(Refusal::bad_request(format!("{name} <= 0")));
            }
        }
        let to_ns = |ms: i64| u64::try_from(ms).unwrap_or(0).saturating_mul(1_000_000);
        Ok((to_ns(end_ts_ms.saturating_sub(lookback_ms)), to_ns(end_ts_ms)))
    }
}

/// The present in milliseconds since 1970, rounded up so that what just happened is before it.
pub(crate) fn now_ms(clock: &dyn Clock) -> i64 {
    i64::try_from(clock.now_ns().div_ceil(1_000_000)).unwrap_or(i64::MAX)
}

/// Decodes `+` and `%41`. A `%` without two digits, or bytes that are no UTF-8, are refused.
fn decode(text: &str) -> Result<String, Refusal> {
    let bad = || Refusal::bad_request("the query string is not percent-encoded UTF-8");
    let mut rest = text;
    while let Some((_, after)) = rest.split_once('%') {
        let digits = after.get(..2).ok_or_else(bad)?;
        if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(bad());
        }
        rest = after;
    }
    let spaced = text.replace('+', " ");
    let decoded = percent_decode(spaced.as_bytes()).decode_utf8().map_err(|_not_text| bad())?;
    Ok(decoded.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_decoded_and_the_first_of_a_name_counts() {
        let parameters = Parameters::parse(Some("a=x+y%2Bz&b=&a=2&%E4%B8%BB=1")).unwrap();
        assert_eq!(parameters.text("a"), Some("x y+z"));
        assert_eq!(parameters.text("b"), None);
        assert_eq!(parameters.required("b").unwrap(), "");
        assert!(parameters.required("c").is_err());
        assert_eq!(parameters.number("主").unwrap(), Some(1));
        assert!(parameters.number("a").is_err());
    }

    #[test]
    fn what_is_not_percent_encoded_utf8_is_refused() {
        for query in ["a=%ff", "a=%zz", "a=%4", "a=%"] {
            assert!(Parameters::parse(Some(query)).is_err(), "{query}");
        }
    }

    #[test]
    fn a_window_ends_where_it_should_and_starts_in_1970_at_the_earliest() {
        let window = |query| Parameters::parse(Some(query)).unwrap().window_ns(2_000);
        assert_eq!(window("lookback=500").unwrap(), (1_500_000_000, 2_000_000_000));
        assert_eq!(window("lookback=9223372036854775807").unwrap().0, 0);
        assert_eq!(window("lookback=0").unwrap_err().message, "lookback <= 0");
    }
}
