//! UTF-8 (RFC 3629) over chunks.

/// A sequence that the end of a chunk has cut: at most three bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Utf8 {
    cut: [u8; 4],
    len: usize,
}

/// The bytes are not UTF-8: where the bad sequence begins, from the first of the given bytes; it may lie before them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NotUtf8 {
    pub(crate) start: i64,
}

impl Utf8 {
    /// Whether no sequence is open.
    #[inline(always)]
    pub(crate) fn is_complete(self) -> bool {
        self.len == 0
    }

    /// Checks the next bytes of a string. A sequence may stay open only when there is `more` of the string to come.
    pub(crate) fn push(&mut self, bytes: &[u8], more: bool) -> Result<(), NotUtf8> {
        let earlier = self.len;
        let mut rest = bytes;
        while self.len != 0 {
            let Some((&byte, after)) = rest.split_first() else {
                break;
            };
            if let Some(slot) = self.cut.get_mut(self.len) {
                *slot = byte;
            }
            self.len += 1;
            rest = after;
            match std::str::from_utf8(self.cut.get(..self.len).unwrap_or_default()) {
                Ok(_) => self.len = 0,
                Err(error) if error.error_len().is_none() && self.len < self.cut.len() => {}
                Err(_) => {
                    return Err(NotUtf8 { start: -offset(earlier) });
                }
            }
        }
        if let Err(error) = std::str::from_utf8(rest) {
            let (good, bad) = rest.split_at_checked(error.valid_up_to()).unwrap_or_default();
            if error.error_len().is_some() {
                return Err(NotUtf8 { start: offset(bytes.len() - rest.len() + good.len()) });
            }
            for (slot, &byte) in self.cut.iter_mut().zip(bad) {
                *slot = byte;
            }
            self.len = bad.len();
        }
        if self.len != 0 && !more {
            return Err(NotUtf8 { start: offset(bytes.len()) - offset(self.len) });
        }
        Ok(())
    }
}

fn offset(bytes: usize) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::Utf8;

    #[test]
    fn every_split_agrees_with_the_standard_library() {
        let cases: [&[u8]; 12] = [
            "plain".as_bytes(),
            "é漢😀é".as_bytes(),
            b"\xc0\xaf",             // overlong /
            b"\xe0\x80\xaf",         // overlong /
            b"\xed\xa0\x80",         // an encoded surrogate
            b"\xf4\x90\x80\x80",     // beyond U+10FFFF
            b"ab\xff",               // never a UTF-8 byte
            b"\xf0\x9f\x98",         // cut
            b"a\x80",                // a lone continuation
            b"\xc3\xc3",             // a lead after a lead
            b"\xe6\xbc\xa2\xe6\xbc", // cut in the second
            b"\xf0\x9f\x98\x80\xbf", // one too many
        ];
        for bytes in cases {
            for width in 1..=bytes.len() {
                let mut utf8 = Utf8::default();
                let mut result = Ok(());
                for chunk in bytes.chunks(width) {
                    result = result.and_then(|()| utf8.push(chunk, true).map_err(|_| ()));
                }
                let ours = result.is_ok() && utf8.is_complete();
                assert_eq!(ours, std::str::from_utf8(bytes).is_ok(), "{bytes:x?}, width {width}");
            }
        }
    }
}
