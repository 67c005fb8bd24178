//! What two patterns have to do with each other, for checks of a configuration.

use super::{Part, PathPattern, Strictness};

impl PathPattern {
    /// Whether every path that fits `other` fits this one. Never wrongly true; it may miss that where this one has `*` and
    /// `**` side by side (`/*/**` covers `/**/a`).
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        covers(&self.parts, &other.parts, Strictness::Exact)
    }

    /// Whether every path that fits `other` exactly fits this one when letters of either case and a slash at the end are
    /// overlooked. Never wrongly true.
    pub(crate) fn covers_leniently(&self, other: &Self) -> bool {
        let within = |wide: &[Part], narrow: &[Part]| covers(wide, narrow, Strictness::Lenient);
        if within(&self.parts, &other.parts) {
            return true;
        }
        without_slash(&other.parts).is_some_and(|shorter| within(&self.parts, shorter))
            || without_slash(&self.parts).is_some_and(|shorter| within(shorter, &other.parts))
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
}

/// The parts of a pattern that ends in a slash, without it.
fn without_slash(parts: &[Part]) -> Option<&[Part]> {
    match parts.split_last() {
        Some((Part::One(last), rest)) if last.is_empty() => Some(rest),
        Some(_) | None => None,
    }
}

/// Whether all that fits the parts of the one fits those of the other.
fn covers(wide: &[Part], narrow: &[Part], strictness: Strictness) -> bool {
    // As `fits` does it: on a mismatch the last `**` takes one part more, earlier ones need not be tried again.
    let (mut wide, mut narrow) = (wide, narrow);
    let same = |want: &[u8], given: &[u8]| match strictness {
        Strictness::Exact => want == given,
        Strictness::Lenient => want.eq_ignore_ascii_case(given),
    };
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
            (Some((Part::One(want), wide)), Some((Part::One(given), narrow))) if same(want, given) => {
                Some((wide, narrow))
            }
            (Some((Part::AnyOne, wide)), Some((Part::AnyOne, narrow))) => Some((wide, narrow)),
            (Some((Part::AnyOne, wide)), Some((Part::One(given), narrow))) if !given.is_empty() => Some((wide, narrow)),
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

#[cfg(test)]
mod tests {
    use super::PathPattern;
    use crate::path::Strictness;

    /// All texts of up to `most` segments.
    fn texts(segments: &[&str], most: usize) -> Vec<String> {
        let mut all = vec![String::new()];
        let mut begin = 0;
        for _ in 0..most {
            let longer: Vec<String> = all[begin..]
                .iter()
                .flat_map(|text| segments.iter().map(move |next| format!("{text}/{next}")))
                .collect();
            begin = all.len();
            all.extend(longer);
        }
        all.remove(0);
        all
    }

    /// Every pattern of up to three parts, and all paths that can tell them apart.
    fn all() -> (Vec<PathPattern>, Vec<String>) {
        let mut patterns = texts(&["a", "b", "*", "**"], 3);
        patterns.extend(["/", "/a/", "/*/", "/**/"].map(str::to_owned));
        let paths = texts(&["a", "b", "c"], 6);
        let mut open: Vec<String> = paths.iter().map(|path| format!("{path}/")).collect();
        open.push("/".to_owned());
        (patterns.iter().map(|text| PathPattern::parse(text).unwrap()).collect(), [paths, open].concat())
    }

    #[test]
    fn relations_are_those_of_the_paths_that_fit() {
        let (patterns, paths) = all();
        let fitting = |strictness| -> Vec<Vec<bool>> {
            let of =
                |pattern: &PathPattern| paths.iter().map(|path| pattern.matches(path.as_bytes(), strictness)).collect();
            patterns.iter().map(of).collect()
        };
        let (fitting, leniently) = (fitting(Strictness::Exact), fitting(Strictness::Lenient));
        for ((one, of_one), lenient) in patterns.iter().zip(&fitting).zip(&leniently) {
            for (other, of_other) in patterns.iter().zip(&fitting) {
                let pairs = || of_one.iter().zip(of_other);
                let names = || format!("{} {}", one.as_str(), other.as_str());
                assert_eq!(one.overlaps(other), pairs().any(|(&one, &other)| one && other), "{}", names());
                let covers = pairs().all(|(&one, &other)| one || !other);
                assert!(covers || !one.covers(other), "{}", names());
                let lenient = lenient.iter().zip(of_other).all(|(&one, &other)| one || !other);
                assert!(lenient || !one.covers_leniently(other), "{}", names());
                assert!(!one.covers(other) || one.covers_leniently(other), "{}", names());
                // Missed only where `*` and `**` stand side by side.
                let beside = ["/*/**", "/**/*"].iter().any(|both| one.as_str().contains(both));
                assert!(one.covers(other) || !covers || beside, "{}", names());
            }
        }
    }

    #[test]
    fn covering_is_seen_where_it_is_plain() {
        for (wide, narrow, want) in [
            ("/**", "/", true),
            ("/**", "/a/*/**", true),
            ("/api/**", "/api", true),
            ("/api/**", "/api/", true),
            ("/api/**", "/apix", false),
            ("/api/*", "/api/a", true),
            ("/api/*", "/api/", false),
            ("/api/*", "/api/**", false),
            ("/api/**", "/api/*", true),
            ("/**/b", "/a/**/b", true),
            ("/**/a/**/b", "/x/a/y/a/b", true),
            ("/caf%C3%A9", "/caf\u{e9}", true),
            ("/a/*/c", "/a/b/*", false),
            ("/a", "/A", false),
        ] {
            let parse = |text: &str| PathPattern::parse(text).unwrap();
            assert_eq!(parse(wide).covers(&parse(narrow)), want, "{wide} {narrow}");
        }
    }

    #[test]
    fn case_and_a_slash_at_the_end_can_be_overlooked() {
        for (wide, narrow, want) in [
            ("/items", "/items/", true),
            ("/items/", "/items", true),
            ("/items", "/Items", true),
            ("/ITEMS/*", "/items/a/", true),
            ("/items/*", "/items/", false),
            ("/items/**", "/Items/", true),
            ("/items", "/items/a", false),
            ("/items", "/items/**", false),
        ] {
            let parse = |text: &str| PathPattern::parse(text).unwrap();
            assert_eq!(parse(wide).covers_leniently(&parse(narrow)), want, "{wide} {narrow}");
        }
    }

    #[test]
    fn a_segment_is_open_where_it_may_be_anything() {
        for (pattern, open) in [("/a/*/b/*", &[2, 4][..]), ("/**/*", &[]), ("/*/**", &[1]), ("/a", &[])] {
            let parsed = PathPattern::parse(pattern).unwrap();
            let found: Vec<usize> = (0..6).filter(|&n| parsed.is_open_at(n)).collect();
            assert_eq!(found, open, "{pattern}");
        }
    }
}
