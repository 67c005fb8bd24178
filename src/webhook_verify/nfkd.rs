//! The normal form NFKD of secrets in Latin, Greek and Cyrillic letters.
//!
//! One provider (EasyPost) has its senders normalise secrets so. All of Unicode's decompositions would be 100 KB of the module; a
//! secret with other letters is refused when Envoy starts, and may be written in the normal form's bytes under another format.

use zeroize::Zeroizing;

/// A letter a line, up to U+052F, and what it becomes. Held against all of Unicode by the test below.
const DECOMPOSED: &str = include_str!("nfkd.txt");

/// The text in this form; nothing if that is not known here.
pub(super) fn nfkd(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    // A letter of two bytes becomes five at most: it does not grow, which would leave a copy behind.
    let mut normal = Zeroizing::new(Vec::with_capacity(text.len().saturating_mul(3)));
    // Whether a mark may stand at the end already: a further one might have to go before it.
    let mut marked = false;
    for letter in text.chars() {
        let (decomposed, marks) = match letter {
            '\u{340}'..='\u{344}' => return None,
            '\u{300}'..='\u{36f}' | '\u{483}'..='\u{489}' if marked => return None,
            '\u{300}'..='\u{36f}' | '\u{483}'..='\u{489}' => (None, true),
            '\0'..='\u{7f}' => (None, false),
            '\u{80}'..='\u{52f}' => {
                let decomposed = DECOMPOSED.lines().find_map(|line| line.strip_prefix(letter));
                (decomposed, decomposed.is_some())
            }
            _ => return None,
        };
        normal.extend_from_slice(decomposed.unwrap_or(letter.encode_utf8(&mut [0; 4])).as_bytes());
        marked = marks;
    }
    Some(normal)
}

#[cfg(test)]
mod tests {
    use unicode_normalization::UnicodeNormalization as _;

    use super::nfkd;

    #[test]
    fn what_is_known_is_as_unicode_has_it() {
        let mut known = 0;
        for letter in '\0'..=char::MAX {
            let text = letter.to_string();
            if let Some(normal) = nfkd(&text) {
                assert_eq!(*normal, text.nfkd().collect::<String>().into_bytes(), "U+{:04X}", u32::from(letter));
                known += 1;
            }
        }
        assert_eq!(known, 0x530 - 5);
        let letters = || ('\u{c0}'..'\u{c8}').chain('\u{2fe}'..'\u{375}').chain('\u{480}'..'\u{48c}').chain('a'..'c');
        let mut followed = 0;
        for pair in letters().flat_map(|first| letters().map(move |second| String::from_iter([first, second, 'x']))) {
            if let Some(normal) = nfkd(&pair) {
                assert_eq!(*normal, pair.nfkd().collect::<String>().into_bytes(), "{pair:?}");
                followed += usize::from(pair.contains('\u{301}'));
            }
        }
        assert!(followed > 0);
    }

    #[test]
    fn other_letters_are_refused() {
        for (text, want) in [
            ("", Some("")),
            ("sécret", Some("se\u{301}cret")),
            ("Йод", Some("И\u{306}од")),
            ("e\u{301}", Some("e\u{301}")),
            ("½", Some("1\u{2044}2")),
            ("e\u{301}\u{327}", None),
            ("é\u{327}", None),
            ("\u{344}", None),
            ("ﬁ", None),
            ("한", None),
            ("秘密", None),
        ] {
            assert_eq!(nfkd(text).as_deref().map(Vec::as_slice), want.map(str::as_bytes), "{text:?}");
        }
    }
}
