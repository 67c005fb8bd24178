//! The second guard: what an editor lets go on is looked at once more, by simple code that shares nothing with the
//! editors but the rules. It reads a byte at a time, finds names by the colon behind a string, decodes them itself, and
//! asks the rules without their cache. It knows no grammar: the editors have checked that.

mod events;
mod names;
mod pairs;
mod table;

use super::Policy;
use super::body::{Active, Decision, Rulebook, decide, literal};
use super::error::Reason;
use super::media::Media;

use self::events::DataLines;
use self::names::Names;
use self::pairs::PairValues;
use self::table::Table;

/// Looks at what goes on of one body.
#[derive(Debug)]
pub(super) enum Guard {
    Texts(Texts),
    /// Texts in the data of events.
    Events(Texts, DataLines),
    Table(Table),
}

/// Looks at JSON texts: for members that should not be there, and for values of pairs.
#[derive(Debug)]
pub(super) struct Texts {
    names: Names,
    pairs: PairValues,
}

/// What must stand behind a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Demand {
    Nothing,
    /// The name must not be there at all.
    Absent,
    /// The literal of this rule.
    Literal(u32),
}

impl Guard {
    /// `max_name_bytes`: a longer name is a hit.
    pub(super) fn new(media: Media, max_name_bytes: usize) -> Self {
        let texts = Texts { names: Names::new(max_name_bytes), pairs: PairValues::new(max_name_bytes) };
        match media {
            Media::Json | Media::Lines | Media::Records | Media::Sniff | Media::Pass => Self::Texts(texts),
            Media::Events => Self::Events(texts, DataLines::default()),
            Media::Table(_) => Self::Table(Table::new(max_name_bytes)),
        }
    }

    /// Bytes held for later.
    pub(super) fn held_bytes(&self) -> usize {
        match self {
            Self::Texts(texts) | Self::Events(texts, _) => texts.held_bytes(),
            Self::Table(table) => table.held_bytes(),
        }
    }

    /// Looks at bytes that are about to go on.
    ///
    /// # Errors
    /// [`Reason::Guard`]: a member or column that should have been removed is there, or a value that should have been
    /// redacted is not its literal.
    pub(super) fn scan(&mut self, bytes: &[u8], mut book: Rulebook<'_>) -> Result<(), Reason> {
        let fine = match self {
            Self::Texts(texts) => bytes.iter().all(|&byte| texts.read(byte, &mut book)),
            Self::Events(texts, lines) => bytes.iter().all(|&byte| {
                lines.read(byte, |data| match data {
                    Some(byte) => texts.read(byte, &mut book),
                    None => {
                        texts.forget();
                        true
                    }
                })
            }),
            Self::Table(table) => bytes.iter().all(|&byte| table.read(byte, &mut book)),
        };
        if fine { Ok(()) } else { Err(Reason::Guard) }
    }

    /// Looks at what the end of the body completes.
    ///
    /// # Errors
    /// As for [`Guard::scan`].
    pub(super) fn finish(&mut self, mut book: Rulebook<'_>) -> Result<(), Reason> {
        let fine = match self {
            // A name is complete with its colon.
            Self::Texts(_) | Self::Events(..) => true,
            Self::Table(table) => table.finish(&mut book),
        };
        if fine { Ok(()) } else { Err(Reason::Guard) }
    }
}

impl Texts {
    fn held_bytes(&self) -> usize {
        self.names.held_bytes() + self.pairs.held_bytes()
    }

    fn forget(&mut self) {
        self.names.forget();
        self.pairs.forget();
    }

    /// Reads a byte; whether all is well so far.
    fn read(&mut self, byte: u8, book: &mut Rulebook<'_>) -> bool {
        let rules = book.rules;
        let fine = self.names.read(byte, |name| demand(name, book), |n| literal(rules, n));
        fine && (book.matcher.pairs().is_empty() || self.pairs.read(byte, book))
    }
}

fn demand(name: &str, book: &mut Rulebook<'_>) -> Demand {
    let mask = book.matcher.member_named(name) & book.active.enforce;
    match decide(book.rules, mask, book.matcher.texts_named(name)) {
        Decision::Keep => Demand::Nothing,
        Decision::Remove => Demand::Absent,
        Decision::Redact(n) => Demand::Literal(n),
    }
}

/// Whether the guard refuses a JSON text that comes in chunks of `width` bytes, when all rules act: for tests and fuzzing.
#[doc(hidden)]
#[must_use]
pub fn fuzz_guard(policy: &Policy, text: &[u8], width: usize) -> bool {
    let Ok(mut matcher) = policy.0.matcher.try_borrow_mut() else { return true };
    let rules = &policy.0.config.rules;
    let mut active = Active { enforce: u64::MAX, removing: 0, shadow: 0, fields: vec![0; rules.len()] };
    let mut guard = Guard::new(Media::Json, policy.0.config.limits.json.max_key_bytes);
    text.chunks(width.max(1)).any(|chunk| {
        let book = Rulebook { matcher: &mut matcher, rules, active: &mut active };
        guard.scan(chunk, book).is_err()
    })
}
