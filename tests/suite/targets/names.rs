//! What the default lists take, by hand.

use lockgate::revenue_strip::DEFAULT_NAMES;

/// Whether a rule with the default lists takes members of this name.
pub(super) fn is_taken(name: &str) -> bool {
    // As `(?i)` has it: two letters beyond ASCII are small letters of these words in another form.
    let folded: String = name
        .chars()
        .map(|letter| match letter {
            '\u{17f}' => 's',
            '\u{212a}' => 'k',
            letter => letter.to_ascii_lowercase(),
        })
        .collect();
    let has_word = ["markup", "profit", "margin", "revenue", "pricing"].iter().any(|word| folded.contains(word));
    // `.` is any character but a line feed.
    let internal = |line: &str| line.split_once("cost").is_some_and(|(_, rest)| rest.contains("internal"));
    DEFAULT_NAMES.contains(&name) || has_word || folded.split('\n').any(internal)
}
