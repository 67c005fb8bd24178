//! Paths that stand for all others: those in which two patterns differ are among them.
//!
//! A `*` is filled with a text that no pattern names, so the path fits as few other patterns as it can. A `**` becomes as many
//! segments as some pattern could tell apart.

use std::collections::{BTreeMap, BTreeSet};

use lockgate::path::PathPattern;

/// A path of named and open segments.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Witness(Vec<Segment>);

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Segment {
    Named(String),
    Open,
}

/// How patterns become paths.
#[derive(Debug)]
pub(super) struct Ground {
    /// No path is longer: nothing tells longer ones apart.
    longest: usize,
    /// Whether a pattern ends in a slash.
    slashes: bool,
    /// What stands in open segments.
    open: String,
}

impl Ground {
    /// For these patterns, which are all that there are.
    pub(super) fn of<'a>(patterns: impl Iterator<Item = &'a PathPattern> + Clone) -> Self {
        let named = |segment: &str| patterns.clone().any(|pattern| pattern.as_str().split('/').any(|it| it == segment));
        let mut open = "any".to_owned();
        while named(&open) {
            open.push('-');
        }
        let longest = patterns.clone().map(|pattern| pattern.as_str().split('/').count()).max().unwrap_or(1);
        let slashes = patterns.clone().any(|pattern| pattern.as_str().len() > 1 && pattern.as_str().ends_with('/'));
        Self { longest, slashes, open }
    }

    /// The paths of a pattern.
    pub(super) fn paths(&self, pattern: &PathPattern) -> Vec<Witness> {
        let mut paths = vec![Vec::new()];
        let mut parts = pattern.as_str().split('/').skip(1).peekable();
        while let Some(part) = parts.next() {
            let is_last = parts.peek().is_none();
            paths = match part {
                "*" => extend(paths, &[vec![Segment::Open]]),
                "**" => {
                    let mut ways: Vec<Vec<Segment>> =
                        (0..=self.longest).map(|count| vec![Segment::Open; count]).collect();
                    if is_last && self.slashes {
                        let open = ways.iter().map(|way| [&way[..], &[Segment::Named(String::new())]].concat());
                        ways.extend(open.collect::<Vec<_>>());
                    }
                    extend(paths, &ways)
                }
                name => extend(paths, &[vec![Segment::Named(name.to_owned())]]),
            };
            paths.retain(|path| path.len() <= self.longest);
            paths.truncate(MAX_OF_PATTERN);
        }
        paths.into_iter().filter(|path| !path.is_empty()).map(Witness).collect()
    }

    /// The path as a request has it.
    pub(super) fn request(&self, witness: &Witness) -> String {
        witness.written(&self.open)
    }
}

