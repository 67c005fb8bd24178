//! The second guard: what an editor lets go on is looked at once more, by simple code that shares nothing with the
//! editors but the rules. It reads a byte at a time, finds names by the colon behind a string, decodes them itself, and
//! asks the rules without their cache. It knows no grammar: the editors have checked that.

mod events;
mod names;

use super::Policy;
use super::body::{Active, Decision, Rulebook, decide, literal};
use super::error::Reason;
use super::media::Media;

use self::events::DataLines;
use self::names::Names;

/// Looks at what goes on of one body.
#[derive(Debug)]
pub(super) struct Guard {
    names: Names,
    /// For event streams: where the data stands.
    lines: Option<DataLines>,
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
        Self { names: Names::new(max_name_bytes), lines: (media == Media::Events).then(DataLines::default) }
    }

    /// Bytes held for later.
    pub(super) fn held_bytes(&self) -> usize {
        self.names.held_bytes()
    }

    /// Looks at bytes that are about to go on.
    ///
    /// # Errors
    /// [`Reason::Guard`]: a member that should have been removed is there, or the value of one that should have been
    /// redacted is not its literal.
    pub(super) fn scan(&mut self, bytes: &[u8], mut book: Rulebook<'_>) -> Result<(), Reason> {
        let rules = book.rules;
        for &byte in bytes {
            let fine = match &mut self.lines {
                None => self.names.read(byte, |name| demand(name, &mut book), |n| literal(rules, n)),
                Some(lines) => lines.read(byte, |step| match step {
                    None => {
                        self.names.forget();
                        true
                    }
                    Some(byte) => self.names.read(byte, |name| demand(name, &mut book), |n| literal(rules, n)),
                }),
            };
            if !fine {
                return Err(Reason::Guard);
            }
        }
        Ok(())
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
    let mut active = Active { enforce: u64::MAX, shadow: 0, fields: vec![0; rules.len()] };
    let mut guard = Guard::new(Media::Json, policy.0.config.limits.json.max_key_bytes);
    text.chunks(width.max(1)).any(|chunk| {
        let book = Rulebook { matcher: &mut matcher, rules, active: &mut active };
        guard.scan(chunk, book).is_err()
    })
}
