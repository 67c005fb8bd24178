//! Many patterns at once.

use regex_automata::hybrid::dfa::{Cache, DFA};
use regex_automata::nfa::thompson::{self, pikevm::PikeVM};
use regex_automata::util::syntax;
use regex_automata::{Input, MatchKind, PatternSet};
use regex_syntax::hir::{Capture, Class, ClassUnicode, ClassUnicodeRange, Hir, HirKind, Repetition};

/// Largest compiled form of all patterns together, in bytes.
const MAX_PATTERNS_SIZE: usize = 2 * 1024 * 1024;
/// Largest cache of the lazily built automaton, in bytes.
const MAX_AUTOMATON_SIZE: usize = 512 * 1024;

/// All patterns in one automaton, built as names come, in memory of fixed size.
#[derive(Debug)]
pub(super) struct Patterns {
    automaton: DFA,
    cache: Cache,
    found: PatternSet,
}

impl Patterns {
    /// `of_headers`: letters match in either case, `-` and `_` alike.
    pub(super) fn new(patterns: &[&String], of_headers: bool) -> Result<Self, String> {
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
    pub(super) fn matching(&mut self, name: &str) -> &PatternSet {
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
