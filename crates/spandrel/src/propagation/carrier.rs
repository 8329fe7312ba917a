//! Carriers: what headers are written to and read from.

use std::collections::{BTreeMap, HashMap};
use std::hash::BuildHasher;

/// Takes the headers of an outgoing request or message.
pub trait InjectCarrier {
    /// Sets a header, over an older one of the same name. A header that the carrier cannot hold
    /// is left out.
    fn set(&mut self, key: &str, value: &str);
}

/// Gives the headers of an incoming request or message. Names are compared without regard to
/// ASCII case.
pub trait ExtractCarrier {
    /// Shows every value of one header, in order; `key` is in lower case.
    fn values(&self, key: &str, visit: &mut dyn FnMut(&str));

    /// Shows every header.
    fn entries(&self, visit: &mut dyn FnMut(&str, &str));
}

fn visit_matching<'a>(
    entries: impl Iterator<Item = (&'a str, &'a str)>,
    key: &str,
    visit: &mut dyn FnMut(&str),
) {
    for (name, value) in entries {
        if name.eq_ignore_ascii_case(key) {
            visit(value);
        }
    }
}

impl<S: BuildHasher> InjectCarrier for HashMap<String, String, S> {
    fn set(&mut self, key: &str, value: &str) {
        self.insert(key.to_owned(), value.to_owned());
    }
}

impl<S: BuildHasher> ExtractCarrier for HashMap<String, String, S> {
    fn values(&self, key: &str, visit: &mut dyn FnMut(&str)) {
        visit_matching(self.iter().map(|(name, value)| (&**name, &**value)), key, visit);
    }

    fn entries(&self, visit: &mut dyn FnMut(&str, &str)) {
        self.iter().for_each(|(name, value)| visit(name, value));
    }
}

impl InjectCarrier for BTreeMap<String, String> {
    fn set(&mut self, key: &str, value: &str) {
        self.insert(key.to_owned(), value.to_owned());
    }
}

impl ExtractCarrier for BTreeMap<String, String> {
    fn values(&self, key: &str, visit: &mut dyn FnMut(&str)) {
        visit_matching(self.iter().map(|(name, value)| (&**name, &**value)), key, visit);
    }

    fn entries(&self, visit: &mut dyn FnMut(&str, &str)) {
        self.iter().for_each(|(name, value)| visit(name, value));
    }
}

impl InjectCarrier for Vec<(String, String)> {
    fn set(&mut self, key: &str, value: &str) {
        self.retain(|(name, _)| !name.eq_ignore_ascii_case(key));
        self.push((key.to_owned(), value.to_owned()));
    }
}

impl ExtractCarrier for Vec<(String, String)> {
    fn values(&self, key: &str, visit: &mut dyn FnMut(&str)) {
        visit_matching(self.iter().map(|(name, value)| (&**name, &**value)), key, visit);
    }

    fn entries(&self, visit: &mut dyn FnMut(&str, &str)) {
        self.iter().for_each(|(name, value)| visit(name, value));
    }
}

#[cfg(feature = "http")]
impl InjectCarrier for http::HeaderMap {
    fn set(&mut self, key: &str, value: &str) {
        let name = http::HeaderName::try_from(key);
        let value = http::HeaderValue::try_from(value);
        if let (Ok(name), Ok(value)) = (name, value) {
            // The map's own limit on entries may refuse it; then the header is left out.
            let _ = self.try_insert(name, value);
        }
    }
}

#[cfg(feature = "http")]
impl ExtractCarrier for http::HeaderMap {
    fn values(&self, key: &str, visit: &mut dyn FnMut(&str)) {
        for value in self.get_all(key) {
            if let Ok(value) = std::str::from_utf8(value.as_bytes()) {
                visit(value);
            }
        }
    }

    fn entries(&self, visit: &mut dyn FnMut(&str, &str)) {
        for (name, value) in self {
            if let Ok(value) = std::str::from_utf8(value.as_bytes()) {
                visit(name.as_str(), value);
            }
        }
    }
}