impl Witness {
    /// The path with `*` for open segments.
    pub(super) fn shown(&self) -> String {
        self.written("*")
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The path that is both, if there is one.
    pub(super) fn and(&self, other: &Self) -> Option<Self> {
        if self.0.len() != other.0.len() {
            return None;
        }
        let both = self.0.iter().zip(&other.0).map(|(one, other)| match (one, other) {
            (Segment::Open, Segment::Open) => Some(Segment::Open),
            (Segment::Named(name), Segment::Open) | (Segment::Open, Segment::Named(name)) => {
                (!name.is_empty()).then(|| Segment::Named(name.clone()))
            }
            (Segment::Named(one), Segment::Named(other)) => (one == other).then(|| Segment::Named(one.clone())),
        });
        both.collect::<Option<_>>().map(Self)
    }

    fn written(&self, open: &str) -> String {
        self.0.iter().fold(String::new(), |path, segment| {
            path + "/"
                + match segment {
                    Segment::Named(name) => name,
                    Segment::Open => open,
                }
        })
    }
}

/// All of the one list, and what they have in common with the other.
///
/// # Errors
/// It would be too many.
pub(super) fn crossed(one: &BTreeSet<Witness>, other: &BTreeSet<Witness>) -> Result<BTreeSet<Witness>, String> {
    let mut by_length: BTreeMap<usize, Vec<&Witness>> = BTreeMap::new();
    for witness in other {
        by_length.entry(witness.len()).or_default().push(witness);
    }
    let mut all = one.clone();
    let mut pairs = 0;
    for witness in one {
        let same = by_length.get(&witness.len()).map(Vec::as_slice).unwrap_or_default();
        pairs += same.len();
        all.extend(same.iter().filter_map(|other| witness.and(other)));
        if all.len() > MAX_PATHS || pairs > MAX_PAIRS {
            return Err(format!(
                "the rules tell more than {MAX_PATHS} kinds of paths apart; write fewer `**`, or divide the configuration"
            ));
        }
    }
    Ok(all)
}

fn extend(paths: Vec<Vec<Segment>>, ways: &[Vec<Segment>]) -> Vec<Vec<Segment>> {
    let longer = paths.iter().flat_map(|path| ways.iter().map(move |way| [&path[..], &way[..]].concat()));
    longer.take(MAX_OF_PATTERN).collect()
}

/// Most paths that stand for one pattern.
const MAX_OF_PATTERN: usize = 512;
/// Most paths in all.
const MAX_PATHS: usize = 50_000;
/// Most pairs of paths that are laid over each other at once.
const MAX_PAIRS: usize = 20_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn patterns(texts: &[&str]) -> Vec<PathPattern> {
        texts.iter().map(|text| PathPattern::parse(text).unwrap()).collect()
    }

    #[test]
    fn paths_stand_for_all_that_fit() {
        let all = patterns(&["/a/**", "/a/b/c", "/*/any"]);
        let ground = Ground::of(all.iter());
        let shown = |pattern| ground.paths(pattern).iter().map(Witness::shown).collect::<Vec<_>>();
        assert_eq!(shown(&all[0]), ["/a", "/a/*", "/a/*/*", "/a/*/*/*"]);
        assert_eq!(shown(&all[2]), ["/*/any"]);
        assert_eq!(ground.request(&ground.paths(&all[2])[0]), "/any-/any", "a text that no pattern names");
        let slash = patterns(&["/a/**", "/a/"]);
        let ground = Ground::of(slash.iter());
        let shown: Vec<_> = ground.paths(&slash[0]).iter().map(Witness::shown).collect();
        assert!(shown.contains(&"/a/".to_owned()), "{shown:?}");
        for witness in ground.paths(&slash[0]) {
            assert!(slash[0].matches(ground.request(&witness).as_bytes(), lockgate::path::Strictness::Exact));
        }
    }

    #[test]
    fn two_patterns_meet_where_both_fit() {
        let all = patterns(&["/*/b/**", "/a/*/c", "/x"]);
        let ground = Ground::of(all.iter());
        let of = |n: usize| ground.paths(&all[n]).into_iter().collect::<BTreeSet<_>>();
        let met = crossed(&of(0), &of(1)).unwrap();
        let met: Vec<_> = met.iter().map(Witness::shown).collect();
        assert!(met.contains(&"/a/b/c".to_owned()) && met.len() == of(0).len() + 1, "{met:?}");
        assert_eq!(crossed(&of(2), &of(1)).unwrap(), of(2));
    }

    #[test]
    fn too_many_paths_are_refused() {
        let long = "/x".repeat(40);
        let texts: Vec<String> = (0..200).map(|n| format!("/{n}/**/y/**")).chain([long]).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let all = patterns(&texts);
        let ground = Ground::of(all.iter());
        let paths: BTreeSet<Witness> = all.iter().flat_map(|pattern| ground.paths(pattern)).collect();
        assert!(ground.paths(&all[0]).len() <= MAX_OF_PATTERN && paths.len() > MAX_PATHS);
        let error = crossed(&paths, &BTreeSet::new()).unwrap_err();
        assert!(error.contains("write fewer `**`"), "{error}");
    }
}
