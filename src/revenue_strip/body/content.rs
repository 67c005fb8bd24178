//! The formats of bodies, each with its editor.

use std::rc::Rc;

use super::judge::{RuleJudge, Rulebook};
use super::prefix::Prefixed;
use crate::csv;
use crate::json::{Edit, Editor, Error, Texts};
use crate::revenue_strip::config::{Config, Limits};
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
        let limits = &config.limits;
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

    pub(super) fn held_bytes(&self) -> usize {
        match self {
            Self::Text(text) => text.held_bytes(),
            Self::Prefixed(prefixed) => prefixed.held_bytes(),
            Self::Events(events) => events.held_bytes(),
            Self::Table(table) => table.held_bytes(),
        }
    }

    /// Events, and lines of them, that were left out so far.
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
    editor: Editor,
    /// Whether the first byte must still show an object or array.
    sniff: bool,
}

impl Text {
    fn of(texts: Texts, limits: &Limits) -> Self {
        Self { editor: Editor::of(texts, limits.json), sniff: false }
    }

    pub(super) fn held_bytes(&self) -> usize {
        self.editor.held_bytes()
    }

    pub(super) fn push(&mut self, bytes: &[u8], book: Rulebook<'_>, out: &mut Vec<u8>) -> Result<Edit, Reason> {
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
        self.editor.push(bytes, &mut RuleJudge(book), out).map_err(Reason::from)
    }

    pub(super) fn finish(&self) -> Result<(), Reason> {
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
