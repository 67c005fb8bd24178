//! Many patterns at once: which is the first that fits a path.

use super::{Part, PathPattern, Strictness, fits, next_segment, segment_is};

/// Patterns by their beginnings: a request looks only at those that begin as its path does. Matches exactly.
#[derive(Debug)]
pub(crate) struct PathIndex(Vec<Node>);

/// What begins with the same named segments.
#[derive(Debug, Default)]
struct Node {
    /// The next segment and the place of its node, in the order of the segments.
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
    pub(crate) fn new<'a>(patterns: impl IntoIterator<Item = &'a PathPattern>) -> Self {
        let mut index = Self(vec![Node::default()]);
        for (place, pattern) in patterns.into_iter().enumerate() {
            let mut at = 0;
            let mut parts = pattern.parts.as_slice();
            while let [Part::One(segment), rest @ ..] = parts {
                at = index.child(at, segment);
                parts = rest;
            }
            if let Some(node) = index.0.get_mut(at) {
                node.here.push(Rest { place, parts: parts.to_vec() });
            }
        }
        index
    }

    /// The place of the first pattern that fits a normal path (no query) and that is wanted. Allocates nothing.
    pub(crate) fn first(&self, path: &[u8], wanted: impl Fn(usize) -> bool) -> Option<usize> {
        let mut rest = Some(path.strip_prefix(b"/")?);
        let mut node = self.0.first()?;
        let mut first: Option<usize> = None;
        loop {
            let before = node.here.iter().take_while(|here| first.is_none_or(|first| here.place < first));
            let found = before
                .filter(|here| fits(&here.parts, rest, Strictness::Exact))
                .find(|here| wanted(here.place))
                .map(|here| here.place);
            first = found.or(first);
            let Some(path) = rest else { return first };
            let (segment, after) = next_segment(path);
            match node.named(segment).and_then(|at| self.0.get(at)) {
                Some(below) => (node, rest) = (below, after),
                None => return first,
            }
        }
    }

    /// The node of a segment below a node, which is made where it is missing.
    fn child(&mut self, at: usize, segment: &[u8]) -> usize {
        let fresh = self.0.len();
        let Some(node) = self.0.get_mut(at) else { return at };
        match node.next.binary_search_by(|(name, _)| name.as_slice().cmp(segment)) {
            Ok(found) => node.next.get(found).map_or(at, |&(_, place)| place),
            Err(place) => {
                node.next.insert(place, (segment.to_vec(), fresh));
                self.0.push(Node::default());
                fresh
            }
        }
    }
}

impl Node {
    /// The place of the node of a path's segment.
    fn named(&self, segment: &[u8]) -> Option<usize> {
        if segment.contains(&b'%') {
            return self.next.iter().find(|(name, _)| segment_is(segment, name)).map(|&(_, place)| place);
        }
        let found = self.next.binary_search_by(|(name, _)| name.as_slice().cmp(segment)).ok()?;
        self.next.get(found).map(|&(_, place)| place)
    }
}
