//! The CSV editor against the `csv` crate. Options: whether values are replaced, whether the type says tabs, then widths of
//! chunks.

use lockgate::csv::{Dialect, Edit, Editor, Error, Judge, Limits, Spellings, Verdict};

use super::Options;

const REPLACEMENT: &str = "gone, \"really\"";

/// Takes columns by their cell's text alone, so that another reader can say which.
struct ByText {
    replace: bool,
}

fn is_taken(name: &str) -> bool {
    name.contains("cost")
}

impl Judge for ByText {
    fn judge(&mut self, name: &Spellings) -> Verdict {
        match (name.iter().next().is_some_and(is_taken), self.replace) {
            (false, _) => Verdict::Keep,
            (true, false) => Verdict::Remove,
            (true, true) => Verdict::Replace(3),
        }
    }

    fn replacement(&self, _: u32) -> &[u8] {
        br#""gone, \"really\"""#
    }
}

/// What was sent, what the failed call would have sent after it, and how it ended.
struct Edited {
    sent: Vec<u8>,
    unsent: Vec<u8>,
    end: Result<(), Error>,
}

fn edit<'a>(chunks: impl Iterator<Item = &'a [u8]>, dialect: Dialect, replace: bool) -> Edited {
    let mut editor = Editor::new(dialect, Limits::default());
    let mut judge = ByText { replace };
    let mut sent = Vec::new();
    let mut out = Vec::new();
    for chunk in chunks {
        match editor.push(chunk, &mut judge, &mut out) {
            Ok(Edit::Unchanged) => {
                assert!(out.is_empty(), "unchanged, and yet something was written");
                sent.extend_from_slice(chunk);
            }
            Ok(Edit::Replaced) => sent.append(&mut out),
            Err(error) => {
                assert!(editor.push(b"x", &mut judge, &mut Vec::new()).is_err(), "errors are final");
                return Edited { sent, unsent: out, end: Err(error) };
            }
        }
    }
    match editor.finish(&mut judge, &mut out) {
        Ok(edit) => {
            assert_eq!(edit == Edit::Replaced, !out.is_empty());
            sent.append(&mut out);
            Edited { sent, unsent: out, end: Ok(()) }
        }
        Err(error) => Edited { sent, unsent: out, end: Err(error) },
    }
}

pub(super) fn check(input: &[u8]) {
    let (mut options, body) = Options::split(input);
    let replace = options.flag();
    let dialect = if options.flag() { Dialect::Tabs } else { Dialect::Detect };
    let want = edit(std::iter::once(body), dialect, replace);

    for other in [edit(options.cut(body).into_iter(), dialect, replace), edit(body.chunks(1), dialect, replace)] {
        assert_eq!(other.end, want.end, "another verdict in chunks");
        match want.end {
            Ok(()) => assert!(other.sent == want.sent, "other bytes in chunks"),
            Err(_) => {
                let all = [want.sent.as_slice(), &want.unsent].concat();
                assert!(all.starts_with(&other.sent) || other.sent.starts_with(&all), "another beginning in chunks");
                // Where columns are taken, nothing of a record that is not complete.
                let whole = other.sent.is_empty() || other.sent.ends_with(b"\n") || other.sent.ends_with(b"\r");
                assert!(whole || body.starts_with(&other.sent), "part of a record");
            }
        }
    }
    if want.end.is_err() {
        return;
    }

    let separator = separator(body, dialect);
    let before = read(body, separator);
    let Some((names, rows)) = before.split_first() else {
        assert!(want.sent == body, "an empty table stays");
        return;
    };
    let stays: Vec<bool> = names.iter().map(|name| !is_taken(name)).collect();
    let mut left = vec![project(names, &stays, |name| replace.then(|| name.to_owned()))];
    for row in rows {
        assert_eq!(row.len(), names.len(), "another reader finds records of other lengths");
        left.push(project(row, &stays, |_| replace.then(|| REPLACEMENT.to_owned())));
    }
    left.retain(|row| !row.is_empty());
    assert_eq!(read(&want.sent, separator), left, "another reader finds other columns");
    // Of one column that is left there is no telling any more what separated it.
    if stays.iter().filter(|&&stays| stays || replace).count() == 1 && names.len() > 1 {
        return;
    }
    let twice = edit(std::iter::once(want.sent.as_slice()), dialect, replace);
    assert!(twice.end.is_ok() && twice.sent == want.sent, "twice is not once: {:?}", twice.end);
}

fn project(row: &[String], stays: &[bool], taken: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let cells = row.iter().zip(stays);
    cells.filter_map(|(cell, &stays)| if stays { Some(cell.clone()) } else { taken(cell) }).collect()
}

fn read(bytes: &[u8], separator: u8) -> Vec<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new()
        .buffer_capacity(1024)
        .has_headers(false)
        .flexible(true)
        .delimiter(separator)
        .from_reader(bytes);
    reader.records().map(|record| record.expect("text").iter().map(str::to_owned).collect()).collect()
}

/// The first separator outside quotation marks in the first line.
fn separator(body: &[u8], dialect: Dialect) -> u8 {
    if dialect == Dialect::Tabs {
        return b'\t';
    }
    let mut quoted = false;
    for &byte in body {
        match byte {
            b'"' => quoted = !quoted,
            b'\r' | b'\n' if !quoted => break,
            b',' | b';' | b'\t' | b'|' if !quoted => return byte,
            _ => {}
        }
    }
    b','
}
