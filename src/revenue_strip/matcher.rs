//! Which rules a name falls under. Decisions are cached in a bounded table.

use std::collections::HashMap;

use regex_automata::hybrid::dfa::{Cache, DFA};
use regex_automata::nfa::thompson::{self, pikevm::PikeVM};
use regex_automata::util::syntax;
use regex_automata::{Input, MatchKind, PatternSet};
use regex_syntax::hir::{Capture, Class, ClassUnicode, ClassUnicodeRange, Hir, HirKind, Repetition};

use super::key_cache::{CachedKey, KeyCache};
use crate::config::ConfigError;
use crate::json::{Joints, RawKey};

/// Rules by their number: bit n stands for rule n.
pub(super) type RuleMask = u64;

/// Most strip rules in one configuration.
pub const MAX_RULES: usize = 64;
/// Largest compiled form of all patterns together, in bytes.
const MAX_PATTERNS_SIZE: usize = 2 * 1024 * 1024;
/// Largest cache of the lazily built automaton, in bytes.
const MAX_AUTOMATON_SIZE: usize = 512 * 1024;

/// What one rule takes away.
#[derive(Debug)]
pub(super) struct Names {
    pub(super) exact: Vec<String>,
    pub(super) patterns: Vec<String>,
    pub(super) keep: Vec<String>,
    /// Taken as exact names are, and redacted where those are removed.
    pub(super) texts: Vec<String>,
    pub(super) in_headers: bool,
}

/// All rules' names and patterns together.
#[derive(Debug)]
pub(super) struct Matcher {
    members: NameSet,
    headers: NameSet,
    /// The rules that list a member's name as a text.
    texts: HashMap<String, RuleMask>,
    /// The rules that list a name with these letters and digits among `keep` or `texts`.
    excepted: HashMap<String, RuleMask>,
    member_cache: KeyCache,
    /// What stands between the values of bodies.
    pub(super) joints: Joints,
    header_cache: KeyCache,
    /// Where escaped names are decoded.
    space: String,
}

impl Matcher {
    pub(super) fn new(rules: &[Names]) -> Result<Self, ConfigError> {
        let members = NameSet::new(rules, str::to_owned, false)?;
        let headers = NameSet::new(rules, header_form, true)?;
        let mut texts: HashMap<String, RuleMask> = HashMap::new();
        let mut excepted: HashMap<String, RuleMask> = HashMap::new();
        for (n, rule) in rules.iter().enumerate() {
            for name in &rule.texts {
                *texts.entry(name.clone()).or_default() |= 1 << n;
            }
            for name in rule.keep.iter().chain(&rule.texts) {
                *excepted.entry(letters(name)).or_default() |= 1 << n;
            }
        }
        Ok(Self {
            members,
            headers,
            texts,
            excepted,
            member_cache: KeyCache::new(9),
            joints: Joints::new(),
            header_cache: KeyCache::new(7),
            space: String::new(),
        })
    }

    /// The rules that a member's name falls under.
    #[inline]
    pub(super) fn member(&mut self, key: RawKey<'_>) -> RuleMask {
        let Some(slot) = CachedKey::of(key.bytes()) else {
            return self.members.rules(key.text(&mut self.space));
        };
        match self.member_cache.find(&slot) {
            Some(mask) => mask,
            None => self.look_up(key, slot),
        }
    }

    #[cold]
    #[inline(never)]
    fn look_up(&mut self, key: RawKey<'_>, slot: CachedKey) -> RuleMask {
        let mask = self.members.rules(key.text(&mut self.space));
        self.member_cache.put(slot, mask);
        mask
    }

    /// Whether any rule lists texts.
    #[inline]
    pub(super) fn has_texts(&self) -> bool {
        !self.texts.is_empty()
    }

    /// The rules that list a member's name as a text.
    pub(super) fn texts(&self, name: &[u8]) -> RuleMask {
        if self.has_texts() { self.texts_named(RawKey::new(name).text(&mut String::new())) } else { 0 }
    }

    /// As [`Matcher::texts`], of a decoded name.
    pub(super) fn texts_named(&self, name: &str) -> RuleMask {
        self.texts.get(name).copied().unwrap_or_default()
    }

