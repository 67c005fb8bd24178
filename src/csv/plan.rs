//! What becomes of each column, decided once.

use crate::json::Verdict;

use super::cell::cell;
use super::editor::Judge;
use super::header::Header;
use super::spellings::Spellings;

/// What becomes of a cell and of the separator before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Column {
    /// Both stay.
    Keep,
    /// The cell stays; there is no separator before it because all columns before are removed.
    KeepFirst,
    /// Both go.
    Remove,
    /// The separator stays, the cell becomes [`Plan::replacement`] of this number.
    Replace(u32),
    /// The same without separator.
    ReplaceFirst(u32),
}

/// The fate of all columns.
#[derive(Debug, Default)]
pub(super) struct Plan {
    columns: Vec<Column>,
    replacements: Vec<(u32, Vec<u8>)>,
    fate: Fate,
}

/// What a table becomes as a whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Fate {
    /// All of it stays.
    #[default]
    Unchanged,
    /// Some columns go or are replaced.
    Changed,
    /// One column of several is left.
    OneLeft,
    /// All columns go.
    NothingLeft,
}

impl Plan {
    /// Asks about each column.
    pub(super) fn new(header: &Header, judge: &mut impl Judge) -> Self {
        let lone = header.names.len() == 1;
        let verdicts: Vec<Verdict> = header.names.iter().map(|name| judge.judge(&Spellings::new(name, lone))).collect();
        let left = verdicts.iter().filter(|&&verdict| verdict != Verdict::Remove).count();
        let fate = match left {
            0 => Fate::NothingLeft,
            1 if !lone => Fate::OneLeft,
            _ if verdicts.iter().all(|&verdict| verdict == Verdict::Keep) => Fate::Unchanged,
            _ => Fate::Changed,
        };
        let mut replacements: Vec<(u32, Vec<u8>)> = Vec::new();
        let mut columns = Vec::with_capacity(verdicts.len());
        let mut first = true;
        for verdict in verdicts {
            let column = match verdict {
                Verdict::Keep if first && !columns.is_empty() => Column::KeepFirst,
                Verdict::Keep => Column::Keep,
                Verdict::Remove => Column::Remove,
                Verdict::Replace(number) => {
                    if !replacements.iter().any(|&(known, _)| known == number) {
                        let text = cell(judge.replacement(number), left == 1, header.separator == b'\t');
                        replacements.push((number, text));
                    }
                    if first { Column::ReplaceFirst(number) } else { Column::Replace(number) }
                }
            };
            first &= verdict == Verdict::Remove;
            columns.push(column);
        }
        Self { columns, replacements, fate }
    }

    pub(super) fn fate(&self) -> Fate {
        self.fate
    }

    /// How many columns there are.
    pub(super) fn len(&self) -> usize {
        self.columns.len()
    }

    #[inline(always)]
    pub(super) fn column(&self, number: usize) -> Option<Column> {
        self.columns.get(number).copied()
    }

    /// The cell of this number: found by search, since few rules meet in one table.
    pub(super) fn replacement(&self, number: u32) -> &[u8] {
        let found = self.replacements.iter().find(|&&(known, _)| known == number);
        found.map(|(_, text)| text.as_slice()).unwrap_or_default()
    }

    /// Appends the header row without the removed columns; those that are replaced keep their names.
    pub(super) fn write_header(&self, row: &[u8], header: &Header, out: &mut Vec<u8>) {
        let mut first = true;
        for (column, cell) in self.columns.iter().zip(&header.cells) {
            if *column == Column::Remove {
                continue;
            }
            if !first {
                out.push(header.separator);
            }
            first = false;
            out.extend_from_slice(row.get(cell.clone()).unwrap_or_default());
        }
    }

    pub(super) fn held_bytes(&self) -> usize {
        let texts: usize = self.replacements.iter().map(|(_, text)| text.len()).sum();
        self.columns.len() * size_of::<Column>() + texts
    }
}
