//! Figures, as a table and as JSON.

use serde_json::{Map, Value, json};

use super::clock::Times;

/// What one run measured.
#[derive(Debug, Default)]
pub(in crate::commands) struct Figures(Vec<Section>);

/// Figures of one subject.
#[derive(Debug)]
pub(in crate::commands) struct Section {
    title: &'static str,
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    name: String,
    value: f64,
    unit: &'static str,
}

impl Figures {
    pub(in crate::commands) fn push(&mut self, section: Section) {
        if !section.rows.is_empty() {
            self.0.push(section);
        }
    }

    /// The table's lines.
    pub(in crate::commands) fn lines(&self) -> impl Iterator<Item = String> {
        self.0.iter().flat_map(|section| {
            let width = section.rows.iter().map(|row| row.name.len()).max().unwrap_or(0);
            let row = move |row: &Row| {
                let value = written(row.value);
                format!("  {:width$}  {value:>14} {}", row.name, row.unit)
            };
            let title = [String::new(), section.title.to_owned()];
            title.into_iter().chain(section.rows.iter().map(row))
        })
    }

    /// The same, by subject and name, each with its unit.
    pub(in crate::commands) fn to_json(&self) -> Value {
        let rows = |section: &Section| -> Map<String, Value> {
            let row =
                |row: &Row| (row.name.clone(), json!({ "value": row.value, "unit": row.unit }));
            section.rows.iter().map(row).collect()
        };
        let sections =
            self.0.iter().map(|section| (section.title.to_owned(), rows(section).into()));
        Value::Object(sections.collect())
    }
}

impl Section {
    pub(in crate::commands) fn new(title: &'static str) -> Self {
        Self { title, rows: Vec::new() }
    }

    pub(in crate::commands) fn add(
        &mut self,
        name: impl Into<String>,
        value: f64,
        unit: &'static str,
    ) {
        self.rows.push(Row { name: name.into(), value, unit });
    }

    /// Adds the median and high percentiles of times.
    pub(in crate::commands) fn add_times(&mut self, name: &str, times: Times) {
        let wall = [("p50", 50), ("p95", 95), ("p99", 99), ("max", 100)];
        self.add_percentiles(name, times.wall_ns, &wall);
        let cpu = [("processor time, p50", 50), ("processor time, p99", 99)];
        self.add_percentiles(name, times.cpu_ns, &cpu);
    }

    fn add_percentiles(&mut self, name: &str, mut times_ns: Vec<u64>, wanted: &[(&str, usize)]) {
        times_ns.sort_unstable();
        let Some(last) = times_ns.len().checked_sub(1) else { return };
        for (title, of_100) in wanted {
            let place = (last * of_100).div_ceil(100);
            self.add(format!("{name}, {title}"), times_ns[place] as f64 / 1e6, "ms");
        }
    }
}

/// One number for each of so many; zero of none.
pub(in crate::commands) fn per(amount: u64, of: u64) -> f64 {
    if of == 0 { 0.0 } else { amount as f64 / of as f64 }
}

/// A number with four digits that count, or all before the point.
fn written(value: f64) -> String {
    let decimals = match value.abs() {
        0.0 => 0,
        _ if value.fract() == 0.0 => 0,
        size if size >= 1_000.0 => 0,
        size if size >= 100.0 => 1,
        size if size >= 10.0 => 2,
        _ => 3,
    };
    let text = format!("{value:.decimals$}");
    let whole_len = text.find('.').unwrap_or(text.len());
    let mut grouped = String::new();
    for (place, character) in text.chars().enumerate() {
        let is_third = place > 0 && place < whole_len && (whole_len - place) % 3 == 0;
        if is_third && !grouped.ends_with('-') {
            grouped.push(',');
        }
        grouped.push(character);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_digits_that_count() {
        let cases = [
            (0.0, "0"),
            (5_000_046.0, "5,000,046"),
            (1_234.5, "1,234"),
            (26.8123, "26.81"),
            (0.5, "0.500"),
            (-123_456.0, "-123,456"),
            (999.96, "1,000.0"),
        ];
        for (value, text) in cases {
            assert_eq!(written(value), text);
        }
    }

    #[test]
    fn percentiles_are_times_that_were_measured() {
        let mut section = Section::new("times");
        let times = |ms: std::ops::RangeInclusive<u64>| ms.map(|ms| ms * 1_000_000).rev().collect();
        section.add_times("t", Times { wall_ns: times(1..=1000), cpu_ns: times(1..=1) });
        let values: Vec<f64> = section.rows.iter().map(|row| row.value).collect();
        assert_eq!(values, [501.0, 951.0, 991.0, 1000.0, 1.0, 1.0]);
    }
}
