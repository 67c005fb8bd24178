//! Values of pairs, taken before the other rules read a text: `{"name": "unit_cost", "value": 5}`.
//!
//! The text is checked first, then the pairs are, on the portal's own words; what is left goes to the editor. Without rules
//! that have pairs, and act or watch here, none of this is there.

mod pending;
mod stage;

use super::judge::{Active, RuleJudge, Rulebook};
use crate::json::{Edit, Editor, Error, Limits, Texts};
use crate::revenue_strip::error::Reason;

use self::stage::Stage;

/// Takes the values of pairs from JSON texts that come in chunks.
#[derive(Debug)]
pub(super) struct Pairing {
    /// Changes nothing: it sees to it that what comes next is JSON, and gives names in one piece.
    check: Editor,
    acting: Option<Stage>,
    /// For rules that only watch: its words go nowhere.
    watching: Option<Stage>,
}

impl Pairing {
    /// `None` when no rule of the book has pairs.
    pub(super) fn new(texts: Texts, limits: Limits, book: &Rulebook<'_>) -> Option<Self> {
        let stage = |rules, acts| Stage::new(book.matcher.pairs(), rules, acts);
        let acting = stage(book.active.enforce, true);
        let watching = stage(book.active.shadow, false);
        (acting.is_some() || watching.is_some()).then(|| Self { check: Editor::of(texts, limits), acting, watching })
    }

    pub(super) fn held_bytes(&self) -> usize {
        let stages = self.acting.iter().chain(&self.watching).map(Stage::held_bytes).sum::<usize>();
        self.check.held_bytes() + stages
    }

    /// Reads all of `bytes`. Unless they go on unchanged, appends to `out` what goes on in their place.
    ///
    /// # Errors
    /// The text cannot be inspected; final.
    pub(super) fn push(&mut self, bytes: &[u8], mut book: Rulebook<'_>, out: &mut Vec<u8>) -> Result<Edit, Reason> {
        let mut idle = Active { enforce: 0, removing: 0, shadow: 0, fields: Vec::new() };
        let mut checked = Vec::new();
        let nobody = Rulebook { matcher: book.matcher, rules: book.rules, active: &mut idle };
        let check = self.check.push(bytes, &mut RuleJudge(nobody), &mut checked).map_err(Reason::from)?;
        let text = if check == Edit::Unchanged { bytes } else { &checked };
        if let Some(watching) = &mut self.watching {
            match watching.push(text, book.reborrow(), &mut Vec::new()) {
                Ok(_) => {}
                // Nothing but what watches would have stopped here.
                Err(reason) if book.active.enforce == 0 => return Err(reason),
                Err(_) => self.watching = None,
            }
        }
        let edit = match &mut self.acting {
            Some(acting) => acting.push(text, book, out)?,
            None => Edit::Unchanged,
        };
        Ok(match (edit, check) {
            (Edit::Unchanged, Edit::Replaced) => {
                out.append(&mut checked);
                Edit::Replaced
            }
            (edit, _) => edit,
        })
    }

    /// Whether the body may end here.
    ///
    /// # Errors
    /// The text is not complete. In a complete one nothing is held.
    pub(super) fn finish(&self) -> Result<(), Error> {
        self.check.finish()
    }
}