    /// The rules that a column falls under, which is known by several spellings: taken by one is taken, kept by one is
    /// kept.
    pub(super) fn column<'a>(&mut self, spellings: impl Iterator<Item = &'a str>) -> RuleMask {
        let (mut taken, mut kept) = (0, 0);
        for spelling in spellings {
            taken |= self.members.rules(spelling);
            kept |= self.members.kept(spelling);
        }
        taken & !kept
    }

    /// The rules with an exception for a name that differs from this one in case and signs at most.
    pub(super) fn excepted_like(&self, name: &str) -> RuleMask {
        self.excepted.get(&letters(name)).copied().unwrap_or_default()
    }

    /// The rules that a decoded name falls under, by a way without the cache.
    pub(super) fn member_named(&mut self, name: &str) -> RuleMask {
        self.members.rules(name)
    }

    /// The rules that a header's name falls under.
    pub(super) fn header(&mut self, name: &str) -> RuleMask {
        // What a message is made of is no field of its content.
        if name.starts_with(':') {
            return 0;
        }
        let slot = CachedKey::of(name.as_bytes());
        if let Some(mask) = slot.as_ref().and_then(|slot| self.header_cache.find(slot)) {
            return mask;
        }
        // Patterns see the name with and without its `x-`: `^x-cost` and `^cost` both find `x-cost`.
        let (form, whole) = (header_form(name), name.to_ascii_lowercase());
        let mask = (self.headers.rules(&form) | self.headers.rules(&whole)) & !self.headers.kept(&form);
        if let Some(slot) = slot {
            self.header_cache.put(slot, mask);
        }
        mask
    }
}

