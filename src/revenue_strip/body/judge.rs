//! Which rules decide about a member.

use super::content::Text;
use crate::csv::{self, Spellings};
use crate::json::{Edit, Error, Fault, Joints, Judge, Limits, RawKey, Texts, Verdict};
use crate::revenue_strip::config::{Action, Rule};
use crate::revenue_strip::matcher::{Matcher, RuleMask};

/// The rules that act on a message, and what they have done so far.
#[derive(Debug)]
pub(in crate::revenue_strip) struct Active {
    /// Rules that act.
    pub(in crate::revenue_strip) enforce: RuleMask,
    /// Those of them that remove.
    pub(in crate::revenue_strip) removing: RuleMask,
    /// Rules that only watch.
    pub(in crate::revenue_strip) shadow: RuleMask,
    /// For each rule: fields it took, or would have taken.
    pub(in crate::revenue_strip) fields: Vec<u64>,
}

impl Active {
    pub(in crate::revenue_strip) fn is_empty(&self) -> bool {
        self.enforce | self.shadow == 0
    }

    /// Adds a rule that acts.
    pub(in crate::revenue_strip) fn enforce(&mut self, bit: RuleMask, action: &Action) {
        self.enforce |= bit;
        if matches!(action, Action::Remove) {
            self.removing |= bit;
        }
    }

    /// Notes that the rules of `mask` meet a field; gives those of them that act.
    #[inline(always)]
    pub(in crate::revenue_strip) fn meet(&mut self, mask: RuleMask) -> RuleMask {
        self.meet_times(mask, 1)
    }

    /// As [`Active::meet`], of so many fields.
    #[inline(always)]
    fn meet_times(&mut self, mask: RuleMask, times: u64) -> RuleMask {
        let mut met = mask & (self.enforce | self.shadow);
        while met != 0 {
            if let Some(fields) = self.fields.get_mut(met.trailing_zeros() as usize) {
                *fields += times;
            }
            met &= met - 1;
        }
        mask & self.enforce
    }
}

/// What the rules make of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::revenue_strip) enum Decision {
    Keep,
    Remove,
    /// The literal of this rule stands in its place.
    Redact(u32),
}

/// What the rules in `mask` make of a field, of which those in `texts` list it as a text: one that removes wins, else the
/// first that redacts. A rule that lists it as a text never removes it.
pub(in crate::revenue_strip) fn decide(rules: &[Rule], mask: RuleMask, texts: RuleMask) -> Decision {
    let mut rest = mask;
    let mut decision = Decision::Keep;
    while rest != 0 {
        let n = rest.trailing_zeros();
        rest &= rest - 1;
        let Some(rule) = rules.get(n as usize) else {
            continue;
        };
        if matches!(rule.action, Action::Remove) && texts & 1 << n == 0 {
            return Decision::Remove;
        }
        if decision == Decision::Keep {
            decision = Decision::Redact(n);
        }
    }
    decision
}

/// The JSON text that stands where a rule redacts; `null` for a text in a rule that removes.
pub(in crate::revenue_strip) fn literal(rules: &[Rule], number: u32) -> &[u8] {
    match rules.get(number as usize).map(|rule| &rule.action) {
        Some(Action::Redact { json, .. }) => json.as_bytes(),
        Some(Action::Remove) | None => b"null",
    }
}

/// What is needed to judge members.
pub(in crate::revenue_strip) struct Rulebook<'a> {
    pub(in crate::revenue_strip) matcher: &'a mut Matcher,
    pub(in crate::revenue_strip) rules: &'a [Rule],
    pub(in crate::revenue_strip) active: &'a mut Active,
}

impl Rulebook<'_> {
    /// The same book, lent for a while.
    pub(in crate::revenue_strip) fn reborrow(&mut self) -> Rulebook<'_> {
        Rulebook { matcher: self.matcher, rules: self.rules, active: self.active }
    }
}

/// Asks the rules about each member or column.
pub(super) struct RuleJudge<'a>(pub(super) Rulebook<'a>);

impl RuleJudge<'_> {
    #[inline(always)]
    fn verdict<'n>(&mut self, mask: RuleMask, name: impl FnOnce() -> &'n [u8]) -> Verdict {
        if mask == 0 {
            return Verdict::Keep;
        }
        let met = self.0.active.meet(mask);
        if met & self.0.active.removing != 0 && !self.0.matcher.has_texts() {
            return Verdict::Remove;
        }
        self.decide(met, name())
    }

    #[inline(never)]
    fn decide(&self, met: RuleMask, name: &[u8]) -> Verdict {
        decide(self.0.rules, met, self.0.matcher.texts(name)).into()
    }
}

impl Judge for RuleJudge<'_> {
    #[inline(always)]
    fn judge(&mut self, key: RawKey<'_>) -> Verdict {
        self.mark(key).0
    }

    #[inline(always)]
    fn mark(&mut self, key: RawKey<'_>) -> (Verdict, Option<u64>) {
        let mask = self.0.matcher.member(key);
        (self.verdict(mask, || key.bytes()), Some(mask))
    }

    #[inline(always)]
    fn recall(&self, mark: u64) -> Option<Verdict> {
        let active = &self.0.active;
        if mark & active.enforce == 0 {
            return Some(Verdict::Keep);
        }
        (mark & active.enforce & active.removing != 0 && !self.0.matcher.has_texts()).then_some(Verdict::Remove)
    }

    #[inline(always)]
    fn meet(&mut self, mark: u64, times: u64) {
        self.0.active.meet_times(mark, times);
    }

    fn joints(&mut self) -> Option<&mut Joints> {
        Some(&mut self.0.matcher.joints)
    }

    fn replacement(&self, number: u32) -> &[u8] {
        literal(self.0.rules, number)
    }

    fn edit(&mut self, text: &[u8], limits: Limits, out: &mut Vec<u8>) -> Result<Edit, Error> {
        let mut content = Text::of(Texts::One, limits);
        let edit = content.push(text, self.0.reborrow(), out).and_then(|edit| content.finish().map(|()| edit));
        // Callers ask no more than whether it can be read.
        edit.map_err(|_| Error { at: 0, fault: Fault::Unexpected })
    }
}

impl csv::Judge for RuleJudge<'_> {
    fn judge(&mut self, name: &Spellings) -> Verdict {
        let mask = self.0.matcher.column(name.iter());
        let texts = name.iter().fold(0, |texts, spelling| texts | self.0.matcher.texts_named(spelling));
        let met = self.0.active.meet(mask);
        decide(self.0.rules, met, texts).into()
    }

    fn replacement(&self, number: u32) -> &[u8] {
        literal(self.0.rules, number)
    }
}

impl From<Decision> for Verdict {
    fn from(decision: Decision) -> Self {
        match decision {
            Decision::Keep => Self::Keep,
            Decision::Remove => Self::Remove,
            Decision::Redact(n) => Self::Replace(n),
        }
    }
}
