//! Many patterns at once: which is the first that fits a path.

use std::cmp::Ordering;

use super::{Part, PathPattern, Strictness, fits, next_segment, same_segment};

/// Patterns by their beginnings: a request looks only at those that begin as its path does.
#[derive(Debug)]
pub(crate) struct PathIndex {
    nodes: Vec<Node>,
    strictness: Strictness,
}

/// What begins with the same named segments.
#[derive(Debug, Default)]
struct Node {
    /// The next segment and the place of its node, in the order of [`order`]. In lower case where case does not matter.
    next: Vec<(Vec<u8>, usize)>,
    /// The patterns that name no further segment before their first wildcard, in the order of their places.
    here: Vec<Rest>,
}

#[derive(Debug)]
struct Rest {
    place: usize,
    parts: Vec<Part>,
}

impl PathIndex {
    /// Of patterns in their order.
    pub(crate) fn new<'a>(patterns: impl IntoIterator<Item = &'a PathPattern>, strictness: Strictness) -> Self {
        let mut index = Self { nodes: vec![Node::default()], strictness };
        for (place, pattern) in patterns.into_iter().enumerate() {
            index.put(place, &pattern.parts);
            // `/a` fits `/a/`.
            if strictness == Strictness::Lenient
                && let Some((Part::One(last), parts)) = pattern.parts.split_last()
                && last.is_empty()
            {
                index.put(place, parts);
            }
        }
        index
    }

    /// The place of the first pattern that fits a normal path (no query) and that is wanted. Allocates nothing.
    pub(crate) fn first(&self, path: &[u8], wanted: impl Fn(usize) -> bool) -> Option<usize> {
        let path = path.strip_prefix(b"/")?;
        let first = self.first_of(path, None, &wanted);
        // `/a/` fits `/a`.
        match path.strip_suffix(b"/") {
            Some(path) if self.strictness == Strictness::Lenient => self.first_of(path, first, &wanted),
            Some(_) | None => first,
        }
    }

    /// The same for a path without its first slash, where a pattern that fits is known already.
    fn first_of(&self, path: &[u8], known: Option<usize>, wanted: &impl Fn(usize) -> bool) -> Option<usize> {
        let mut rest = Some(path);
        let Some(mut node) = self.nodes.first() else { return known };
        let mut first = known;
        loop {
            let before = node.here.iter().take_while(|here| first.is_none_or(|first| here.place < first));
            let found = before
                .filter(|here| fits(&here.parts, rest, self.strictness))
                .find(|here| wanted(here.place))
                .map(|here| here.place);
            first = found.or(first);
            let Some(path) = rest else { return first };
            let (segment, after) = next_segment(path);
            match node.named(segment, self.strictness).and_then(|at| self.nodes.get(at)) {
                Some(below) => (node, rest) = (below, after),
                None => return first,
            }
        }
    }

    fn put(&mut self, place: usize, parts: &[Part]) {
        let mut at = 0;
        let mut parts = parts;
        while let [Part::One(segment), rest @ ..] = parts {
            at = match self.strictness {
                Strictness::Exact => self.child(at, segment),
                Strictness::Lenient => self.child(at, &segment.to_ascii_lowercase()),
            };
            parts = rest;
        }
        if let Some(node) = self.nodes.get_mut(at) {
            node.here.push(Rest { place, parts: parts.to_vec() });
        }
    }

    /// The node of a segment below a node, which is made where it is missing.
    fn child(&mut self, at: usize, segment: &[u8]) -> usize {
        let fresh = self.nodes.len();
        let Some(node) = self.nodes.get_mut(at) else { return at };
        match node.next.binary_search_by(|(name, _)| order(name, segment, Strictness::Exact)) {
            Ok(found) => node.next.get(found).map_or(at, |&(_, place)| place),
            Err(place) => {
                node.next.insert(place, (segment.to_vec(), fresh));
                self.nodes.push(Node::default());
                fresh
            }
        }
    }
}

impl Node {
    /// The place of the node of a path's segment.
    fn named(&self, segment: &[u8], strictness: Strictness) -> Option<usize> {
        if segment.contains(&b'%') {
            let found = self.next.iter().find(|(name, _)| same_segment(segment, name, strictness));
            return found.map(|&(_, place)| place);
        }
        let found = self.next.binary_search_by(|(name, _)| order(name, segment, strictness));
        self.next.get(found.ok()?).map(|&(_, place)| place)
    }
}

/// By length, as most differ in it, then by letters.
fn order(name: &[u8], segment: &[u8], strictness: Strictness) -> Ordering {
    name.len().cmp(&segment.len()).then_with(|| match strictness {
        Strictness::Exact => name.cmp(segment),
        Strictness::Lenient => name.iter().copied().cmp(segment.iter().map(u8::to_ascii_lowercase)),
    })
}

#[cfg(test)]
mod tests {
    use super::{PathIndex, PathPattern, Strictness};

    #[test]
    fn the_index_finds_what_patterns_fit() {
        let texts = [
            "/a/B",
            "/a/b/",
            "/A",
            "/",
            "/a/*",
            "/**/Z",
            "/a/**/b/",
            "/x%20Y/k",
            "/x Y",
            "/*",
            "/a/b/c",
            "/a/b/*/d/",
            "/b/",
        ];
        let patterns: Vec<_> = texts.iter().filter_map(|text| PathPattern::parse(text).ok()).collect();
        assert_eq!(patterns.len(), texts.len());
        let paths = [
            "/",
            "/a",
            "/A/",
            "/a/b",
            "/a/B/",
            "/A/b/c/",
            "/a/b/x/D",
            "/a/q/B",
            "/z",
            "/q/z/",
            "/X%20y/K",
            "/x%20Y",
            "/x%20y/",
            "/b",
            "/B/",
            "/none/at/all",
            "",
            "b",
        ];
        for strictness in [Strictness::Exact, Strictness::Lenient] {
            let index = PathIndex::new(&patterns, strictness);
            for path in paths {
                for unwanted in 0..=patterns.len() {
                    let wanted = |place: usize| place != unwanted;
                    let want = (0..patterns.len())
                        .filter(|&place| wanted(place))
                        .find(|&place| patterns[place].matches(path.as_bytes(), strictness));
                    assert_eq!(index.first(path.as_bytes(), wanted), want, "{path} {strictness:?} without {unwanted}");
                }
            }
        }
    }
}