/// A name's letters and digits, in lower case.
fn letters(name: &str) -> String {
    name.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// A header's name as exact names are compared: lower case, `_` for `-`, a leading `x-` dropped.
fn header_form(name: &str) -> String {
    let form = name.to_ascii_lowercase().replace('-', "_");
    match form.strip_prefix("x_") {
        Some(rest) if !rest.is_empty() => rest.to_owned(),
        Some(_) | None => form,
    }
}

/// Exact names and patterns with the rules that each stands for.
#[derive(Debug)]
struct NameSet {
    /// For each exact name: the rules that take it and the rules that keep it.
    exact: HashMap<String, (RuleMask, RuleMask)>,
    patterns: Patterns,
    /// The rule of each pattern.
    pattern_rules: Vec<RuleMask>,
}

impl NameSet {
    fn new(rules: &[Names], form: impl Fn(&str) -> String, headers: bool) -> Result<Self, ConfigError> {
        let mut exact: HashMap<String, (RuleMask, RuleMask)> = HashMap::new();
        let mut patterns = Vec::new();
        let mut pattern_rules = Vec::new();
        for (n, rule) in rules.iter().enumerate().filter(|(_, rule)| !headers || rule.in_headers) {
            let bit = 1 << n;
            for name in rule.exact.iter().chain(&rule.texts) {
                exact.entry(form(name)).or_default().0 |= bit;
            }
            for name in &rule.keep {
                exact.entry(form(name)).or_default().1 |= bit;
            }
            for (m, pattern) in rule.patterns.iter().enumerate() {
                Patterns::new(&[pattern], headers)
                    .map_err(|why| ConfigError::new(format!("rules[{n}].patterns[{m}]"), why))?;
                patterns.push(pattern);
                pattern_rules.push(bit);
            }
        }
        let patterns = Patterns::new(&patterns, headers)
            .map_err(|why| ConfigError::new("rules", format_args!("all patterns together: {why}")))?;
        Ok(Self { exact, patterns, pattern_rules })
    }

    fn rules(&mut self, name: &str) -> RuleMask {
        let (taken, kept) = self.exact.get(name).copied().unwrap_or_default();
        let mut mask = taken;
        for pattern in self.patterns.matching(name).iter() {
            mask |= self.pattern_rules.get(pattern.as_usize()).copied().unwrap_or_default();
        }
        mask & !kept
    }

    fn kept(&self, name: &str) -> RuleMask {
        self.exact.get(name).map(|&(_, kept)| kept).unwrap_or_default()
    }
}

/// All patterns in one automaton, built as names come, in memory of fixed size.
#[derive(Debug)]
struct Patterns {
    automaton: DFA,
    cache: Cache,
    found: PatternSet,
}

impl Patterns {
    /// `of_headers`: letters match in either case, `-` and `_` alike.
    fn new(patterns: &[&String], of_headers: bool) -> Result<Self, String> {
        let syntax = syntax::Config::new().case_insensitive(of_headers);
        let mut trees = Vec::with_capacity(patterns.len());
        for pattern in patterns {
            let tree = syntax::parse_with(pattern, &syntax).map_err(|error| one_line(&error))?;
            trees.push(if of_headers { either_sign(&tree) } else { tree });
        }
        let nfa = thompson::Compiler::new()
            .configure(thompson::Config::new().nfa_size_limit(Some(MAX_PATTERNS_SIZE)))
            .build_many_from_hir(&trees)
            .map_err(|error| one_line(&error))?;
        let automaton = DFA::builder()
            .configure(
                DFA::config()
                    .match_kind(MatchKind::All)
                    // A word boundary next to a letter that is not ASCII is left to the PikeVM.
                    .unicode_word_boundary(true)
                    .cache_capacity(MAX_AUTOMATON_SIZE),
            )
            .build_from_nfa(nfa)
            // Only its size can be at fault.
            .map_err(|_| "is too large".to_owned())?;
        Ok(Self { cache: automaton.create_cache(), automaton, found: PatternSet::new(patterns.len()) })
    }

    /// The patterns that are found anywhere in `name`.
    fn matching(&mut self, name: &str) -> &PatternSet {
        self.found.clear();
        let input = Input::new(name);
        if self.automaton.try_which_overlapping_matches(&mut self.cache, &input, &mut self.found).is_err() {
            self.found.clear();
            match PikeVM::builder().build_from_nfa(self.automaton.get_nfa().clone()) {
                Ok(machine) => {
                    machine.which_overlapping_matches(&mut machine.create_cache(), &input, &mut self.found);
                }
                // What cannot be judged counts as found.
                Err(_) => (0..self.found.capacity()).for_each(|n| {
                    let _ = regex_automata::PatternID::new(n).map(|pattern| self.found.try_insert(pattern));
                }),
            }
        }
        &self.found
    }
}

/// The pattern with `[-_]` wherever it has one of the two. The parser has bounded its depth.
fn either_sign(tree: &Hir) -> Hir {
    let sign = || {
        let ranges = [b'-', b'_'].map(|sign| ClassUnicodeRange::new(sign.into(), sign.into()));
        ClassUnicode::new(ranges)
    };
    let is_sign = |byte: u8| matches!(byte, b'-' | b'_');
    match tree.kind() {
        HirKind::Empty => Hir::empty(),
        HirKind::Look(look) => Hir::look(*look),
        HirKind::Literal(literal) => {
            let runs = literal.0.chunk_by(|one, next| !is_sign(*one) && !is_sign(*next));
            Hir::concat(
                runs.map(|run| match run {
                    [byte] if is_sign(*byte) => Hir::class(Class::Unicode(sign())),
                    _ => Hir::literal(run),
                })
                .collect(),
            )
        }
        HirKind::Class(Class::Unicode(class)) => {
            let mut class = class.clone();
            let mut signs = sign();
            signs.intersect(&class);
            if !signs.ranges().is_empty() {
                class.union(&sign());
            }
            Hir::class(Class::Unicode(class))
        }
        HirKind::Class(Class::Bytes(class)) => Hir::class(Class::Bytes(class.clone())),
        HirKind::Repetition(repetition) => {
            let sub = Box::new(either_sign(&repetition.sub));
            Hir::repetition(Repetition { sub, ..repetition.clone() })
        }
        HirKind::Capture(capture) => {
            Hir::capture(Capture { sub: Box::new(either_sign(&capture.sub)), ..capture.clone() })
        }
        HirKind::Concat(parts) => Hir::concat(parts.iter().map(either_sign).collect()),
        HirKind::Alternation(parts) => Hir::alternation(parts.iter().map(either_sign).collect()),
    }
}

/// The innermost cause of an error, without its drawing.
fn one_line(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string().lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned()
}

#[cfg(test)]
mod tests {
    use super::{Matcher, Names};

    fn names(exact: &[&str], patterns: &[&str], keep: &[&str]) -> Names {
        let list = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        Names { exact: list(exact), patterns: list(patterns), keep: list(keep), texts: Vec::new(), in_headers: true }
    }

    #[test]
    fn names_are_exact_and_patterns_are_searched() {
        let rules = [
            names(&["unit_cost", ""], &["(?i)margin", "^profit"], &["margin-top"]),
            names(&["ssn"], &[], &[]),
            names(&[], &["cost"], &["cost"]),
        ];
        let mut matcher = Matcher::new(&rules).unwrap();
        let cases = [
            ("unit_cost", 0b101),
            ("Unit_cost", 0b100),
            ("", 0b001),
            ("SSN", 0),
            ("ssn", 0b010),
            ("grossMARGINs", 0b001),
            ("margin-top", 0),
            ("profits", 0b001),
            ("nonprofit", 0),
            ("cost", 0),
            ("a cost that is longer than the thirty-two bytes of a cached name", 0b100),
        ];
        for round in 0..2 {
            for (name, want) in cases {
                let body = format!("{{\"{name}\":0}}");
                let mut seen = Vec::new();
                let mut judge = Spy { matcher: &mut matcher, seen: &mut seen };
                let mut editor = crate::json::Editor::new(crate::json::Limits::default());
                let _ = editor.push(body.as_bytes(), &mut judge, &mut Vec::new()).unwrap();
                assert_eq!(seen, [want], "{name}, round {round}");
            }
        }
    }

    struct Spy<'a> {
        matcher: &'a mut Matcher,
        seen: &'a mut Vec<u64>,
    }

    impl crate::json::Judge for Spy<'_> {
        fn judge(&mut self, key: crate::json::RawKey<'_>) -> crate::json::Verdict {
            self.seen.push(self.matcher.member(key));
            crate::json::Verdict::Keep
        }

        fn replacement(&self, _: u32) -> &[u8] {
            b""
        }
    }

    #[test]
    fn header_names_are_compared_without_case_sign_and_x() {
        let mut matcher = Matcher::new(&[names(
            &["unit_cost", "unitCost"],
            &["cost.*internal", "net-price", "^x-secret", "^top[-]both_signs-mixed"],
            &["x-cost-internal-note"],
        )])
        .unwrap();
        for round in 0..2 {
            for (name, want) in [
                ("unit-cost", 1),
                ("x-unit-cost", 1),
                ("X-Unit_Cost", 1),
                ("unitcost", 1),
                ("x-cost-a-Internal", 1),
                ("cost-internal-note", 0),
                ("x-net_price", 1),
                ("unit-costs", 0),
                ("x-secret-note", 1),
                ("secret-note", 0),
                ("x_secret", 1),
                ("top-both-signs-mixed", 1),
                ("x-top_both_signs_mixed", 1),
                (":status", 0),
                ("x-", 0),
            ] {
                assert_eq!(matcher.header(name), want, "{name}, round {round}");
            }
        }
    }

    #[test]
    fn word_boundaries_hold_next_to_any_letter() {
        let mut matcher = Matcher::new(&[names(&[], &[r"\bcost\b", "(?i)PREIS"], &[])]).unwrap();
        for (name, want) in [
            ("unit cost", 1),
            ("unit_cost", 0),
            ("é cost", 1),
            ("écost", 0),
            ("cost é", 1),
            ("größerer preis", 1),
            ("é", 0),
        ] {
            assert_eq!(matcher.members.rules(name), want, "{name}");
        }
    }

    #[test]
    fn a_bad_pattern_is_refused_with_its_place() {
        let error = Matcher::new(&[names(&[], &["a", "(b"], &[])]).unwrap_err();
        assert_eq!(error.to_string(), "rules[0].patterns[1]: unclosed group");
        let error = Matcher::new(&[names(&[], &["(a{1000}){1000}"], &[])]).unwrap_err();
        assert!(error.to_string().starts_with("rules[0].patterns[0]: "), "{error}");
    }
}
