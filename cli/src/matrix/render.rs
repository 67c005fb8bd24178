//! The matrix as text, Markdown and JSON.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::table::{Row, Table};

/// What the marks mean, of those that stand in the table.
const LEGEND: [(&str, &str); 8] = [
    ("yes", "comes in"),
    ("-", "does not"),
    ("perm", "only where the token itself carries a permission that the role does not grant (--why says which)"),
    ("T", "only for the tenant of the token"),
    ("S", "only after a step-up"),
    ("public", "everybody comes in, as nobody"),
    ("webhook", "only a good webhook comes in"),
    ("SHADOW", "the rule only watches: everybody comes in, as nobody"),
];

/// Columns of equal width, a block for each system.
pub(super) fn text(table: &Table) -> String {
    let mut out = String::new();
    for (n, (system, rows)) in by_system(table).into_iter().enumerate() {
        if n > 0 {
            out.push('\n');
        }
        let _ = writeln!(out, "{}", system_title(system));
        let lines: Vec<Vec<String>> = [head(table)].into_iter().chain(rows.iter().map(|row| line(row))).collect();
        aligned(&lines, &mut out);
    }
    legend(table, "  ", &mut out);
    out
}

/// A table for each system.
pub(super) fn markdown(table: &Table) -> String {
    let mut out = String::new();
    for (n, (system, rows)) in by_system(table).into_iter().enumerate() {
        if n > 0 {
            out.push('\n');
        }
        let _ = writeln!(out, "### {}\n", system_title(system));
        let head = head(table);
        let _ = writeln!(out, "| {} |", head.join(" | "));
        let _ = writeln!(out, "|{}", "---|".repeat(head.len()));
        for row in rows {
            let cells: Vec<String> = line(row).iter().map(|cell| cell.replace('|', "\\|")).collect();
            let cells: Vec<String> = cells
                .into_iter()
                .enumerate()
                // `*` is emphasis otherwise.
                .map(|(n, cell)| if n == 1 { format!("`{cell}`") } else { cell.replace('*', "\\*") })
                .collect();
            let _ = writeln!(out, "| {} |", cells.join(" | "));
        }
    }
    legend(table, "- ", &mut out);
    out
}

/// Everything, for other programs.
pub(super) fn json(table: &Table) -> Value {
    let rows = table.rows.iter().map(|row| {
        let mut value = json!(row);
        let cells = table.roles.iter().zip(&row.cells).map(|(role, cell)| (role.clone(), json!(cell)));
        if let Some(object) = value.as_object_mut() {
            object.insert("cells".to_owned(), Value::Object(cells.collect()));
        }
        value
    });
    json!({"roles": table.roles, "endpoints": rows.collect::<Vec<_>>()})
}

/// Lines of cells, each column as wide as its widest.
pub(super) fn aligned(lines: &[Vec<String>], out: &mut String) {
    let columns = lines.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        lines.iter().filter_map(|line| line.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    for line in lines {
        let mut text = String::new();
        for (cell, width) in line.iter().zip(&widths) {
            let _ = write!(text, "{cell:width$}  ");
        }
        let _ = writeln!(out, "{}", text.trim_end());
    }
}

/// The systems in the order in which rules speak of them, with their rows.
fn by_system(table: &Table) -> Vec<(Option<&str>, Vec<&Row>)> {
    let mut systems: Vec<(Option<&str>, Vec<&Row>)> = Vec::new();
    for row in &table.rows {
        let system = row.system.as_deref();
        match systems.iter_mut().find(|(name, _)| *name == system) {
            Some((_, rows)) => rows.push(row),
            None => systems.push((system, vec![row])),
        }
    }
    systems
}

fn system_title(system: Option<&str>) -> String {
    system.map_or("no system".to_owned(), |name| format!("system {name}"))
}

fn head(table: &Table) -> Vec<String> {
    let mut head = vec!["method".to_owned(), "path".to_owned()];
    match table.roles.as_slice() {
        [] => head.push("any token".to_owned()),
        roles => head.extend(roles.iter().cloned()),
    }
    head.extend(["revenue", "closed", "rule"].map(str::to_owned));
    head
}

fn line(row: &Row) -> Vec<String> {
    let list = |names: &[String]| if names.is_empty() { "-".to_owned() } else { names.join(" ") };
    let mut line = vec![row.methods.join(" "), row.path.clone()];
    line.extend(row.cells.iter().map(super::cell::Cell::shown));
    line.extend([list(&row.revenue), list(&row.closed), format!("[{}] {}", row.rule, row.name)]);
    line
}

fn legend(table: &Table, lead: &str, out: &mut String) {
    let shown: Vec<String> = table.rows.iter().flat_map(|row| &row.cells).map(super::cell::Cell::shown).collect();
    let stands = |mark: &str| shown.iter().any(|cell| cell.split(' ').any(|word| word == mark));
    let lines: Vec<&(&str, &str)> = LEGEND.iter().filter(|(mark, _)| stands(mark)).collect();
    let _ = writeln!(out);
    for (mark, meaning) in lines {
        let _ = writeln!(out, "{lead}{mark}: {meaning}");
    }
    if table.rows.iter().any(|row| row.methods.iter().any(|method| method == "*")) {
        let _ = writeln!(out, "{lead}method *: every method that no row before it has");
    }
    let _ = writeln!(out, "{lead}closed: methods that other rows have, and that nobody may use here");
}
