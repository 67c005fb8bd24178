//! A header cell's name in all the ways in which rules may spell it.

use crate::json::Verdict;

/// A column's name as it stands in the header row, and in the spellings of programs.
///
/// Exports are made for people: `Unit Cost`, `UNIT-COST` and `"unitCost*"` all say `unit_cost`, and the lists of rules have
/// programs' names. So a column is known by its exact text, by its text without white space around it, and by its words
/// (parts of letters and digits, also those that a capital begins) as `unit_cost`, `unit-cost`, `unitCost`, `UnitCost`
/// and `unitcost`. What a rule takes under any of them is taken.
///
/// The only column of a table is known by each part between blanks and signs as well: by a separator that we do not
/// know, it would be several columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spellings(Vec<String>);

impl Spellings {
    /// The spellings of a decoded cell; `lone`: it is the only one.
    pub(super) fn new(name: &str, lone: bool) -> Self {
        let mut spellings = Self(vec![name.to_owned()]);
        spellings.add(name);
        if lone {
            let parts = name.split(|letter: char| !letter.is_alphanumeric() && letter != '_' && letter != '-');
            parts.filter(|part| !part.is_empty()).for_each(|part| spellings.add(part));
        }
        spellings
    }

    /// The spellings of a text that is not a table's only name.
    #[must_use]
    pub fn of(name: &str) -> Self {
        Self::new(name, false)
    }

    /// Each spelling once; first the cell's text.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// The strictest of the verdicts about each spelling: removal, else the replacement of the lowest number.
    pub fn strictest(&self, mut judge: impl FnMut(&str) -> Verdict) -> Verdict {
        self.iter().map(&mut judge).fold(Verdict::Keep, |one, other| match (one, other) {
            (Verdict::Remove, _) | (_, Verdict::Remove) => Verdict::Remove,
            (Verdict::Replace(one), Verdict::Replace(other)) => Verdict::Replace(one.min(other)),
            (Verdict::Replace(number), Verdict::Keep) | (Verdict::Keep, Verdict::Replace(number)) => {
                Verdict::Replace(number)
            }
            (Verdict::Keep, Verdict::Keep) => Verdict::Keep,
        })
    }

    fn add(&mut self, name: &str) {
        let words = words(name);
        let capitals: Vec<String> = words.iter().map(|word| capital(word)).collect();
        let camel = words.iter().take(1).chain(capitals.iter().skip(1));
        let forms = [
            name.trim().to_owned(),
            words.join("_"),
            words.join("-"),
            camel.map(String::as_str).collect(),
            capitals.concat(),
            words.concat(),
        ];
        for form in forms {
            // A lone column may have many parts; a few spellings twice do no harm then.
            if !form.is_empty() && !self.0.iter().rev().take(8).any(|known| *known == form) {
                self.0.push(form);
            }
        }
    }
}

/// The words of a name in lower case.
fn words(name: &str) -> Vec<String> {
    let letters: Vec<char> = name.chars().collect();
    let mut words = Vec::new();
    let mut word = String::new();
    let mut before = ' ';
    for (at, &letter) in letters.iter().enumerate() {
        let next_is_small = letters.get(at + 1).is_some_and(|next| next.is_lowercase());
        // `unitCost`, and the last capital of `SKUCost`.
        let begins = letter.is_uppercase() && (!before.is_uppercase() || next_is_small);
        if (begins || !letter.is_alphanumeric()) && !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
        if letter.is_alphanumeric() {
            word.extend(letter.to_lowercase());
        }
        before = letter;
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect()
}

#[cfg(test)]
mod tests {
    use super::{Spellings, Verdict, words};

    #[test]
    fn a_name_is_known_by_its_words() {
        let cases: [(&str, &[&str]); 13] = [
            ("unit_cost", &["unit", "cost"]),
            ("Unit Cost", &["unit", "cost"]),
            ("UNIT-COST", &["unit", "cost"]),
            ("unitCost", &["unit", "cost"]),
            ("UnitCost", &["unit", "cost"]),
            ("SKUCost", &["sku", "cost"]),
            ("'unit_cost'", &["unit", "cost"]),
            ("  unit \n cost (*) ", &["unit", "cost"]),
            ("Unit\u{a0}Cost", &["unit", "cost"]),
            ("Cost2Go", &["cost2", "go"]),
            ("größte Marge", &["größte", "marge"]),
            ("ÉTAT", &["état"]),
            ("", &[]),
        ];
        for (name, want) in cases {
            assert_eq!(words(name), want, "{name}");
        }
    }

    #[test]
    fn each_spelling_comes_once_and_the_cell_first() {
        let all = |name, lone| Spellings::new(name, lone).0;
        assert_eq!(
            all(" Unit Cost", false),
            [" Unit Cost", "Unit Cost", "unit_cost", "unit-cost", "unitCost", "UnitCost", "unitcost"]
        );
        assert_eq!(all("id", false), ["id", "Id"]);
        assert!(all("id unit_cost qty", true).contains(&"unit_cost".to_owned()));
        assert!(!all("id unit_cost qty", false).contains(&"unit_cost".to_owned()));
        assert!(all("id:unitCost:qty", true).contains(&"unit_cost".to_owned()));
    }

    #[test]
    fn the_strictest_verdict_wins_in_any_order() {
        let name = Spellings::new("Unit Cost", false);
        let verdict = |cell, snake, camel| {
            name.strictest(|spelling| match spelling {
                "Unit Cost" => cell,
                "unit_cost" => snake,
                "unitCost" => camel,
                _ => Verdict::Keep,
            })
        };
        let (keep, remove, replace) = (Verdict::Keep, Verdict::Remove, Verdict::Replace);
        assert_eq!(verdict(keep, keep, keep), keep);
        assert_eq!(verdict(replace(1), remove, keep), remove);
        assert_eq!(verdict(remove, replace(1), keep), remove);
        assert_eq!(verdict(keep, replace(3), replace(2)), replace(2));
        assert_eq!(verdict(replace(2), keep, replace(3)), replace(2));
    }
}
