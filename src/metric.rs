//! Names of metrics.

/// `lockgate` and these parts, with dots between them.
pub(crate) fn metric(parts: &[&str]) -> String {
    ["lockgate.", &parts.join(".")].concat()
}

/// A name as part of a metric's name: statistics tags divide at dots.
pub(crate) fn segment(name: &str) -> String {
    name.chars().map(|letter| if letter.is_ascii_alphanumeric() || letter == '-' { letter } else { '_' }).collect()
}
