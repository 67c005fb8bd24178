//! Many patterns at once: which is the first that fits a path.

use super::{Part, PathPattern, Strictness, fits, next_segment, same_segment};
use crate::bytes::same;

/// Patterns by their beginnings: a request looks only at those that begin as its path does.
#[derive(Debug)]
pub(crate) struct PathIndex {
    nodes: Vec<Node>,
    strictness: Strictness,
}

/// What begins with the same named segments.
#[derive(Debug, Default)]
struct Node {
    /// The next segments, in the order of their marks.
    next: Vec<Next>,
    /// The patterns that name no further segment before their first wildcard, in the order of their places.
    here: Vec<Rest>,
}

/// A segment and the place of its node.
#[derive(Debug)]
struct Next {
    mark: Mark,
    /// In lower case where case does not matter.
    name: Vec<u8>,
    node: usize,
}

/// What tells most segments apart: the length, and up to eight letters, which are all that a shorter one has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Mark {
    length: usize,
    letters: u64,
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
            let known = first;
            let before = node.here.iter().take_while(|here| known.is_none_or(|known| here.place < known));
            for here in before {
                // Most are not wanted, which is soon said.
                if wanted(here.place) && fits(&here.parts, rest, self.strictness) {
                    first = Some(here.place);
                    break;
                }
            }
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
        // It has the case that names here have.
        if let Some(known) = node.next.iter().find(|next| next.name == segment) {
            return known.node;
        }
        let mark = Mark::of(segment, Strictness::Exact);
        let place = node.next.partition_point(|next| next.mark < mark);
        node.next.insert(place, Next { mark, name: segment.to_vec(), node: fresh });
        self.nodes.push(Node::default());
        fresh
    }
}

impl Node {
    /// The place of the node of a path's segment.
    fn named(&self, segment: &[u8], strictness: Strictness) -> Option<usize> {
        if segment.contains(&b'%') {
            let found = self.next.iter().find(|next| same_segment(segment, &next.name, strictness));
            return found.map(|next| next.node);
        }
        let mark = Mark::of(segment, strictness);
        let from = self.next.partition_point(|next| next.mark < mark);
        let alike = self.next.get(from..)?.iter().take_while(|next| next.mark == mark);
        let mut found = alike.filter(|next| {
            mark.length <= WORD
                || match strictness {
                    Strictness::Exact => same(&next.name, segment),
                    Strictness::Lenient => next.name.eq_ignore_ascii_case(segment),
                }
        });
        found.next().map(|next| next.node)
    }
}

impl Mark {
    fn of(segment: &[u8], strictness: Strictness) -> Self {
        let length = segment.len();
        let letters = match (segment.first_chunk::<WORD>(), segment.first_chunk::<4>(), segment.last_chunk::<4>()) {
            (Some(first), _, _) => u64::from_le_bytes(*first),
            // The two overlap where there are fewer than eight.
            (None, Some(first), Some(last)) => {
                u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << 32
            }
            (None, _, _) => segment.iter().fold(0, |letters, &byte| letters << 8 | u64::from(byte)),
        };
        let letters = match strictness {
            Strictness::Exact => letters,
            Strictness::Lenient => lower(letters),
        };
        Self { length, letters }
    }
}

/// Eight bytes, those that are ASCII letters in lower case.
fn lower(word: u64) -> u64 {
    const EACH: u64 = 0x0101_0101_0101_0101;
    let low = word & (EACH * 0x7f);
    // The high bit of each byte: from `A` on, and beyond `Z`. Neither sum reaches the next byte.
    let (from_a, beyond_z) = (low + EACH * (0x80 - 0x41), low + EACH * (0x80 - 0x5b));
    let is_upper = !word & (from_a ^ beyond_z) & (EACH * 0x80);
    word | is_upper >> 2
}

/// Letters in a mark.
const WORD: usize = 8;

#[cfg(test)]
mod tests {
    use super::{PathIndex, PathPattern, Strictness, lower};

    #[test]
    fn bytes_are_in_lower_case_eight_at_a_time() {
        for byte in 0..=u8::MAX {
            for at in 0..8 {
                for others in [0, 0x41, 0xff] {
                    let mut bytes = [others; 8];
                    bytes[at] = byte;
                    assert_eq!(
                        lower(u64::from_le_bytes(bytes)).to_le_bytes(),
                        bytes.map(|byte| byte.to_ascii_lowercase())
                    );
                }
            }
        }
    }

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
            "/Long-segment-one",
            "/long-segment-two",
            "/long-seg",
            "/abc",
            "/abcde",
            "/abCdx",
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
            "/long-segment-one",
            "/LONG-segment-TWO/",
            "/long-segment-six",
            "/long-SEG",
            "/abc",
            "/aBcde",
            "/abcdx",
            "/abcdf",
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
