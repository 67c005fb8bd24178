//! Many patterns at once: which is the first that fits a path.

use super::{Part, PathPattern, Strictness, fits, next_segment, same_segment};
use crate::bytes::{find, same};

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
    mark: u64,
    /// In lower case where case does not matter.
    name: Vec<u8>,
    node: usize,
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
        let encoded = find(path, b'%').is_some();
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
            match node.named(segment, encoded, self.strictness).and_then(|at| self.nodes.get(at)) {
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
        let mark = mark(segment, Strictness::Exact);
        let place = node.next.partition_point(|next| next.mark < mark);
        node.next.insert(place, Next { mark, name: segment.to_vec(), node: fresh });
        self.nodes.push(Node::default());
        fresh
    }
}

impl Node {
    /// The place of the node of a path's segment. `encoded`: the path has percent encoding.
    fn named(&self, segment: &[u8], encoded: bool, strictness: Strictness) -> Option<usize> {
        if encoded {
            let found = self.next.iter().find(|next| same_segment(segment, &next.name, strictness));
            return found.map(|next| next.node);
        }
        let mark = mark(segment, strictness);
        let from = self.next.partition_point(|next| next.mark < mark);
        let alike = self.next.get(from..)?.iter().take_while(|next| next.mark == mark);
        let mut found = alike.filter(|next| next.is(segment, strictness));
        found.next().map(|next| next.node)
    }
}

impl Next {
    /// Whether it is the node of a segment that has its mark.
    #[inline(always)]
    fn is(&self, segment: &[u8], strictness: Strictness) -> bool {
        self.name.len() == segment.len()
            && (segment.len() <= WORD
                || match strictness {
                    Strictness::Exact => same(&self.name, segment),
                    Strictness::Lenient => is_lower_of(&self.name, segment),
                })
    }
}

/// What tells most segments apart: up to eight letters, which are all that a shorter one has.
#[inline(always)]
fn mark(segment: &[u8], strictness: Strictness) -> u64 {
    let letters = match (segment.first_chunk::<WORD>(), segment.first_chunk::<4>(), segment.last_chunk::<4>()) {
        (Some(first), _, _) => u64::from_le_bytes(*first),
        // The two overlap where there are fewer than eight.
        (None, Some(first), Some(last)) => {
            u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << 32
        }
        (None, _, _) => segment.iter().fold(0, |letters, &byte| letters << 8 | u64::from(byte)),
    };
    match strictness {
        Strictness::Exact => letters,
        Strictness::Lenient => lower(letters),
    }
}

/// Whether a name is a text of the same length, longer than a word, in lower case.
fn is_lower_of(name: &[u8], text: &[u8]) -> bool {
    let is = |name: &[u8; WORD], text: &[u8; WORD]| u64::from_le_bytes(*name) == lower(u64::from_le_bytes(*text));
    let (words, _) = name.as_chunks::<WORD>();
    let (text_words, _) = text.as_chunks::<WORD>();
    let last = name.last_chunk().zip(text.last_chunk());
    // The last eight overlap those before them.
    last.is_some_and(|(name, text)| is(name, text)) && words.iter().zip(text_words).all(|(name, text)| is(name, text))
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
    use super::{PathIndex, PathPattern, Strictness, is_lower_of, lower};

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
    fn names_are_compared_to_the_last_byte() {
        let text: Vec<u8> = (b'a'..=b'z').chain(b'0'..=b'9').collect();
        for length in 8..=text.len() {
            let name = &text[..length];
            assert!(is_lower_of(name, &name.to_ascii_uppercase()), "{length}");
            for at in 0..length {
                let mut other = name.to_vec();
                other[at] ^= 0x80;
                assert!(!is_lower_of(name, &other), "{at} of {length}");
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
