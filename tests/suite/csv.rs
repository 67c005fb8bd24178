//! The streaming CSV editor against the `csv` crate's reading of the same tables.

use std::fmt::Write as _;

use lockgate::csv::{Dialect, Edit, Editor, Error, Judge, Limits, Spellings, Verdict};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use crate::bodies::{SECRET, wounds};
use crate::editor::{has_secret, split};

/// Takes columns as the default lists would, by removal or replacement.
struct ByWords {
    replace: bool,
}

const REPLACEMENT: &str = "gone, \"really\"";

fn is_taken(name: &Spellings) -> bool {
    name.iter().any(|spelling| ["unit_cost", "margin", "größe_marge"].contains(&spelling))
}

impl Judge for ByWords {
    fn judge(&mut self, name: &Spellings) -> Verdict {
        match (is_taken(name), self.replace) {
            (false, _) => Verdict::Keep,
            (true, false) => Verdict::Remove,
            (true, true) => Verdict::Replace(3),
        }
    }

    fn replacement(&self, number: u32) -> &[u8] {
        assert_eq!(number, 3);
        br#""gone, \"really\"""#
    }
}

/// What was written before any error, what the failed call would have written, and how it ended.
#[derive(Debug, PartialEq)]
struct Edited {
    written: Vec<u8>,
    unsent: Vec<u8>,
    end: Result<(), Error>,
}

fn edit_with<'a>(chunks: impl Iterator<Item = &'a [u8]>, judge: &mut impl Judge) -> Edited {
    let mut editor = Editor::new(Dialect::Detect, Limits::default());
    let mut written = Vec::new();
    for chunk in chunks {
        let mut out = Vec::new();
        match editor.push(chunk, judge, &mut out) {
            Ok(Edit::Unchanged) => {
                assert!(out.is_empty(), "unchanged, and yet something was written");
                written.extend_from_slice(chunk);
            }
            Ok(Edit::Replaced) => written.append(&mut out),
            Err(error) => {
                assert!(editor.push(b"more", judge, &mut Vec::new()).is_err(), "errors are final");
                return Edited { written, unsent: out, end: Err(error) };
            }
        }
    }
    let mut out = Vec::new();
    match editor.finish(judge, &mut out) {
        Ok(edit) => {
            assert_eq!(edit == Edit::Replaced, !out.is_empty());
            written.append(&mut out);
            Edited { written, unsent: out, end: Ok(()) }
        }
        Err(error) => Edited { written, unsent: out, end: Err(error) },
    }
}

fn edit<'a>(chunks: impl Iterator<Item = &'a [u8]>, replace: bool) -> Edited {
    edit_with(chunks, &mut ByWords { replace })
}

fn whole(body: &[u8], replace: bool) -> Edited {
    edit(std::iter::once(body), replace)
}

/// Names with whether they are taken.
const NAMES: [(&str, bool); 11] = [
    ("id", false),
    ("Name", false),
    ("unit_cost2", false),
    ("größe", false),
    ("a \"b\", c; d | e", false),
    ("line\nbreak", false),
    ("unit_cost", true),
    ("Unit Cost", true),
    (" UNIT-COST ", true),
    ("'Margin'", true),
    ("Größe, Marge", true),
];

const VALUES: [&str; 14] = [
    "",
    "0",
    "12.50",
    "a",
    " spaced ",
    "plain text that is longer than sixteen bytes",
    "漢字 é 😀",
    "a,b",
    "a;b|c",
    "say \"no\"",
    "\"",
    "two\r\nlines\n\r",
    "C:\\dir\\x",
    "unit_cost",
];

/// A table as it is meant, and the way to write it.
#[derive(Clone, Debug)]
struct Table {
    names: Vec<(&'static str, bool)>,
    rows: Vec<Vec<(&'static str, bool)>>,
    separator: u8,
    line_end: &'static str,
    mark: bool,
    ended: bool,
}

impl Table {
    fn write(&self) -> Vec<u8> {
        let separator = char::from(self.separator);
        let mut text = String::from(if self.mark { "\u{feff}" } else { "" });
        let line = |cells: Vec<String>| cells.join(&separator.to_string());
        let names = self.names.iter().enumerate().map(|(n, &(name, _))| self.cell(name, n % 2 == 1));
        text.push_str(&line(names.collect()));
        for row in &self.rows {
            text.push_str(self.line_end);
            let cells = row.iter().zip(&self.names).map(|(&(value, quoted), &(_, taken))| {
                let secret = format!("{SECRET}{value}");
                self.cell(if taken { &secret } else { value }, quoted || row.len() == 1)
            });
            text.push_str(&line(cells.collect()));
        }
        if self.ended {
            text.push_str(self.line_end);
        }
        text.into_bytes()
    }

    /// A cell with quotation marks where they must be or may be.
    fn cell(&self, text: &str, quoted: bool) -> String {
        // A lone column has no separator of its own.
        let marks = [',', ';', '|', '"', '\r', '\n'];
        if quoted || text.contains(marks) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
    }

    /// What is left of it.
    fn projection(&self, replace: bool) -> Vec<Vec<String>> {
        let rows = self.rows.iter().map(|row| row.iter().map(|&(value, _)| value).collect::<Vec<_>>());
        let names = self.names.iter().map(|&(name, _)| name).collect::<Vec<_>>();
        let mut lines: Vec<Vec<String>> = Vec::new();
        for (n, line) in std::iter::once(names).chain(rows).enumerate() {
            let cells = line.into_iter().zip(&self.names).filter(|&(_, &(_, taken))| replace || !taken);
            let cells = cells.map(|(value, &(_, taken))| if taken && n > 0 { REPLACEMENT } else { value });
            lines.push(cells.map(str::to_owned).collect());
        }
        lines.retain(|line| !line.is_empty());
        lines
    }
}

fn table() -> impl Strategy<Value = Table> {
    let names = vec(select(&NAMES[..]), 1..7);
    let form = (select(&b",;|"[..]), select(&["\n", "\r\n", "\r"][..]), prop::bool::weighted(0.1), any::<bool>());
    (names, form).prop_flat_map(|(names, (separator, line_end, mark, ended))| {
        let row = vec((select(&VALUES[..]), any::<bool>()), names.len());
        vec(row, 0..8).prop_map(move |rows| Table { names: names.clone(), rows, separator, line_end, mark, ended })
    })
}

/// What another reader finds in the bytes.
fn read(bytes: &[u8], separator: u8) -> Vec<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).delimiter(separator).from_reader(bytes);
    reader.records().map(|record| record.unwrap().iter().map(str::to_owned).collect()).collect()
}

