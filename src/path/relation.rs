//! What two patterns have to do with each other, for checks of a configuration.

use super::{Part, PathPattern};

impl PathPattern {
    /// Whether every path that fits `other` fits this one. Never wrongly true; it may miss a case in which several parts
    /// together say the same otherwise (`/*/**` of `/**/*`).
    pub(crate) fn covers(&self, other: &Self) -> bool {
        // As `fits` does it: on a mismatch the last `**` takes one part more, earlier ones need not be tried again.
        let (mut wide, mut narrow) = (self.parts.as_slice(), other.parts.as_slice());
        let mut retry: Option<(&[Part], &[Part])> = None;
        loop {
            let fitted = match (wide.split_first(), narrow.split_first()) {
                (Some((Part::AnyNumber, rest)), _) => {
                    if rest.is_empty() {
                        return true;
                    }
                    wide = rest;
                    retry = Some((rest, narrow));
                    continue;
                }
                (None, None) => return true,
                (Some((Part::One(want), wide)), Some((Part::One(given), narrow))) if want == given => {
                    Some((wide, narrow))
                }
                (Some((Part::AnyOne, wide)), Some((Part::AnyOne, narrow))) => Some((wide, narrow)),
                (Some((Part::AnyOne, wide)), Some((Part::One(given), narrow))) if !given.is_empty() => {
                    Some((wide, narrow))
                }
                (Some((Part::One(_) | Part::AnyOne, _)) | None, _) => None,
            };
            (wide, narrow) = match (fitted, retry) {
                (Some(next), _) => next,
                (None, Some((rest, [_, shorter @ ..]))) => {
                    retry = Some((rest, shorter));
                    (rest, shorter)
                }
                (None, Some((_, [])) | None) => return false,
            };
        }
    }

    /// Whether a path fits both.
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        // Whether the parts of the one from here on and those of the other from each place on have a path in common.
        let mut after: Option<Vec<bool>> = None;
        for here in (0..=self.parts.len()).rev() {
            let mut row = vec![false; other.parts.len() + 1];
            for there in (0..=other.parts.len()).rev() {
                let below = after.as_ref().and_then(|after| after.get(there)).copied().unwrap_or(false);
                let right = row.get(there + 1).copied().unwrap_or(false);
                let both = after.as_ref().and_then(|after| after.get(there + 1)).copied().unwrap_or(false);
                let common = match (self.parts.get(here), other.parts.get(there)) {
                    (None, None) => true,
                    (Some(Part::AnyNumber), _) | (_, Some(Part::AnyNumber)) => below || right,
                    (Some(Part::One(one)), Some(Part::One(other))) => both && one == other,
                    (Some(Part::AnyOne), Some(Part::One(one))) | (Some(Part::One(one)), Some(Part::AnyOne)) => {
                        both && !one.is_empty()
                    }
                    (Some(Part::AnyOne), Some(Part::AnyOne)) => both,
                    (Some(Part::One(_) | Part::AnyOne), None) | (None, Some(Part::One(_) | Part::AnyOne)) => false,
                };
                if let Some(cell) = row.get_mut(there) {
                    *cell = common;
                }
            }
            after = Some(row);
        }
        after.and_then(|row| row.first().copied()).unwrap_or(false)
    }

    /// How many segments it is written with.
    pub(crate) fn segments(&self) -> usize {
        self.parts.len()
    }

    /// Whether the `n`th segment (from 1) of every path that fits is whatever stands for a `*`.
    pub(crate) fn is_open_at(&self, n: usize) -> bool {
        let Some(before) = n.checked_sub(1).and_then(|at| self.parts.get(..at)) else { return false };
        !before.contains(&Part::AnyNumber) && self.parts.get(before.len()) == Some(&Part::AnyOne)
    }

    /// A path that fits, with the same text for each open segment: one that no rule is likely to name.
    #[must_use]
    pub fn example(&self, open: &str) -> String {
        let written = self.text.split('/').skip(1);
        let filled = written.map(|part| if matches!(part, "*" | "**") { open } else { part });
        filled.fold(String::new(), |path, part| path + "/" + part)
    }
}
