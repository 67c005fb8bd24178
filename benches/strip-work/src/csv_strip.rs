//! The strip of tables: the core's editor with the default lists.

use lockgate::csv::{Dialect, Edit, Editor, Judge, Limits, Spellings, Verdict};

use crate::serde_strip::Names;

/// Removes columns that the default lists name.
#[derive(Debug)]
pub struct ByLists<'a>(pub &'a Names);

impl Judge for ByLists<'_> {
    fn judge(&mut self, name: &Spellings) -> Verdict {
        if name.iter().any(|spelling| self.0.take(spelling)) { Verdict::Remove } else { Verdict::Keep }
    }

    fn replacement(&self, _: u32) -> &[u8] {
        b"null"
    }
}

/// Strips a table that comes in chunks of `width` bytes; `sink` gets what goes on, chunk by chunk. Whether all of it did.
pub fn strip(
    judge: &mut impl Judge,
    body: &[u8],
    width: usize,
    out: &mut Vec<u8>,
    mut sink: impl FnMut(&[u8]),
) -> bool {
    let mut editor = Editor::new(Dialect::Detect, Limits::default());
    for chunk in body.chunks(width.max(1)) {
        out.clear();
        match editor.push(chunk, judge, out) {
            Ok(Edit::Unchanged) => sink(chunk),
            Ok(Edit::Replaced) => sink(out),
            Err(_) => return false,
        }
    }
    out.clear();
    let ended = editor.finish(judge, out).is_ok();
    sink(out);
    ended
}
