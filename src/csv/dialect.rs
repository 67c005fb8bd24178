//! What a media type says of a table.

use super::error::Fault;

/// How fields are separated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// By a comma, semicolon, tab or vertical bar: the one kind that the header row has outside quotation marks.
    Detect,
    /// By tabs.
    Tabs,
}

/// Names that CSV goes by.
const COMMA: [&str; 6] = [
    "text/csv",
    "application/csv",
    "text/x-csv",
    "application/x-csv",
    "text/comma-separated-values",
    "text/x-comma-separated-values",
];

impl Dialect {
    /// Reads a media type in lower case, without and with its parameters (RFC 4180, section 3). `None`: no table.
    ///
    /// # Errors
    /// [`Fault::NoHeader`] when it says so, [`Fault::Parameter`] for every parameter but `charset` (which the caller
    /// must have checked), `header=present` and the name of a file: programs write the separator, the quotation mark and
    /// more in parameters of their own making.
    pub fn of_media_type(essence: &str, parameters: &str) -> Option<Result<Self, Fault>> {
        let dialect = if COMMA.contains(&essence) {
            Self::Detect
        } else if essence == "text/tab-separated-values" {
            Self::Tabs
        } else {
            return None;
        };
        let mut faults = parameters.split(';').filter_map(|parameter| {
            let parameter = parameter.trim_matches([' ', '\t']);
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            match (name.trim(), value.trim().trim_matches('"')) {
                ("charset" | "name" | "filename", _) | ("header", "present") => None,
                ("header", _) => Some(Fault::NoHeader),
                ("", "") => None,
                _ => Some(Fault::Parameter),
            }
        });
        Some(faults.next().map_or(Ok(dialect), Err))
    }
}

#[cfg(test)]
mod tests {
    use super::{Dialect, Fault};

    #[test]
    fn media_types_are_read_strictly() {
        let cases = [
            ("text/csv", "", Some(Ok(Dialect::Detect))),
            ("text/csv", "charset=utf-8", Some(Ok(Dialect::Detect))),
            ("text/csv", " charset=utf-8; header=present", Some(Ok(Dialect::Detect))),
            ("text/csv", "header=\"present\"; name=\"export.csv\"", Some(Ok(Dialect::Detect))),
            ("application/csv", "", Some(Ok(Dialect::Detect))),
            ("text/tab-separated-values", "", Some(Ok(Dialect::Tabs))),
            ("text/csv", "header=absent", Some(Err(Fault::NoHeader))),
            ("text/csv", "header=\"absent\"", Some(Err(Fault::NoHeader))),
            ("text/csv", "header=present; header=absent", Some(Err(Fault::NoHeader))),
            ("text/csv", "header=absent; header=present", Some(Err(Fault::NoHeader))),
            ("text/csv", "header", Some(Err(Fault::NoHeader))),
            ("text/csv", "header*=absent", Some(Err(Fault::Parameter))),
            ("text/csv", "delimiter=\";\"", Some(Err(Fault::Parameter))),
            ("text/csv", "escape=\\", Some(Err(Fault::Parameter))),
            ("text/tab-separated-values", "header=absent", Some(Err(Fault::NoHeader))),
            ("text/plain", "header=absent", None),
            ("application/json", "", None),
        ];
        for (essence, parameters, want) in cases {
            assert_eq!(Dialect::of_media_type(essence, parameters), want, "{essence};{parameters}");
        }
    }
}
