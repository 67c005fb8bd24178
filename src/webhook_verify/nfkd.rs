//! Unicode's normal form NFKD (UAX #15), for the letters that secrets are written in: ASCII, Latin-1 and Latin Extended-A, and marks
//! that stand alone on a letter. The tables for all of Unicode are a tenth of the module, for one provider. Any other character
//! is refused when the configuration is read: a secret that is normalised wrongly would verify nothing.

/// The text in its normal form; `None` with a character that is not known here, or with two marks in a row, which have an order.
pub(super) fn nfkd(text: &str) -> Option<String> {
    let mut normal = String::with_capacity(text.len().saturating_mul(2));
    for letter in text.chars() {
        match u32::from(letter) {
            0..=0x9f => normal.push(letter),
            code @ FIRST..=0x17f => {
                let parts = usize::try_from(code - FIRST).ok().and_then(|at| PARTS.get(at))?;
                if parts.is_empty() { normal.push(letter) } else { normal.push_str(parts) }
            }
            // These are others in disguise.
            0x340 | 0x341 | 0x343 | 0x344 => return None,
            0x300..=0x36f if !normal.is_empty() && !normal.ends_with(is_mark) => normal.push(letter),
            _ => return None,
        }
    }
    Some(normal)
}

fn is_mark(letter: char) -> bool {
    ('\u{300}'..='\u{36f}').contains(&letter)
}

/// The first of them.
const FIRST: u32 = 0xa0;

/// What each is made of; nothing where it is made of itself (Unicode Character Database, `UnicodeData.txt`).
#[rustfmt::skip]
const PARTS: [&str; 224] = [
    " ", "", "", "", "", "", "", "",
    " \u{308}", "", "a", "", "", "", "", " \u{304}",
    "", "", "2", "3", " \u{301}", "\u{3bc}", "", "",
    " \u{327}", "1", "o", "", "1\u{2044}4", "1\u{2044}2", "3\u{2044}4", "",
    "A\u{300}", "A\u{301}", "A\u{302}", "A\u{303}", "A\u{308}", "A\u{30a}", "", "C\u{327}",
    "E\u{300}", "E\u{301}", "E\u{302}", "E\u{308}", "I\u{300}", "I\u{301}", "I\u{302}", "I\u{308}",
    "", "N\u{303}", "O\u{300}", "O\u{301}", "O\u{302}", "O\u{303}", "O\u{308}", "",
    "", "U\u{300}", "U\u{301}", "U\u{302}", "U\u{308}", "Y\u{301}", "", "",
    "a\u{300}", "a\u{301}", "a\u{302}", "a\u{303}", "a\u{308}", "a\u{30a}", "", "c\u{327}",
    "e\u{300}", "e\u{301}", "e\u{302}", "e\u{308}", "i\u{300}", "i\u{301}", "i\u{302}", "i\u{308}",
    "", "n\u{303}", "o\u{300}", "o\u{301}", "o\u{302}", "o\u{303}", "o\u{308}", "",
    "", "u\u{300}", "u\u{301}", "u\u{302}", "u\u{308}", "y\u{301}", "", "y\u{308}",
    "A\u{304}", "a\u{304}", "A\u{306}", "a\u{306}", "A\u{328}", "a\u{328}", "C\u{301}", "c\u{301}",
    "C\u{302}", "c\u{302}", "C\u{307}", "c\u{307}", "C\u{30c}", "c\u{30c}", "D\u{30c}", "d\u{30c}",
    "", "", "E\u{304}", "e\u{304}", "E\u{306}", "e\u{306}", "E\u{307}", "e\u{307}",
    "E\u{328}", "e\u{328}", "E\u{30c}", "e\u{30c}", "G\u{302}", "g\u{302}", "G\u{306}", "g\u{306}",
    "G\u{307}", "g\u{307}", "G\u{327}", "g\u{327}", "H\u{302}", "h\u{302}", "", "",
    "I\u{303}", "i\u{303}", "I\u{304}", "i\u{304}", "I\u{306}", "i\u{306}", "I\u{328}", "i\u{328}",
    "I\u{307}", "", "IJ", "ij", "J\u{302}", "j\u{302}", "K\u{327}", "k\u{327}",
    "", "L\u{301}", "l\u{301}", "L\u{327}", "l\u{327}", "L\u{30c}", "l\u{30c}", "L\u{b7}",
    "l\u{b7}", "", "", "N\u{301}", "n\u{301}", "N\u{327}", "n\u{327}", "N\u{30c}",
    "n\u{30c}", "\u{2bc}n", "", "", "O\u{304}", "o\u{304}", "O\u{306}", "o\u{306}",
    "O\u{30b}", "o\u{30b}", "", "", "R\u{301}", "r\u{301}", "R\u{327}", "r\u{327}",
    "R\u{30c}", "r\u{30c}", "S\u{301}", "s\u{301}", "S\u{302}", "s\u{302}", "S\u{327}", "s\u{327}",
    "S\u{30c}", "s\u{30c}", "T\u{327}", "t\u{327}", "T\u{30c}", "t\u{30c}", "", "",
    "U\u{303}", "u\u{303}", "U\u{304}", "u\u{304}", "U\u{306}", "u\u{306}", "U\u{30a}", "u\u{30a}",
    "U\u{30b}", "u\u{30b}", "U\u{328}", "u\u{328}", "W\u{302}", "w\u{302}", "Y\u{302}", "y\u{302}",
    "Y\u{308}", "Z\u{301}", "z\u{301}", "Z\u{307}", "z\u{307}", "Z\u{30c}", "z\u{30c}", "s",
];

#[cfg(test)]
mod tests {
    use unicode_normalization::UnicodeNormalization as _;

    use super::nfkd;

    #[test]
    fn letters_are_what_unicode_makes_of_them() {
        for code in 0..0x180 {
            let text: String = ['a', char::from_u32(code).unwrap(), 'z'].iter().collect();
            assert_eq!(nfkd(&text), Some(text.nfkd().collect()), "U+{code:04X}");
        }
        for code in 0x300..=0x36f {
            let text: String = ['a', char::from_u32(code).unwrap(), 'z'].iter().collect();
            if let Some(normal) = nfkd(&text) {
                assert_eq!(normal, text.nfkd().collect::<String>(), "U+{code:04X}");
            }
        }
        assert_eq!(nfkd("s\u{e9}cret"), Some("se\u{301}cret".to_owned()));
        assert_eq!(nfkd("se\u{301}cret"), Some("se\u{301}cret".to_owned()));
    }

    #[test]
    fn what_is_not_known_is_refused() {
        for text in
            ["\u{180}", "\u{1e9b}", "\u{ac00}", "\u{1f6a2}", "a\u{301}\u{300}", "\u{e9}\u{323}", "\u{301}", "a\u{344}"]
        {
            assert_eq!(nfkd(text), None, "{text:?}");
        }
    }
}