/// A table's separator, and the table with a few bytes changed, cut out or put in: mostly broken.
fn damaged() -> impl Strategy<Value = (u8, Vec<u8>)> {
    let special = b"\",;\t|\r\n\\ a0\x00\x1f\x7f\x80\xbf\xc3\xe2\xed\xf0\xff";
    (table(), wounds(special)).prop_map(|(table, wounds)| (table.separator, wounds.inflict(table.write())))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn every_split_equals_one_chunk(table in table(), places in vec(any::<Index>(), 0..12), replace: bool) {
        let body = table.write();
        let want = whole(&body, replace);
        prop_assert_eq!(want.end, Ok(()), "{}", String::from_utf8_lossy(&body));
        prop_assert_eq!(&edit(split(&body, &places).into_iter(), replace), &want);
        prop_assert_eq!(edit(body.chunks(1), replace), want);
    }

    #[test]
    fn every_split_of_a_broken_table_fails_at_the_same_place((_, body) in damaged(), places in vec(any::<Index>(), 0..12), replace: bool) {
        let want = whole(&body, replace);
        for other in [edit(split(&body, &places).into_iter(), replace), edit(body.chunks(1), replace)] {
            prop_assert_eq!(other.end, want.end);
            if want.end.is_ok() {
                prop_assert_eq!(&other.written, &want.written);
            } else {
                // What went on before the error is the beginning of what one chunk would have given.
                prop_assert!(want.unsent.starts_with(&other.written) || other.written.starts_with(&want.unsent));
            }
        }
    }

    #[test]
    fn another_reader_finds_the_columns_that_are_left(table in table(), replace: bool) {
        let body = table.write();
        let out = whole(&body, replace).written;
        prop_assert!(!has_secret(&out));
        prop_assert_eq!(read(&out, table.separator), table.projection(replace), "{}", String::from_utf8_lossy(&body));
    }

    #[test]
    fn no_secret_is_written_of_a_table_that_is_cut(table in table(), places in vec(any::<Index>(), 0..12), cut in any::<Index>(), replace: bool) {
        let body = table.write();
        let cut = &body[..cut.index(body.len() + 1)];
        let edited = edit(split(cut, &places).into_iter(), replace);
        prop_assert!(!has_secret(&edited.written) && !has_secret(&edited.unsent));
    }

    #[test]
    fn stripping_twice_equals_once(table in table(), replace: bool) {
        let once = whole(&table.write(), replace);
        let twice = whole(&once.written, replace);
        prop_assert_eq!(twice.end, Ok(()), "{}", String::from_utf8_lossy(&once.written));
        prop_assert_eq!(twice.written, once.written);
    }

    #[test]
    fn what_passes_is_a_table_of_equal_records((separator, body) in damaged(), replace: bool) {
        let edited = whole(&body, replace);
        if edited.end.is_ok() {
            let rows = read(&edited.written, separator);
            // Of one column there is no telling which separator it was.
            let named = rows.first().is_some_and(|row| row.len() > 1);
            prop_assert!(!named || rows.iter().all(|row| row.len() == rows[0].len()), "{:?}", rows);
        }
    }

    #[test]
    fn nothing_changes_when_nothing_matches(table in table()) {
        struct KeepAll;
        impl Judge for KeepAll {
            fn judge(&mut self, _: &Spellings) -> Verdict {
                Verdict::Keep
            }
            fn replacement(&self, _: u32) -> &[u8] {
                b""
            }
        }
        let body = table.write();
        let mut editor = Editor::new(Dialect::Detect, Limits::default());
        let mut out = Vec::new();
        // A header row without line end waits for more.
        let lone_header = table.rows.is_empty() && !table.ended;
        let want = if lone_header { Edit::Replaced } else { Edit::Unchanged };
        prop_assert_eq!(editor.push(&body, &mut KeepAll, &mut out), Ok(want));
        prop_assert!(out.is_empty());
        prop_assert_eq!(editor.finish(&mut KeepAll, &mut out), Ok(want));
        prop_assert_eq!(out, if lone_header { body } else { Vec::new() });
    }
}

/// Rows that any reader takes apart alike, in tables far longer than a chunk.
#[test]
fn long_tables_and_long_fields_are_edited_alike_in_chunks_of_any_size() {
    let mut body = String::from("id,unit_cost,note\n");
    for n in 0..300 {
        let long = "x".repeat(n * 7 % 400);
        let _ = writeln!(body, "{n},{SECRET}{n},\"{long}\"\"{long}\"\n\"{n}\",\"{SECRET},\n\",{long}");
    }
    let want = whole(body.as_bytes(), false);
    assert_eq!(want.end, Ok(()));
    assert!(!has_secret(&want.written));
    for width in [1, 2, 3, 15, 16, 17, 64, 1000, 4096] {
        assert_eq!(edit(body.as_bytes().chunks(width), false), want, "width {width}");
    }
}
