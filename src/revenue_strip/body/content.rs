//! The formats of bodies, each with its editor.

use std::rc::Rc;

use super::judge::{RuleJudge, Rulebook};
use super::pairing::Pairing;
use super::prefix::Prefixed;
use crate::csv;
use crate::json::{self, Edit, Editor, Error, Texts};
use crate::revenue_strip::config::Config;
use crate::revenue_strip::error::Reason;
use crate::revenue_strip::media::Media;
use crate::sse::{self, EventEditor};

/// A body by its format.
#[derive(Debug)]
pub(super) enum Content {
    Text(Text),
    /// A text before which a listed prefix may stand.
    Prefixed(Prefixed),
    Events(EventEditor),
    Table(csv::Editor),
}

impl Content {
    pub(super) fn new(media: Media, config: &Config) -> Self {
        let limits = config.limits.json;
        match media {
            Media::Lines => Self::Text(Text::of(Texts::Lines, limits)),
            Media::Records => Self::Text(Text::of(Texts::Records, limits)),
            Media::Events => Self::Events(EventEditor::new(Rc::clone(&config.modes.events))),
            Media::Table(dialect) => Self::Table(csv::Editor::new(dialect, csv::Limits::default())),
            Media::Json | Media::Sniff | Media::Pass => {
                let text = Text { sniff: media != Media::Json, ..Text::of(Texts::One, limits) };
                let prefixes = &config.modes.prefixes;
                if prefixes.is_empty() { Self::Text(text) } else { Self::Prefixed(Prefixed::new(text, prefixes)) }
            }
        }
    }

    #[inline]
    pub(super) fn held_bytes(&self) -> usize {
        match self {
            Self::Text(text) => text.held_bytes(),
            Self::Prefixed(prefixed) => prefixed.held_bytes(),
            Self::Events(events) => events.held_bytes(),
            Self::Table(table) => table.held_bytes(),
        }
    }

    /// Events, and lines of them, that were left out so far.
    #[inline]
    pub(super) fn dropped(&self) -> u64 {
        match self {
            Self::Text(_) | Self::Prefixed(_) | Self::Table(_) => 0,
            Self::Events(events) => events.dropped(),
        }
    }

    /// Reads all of `bytes`. Unless they go on unchanged, appends to `out` what goes on in their place.
    ///
    /// # Errors
    /// The body cannot be inspected; final.
    #[inline]
    pub(super) fn push(&mut self, bytes: &[u8], book: Rulebook<'_>, out: &mut Vec<u8>) -> Result<Edit, Reason> {
        match self {
            Self::Text(text) => text.push(bytes, book, out),
            Self::Prefixed(prefixed) => prefixed.push(bytes, book, out),
            Self::Events(events) => events.push(bytes, &mut RuleJudge(book), out).map_err(Reason::from),
            Self::Table(table) => table.push(bytes, &mut RuleJudge(book), out).map_err(Reason::from),
        }
    }

    /// Ends the body. What a table still has to write is appended to `out`; other formats never have anything.
    ///
    /// # Errors
    /// It is not complete.
    pub(super) fn finish(&mut self, book: Rulebook<'_>, out: &mut Vec<u8>) -> Result<(), Reason> {
        match self {
            Self::Text(text) => text.finish(),
            Self::Prefixed(prefixed) => prefixed.finish(),
            // An incomplete event at the end is nothing: clients discard it.
            Self::Events(_) => Ok(()),
            Self::Table(table) => table.finish(&mut RuleJudge(book), out).map(|_| ()).map_err(Reason::from),
        }
    }
}

/// JSON texts.
#[derive(Debug)]
pub(super) struct Text {
    texts: Texts,
    limits: json::Limits,
    editor: Editor,
    /// Whether the first byte must still show an object or array.
    sniff: bool,
    pairs: Pairs,
}

/// Whether there are rules with pairs.
#[derive(Debug)]
enum Pairs {
    /// Nothing has come.
    Unasked,
    None,
    Some(Box<Pairing>),
}

impl Text {
    pub(super) fn of(texts: Texts, limits: json::Limits) -> Self {
        Self { texts, limits, editor: Editor::of(texts, limits), sniff: false, pairs: Pairs::Unasked }
    }

    #[inline]
    pub(super) fn held_bytes(&self) -> usize {
        let pairs = if let Pairs::Some(pairing) = &self.pairs { pairing.held_bytes() } else { 0 };
        self.editor.held_bytes() + pairs
    }

    pub(super) fn push(&mut self, bytes: &[u8], mut book: Rulebook<'_>, out: &mut Vec<u8>) -> Result<Edit, Reason> {
        // The editor sees to it that an order mark stands whole and only at the start.
        let telling = |byte: &&u8| !matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | 0xef | 0xbb | 0xbf);
        if self.sniff
            && let Some(first) = bytes.iter().find(telling)
        {
            if !matches!(first, b'{' | b'[') {
                return Err(Reason::NotJson);
            }
            self.sniff = false;
        }
        if let Pairs::Unasked = self.pairs {
            let pairing = Pairing::new(self.texts, self.limits, &book);
            self.pairs = pairing.map_or(Pairs::None, |pairing| Pairs::Some(Box::new(pairing)));
        }
        let Pairs::Some(pairing) = &mut self.pairs else {
            return self.editor.push(bytes, &mut RuleJudge(book), out).map_err(Reason::from);
        };
        let mut left = Vec::new();
        let paired = pairing.push(bytes, book.reborrow(), &mut left)?;
        let text = if paired == Edit::Unchanged { bytes } else { &left };
        let edit = self.editor.push(text, &mut RuleJudge(book), out).map_err(Reason::from)?;
        Ok(match (edit, paired) {
            (Edit::Unchanged, Edit::Replaced) => {
                out.append(&mut left);
                Edit::Replaced
            }
            (edit, _) => edit,
        })
    }

    pub(super) fn finish(&self) -> Result<(), Reason> {
        if let Pairs::Some(pairing) = &self.pairs {
            pairing.finish().map_err(Reason::from)?;
        }
        self.editor.finish().map_err(Reason::from)
    }
}

impl From<Error> for Reason {
    fn from(error: Error) -> Self {
        Self::Json(error.fault)
    }
}

impl From<csv::Error> for Reason {
    fn from(error: csv::Error) -> Self {
        Self::Csv(error.fault)
    }
}

impl From<sse::Error> for Reason {
    fn from(error: sse::Error) -> Self {
        match error {
            sse::Error::TooLong => Self::EventLength,
            sse::Error::NotJson | sse::Error::Failed => Self::EventNotJson,
        }
    }
}
