//! A document's selections.

use super::error::{Error, Fault};
use super::lexer::{Lexer, Token};
use super::{Found, Limits};

/// What an open bracket holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    /// `{` of selections.
    Selections,
    /// `(` of arguments or variables; `name: value` is no alias here.
    Arguments,
    /// `[` of values or types.
    List,
    /// `{` of an input object.
    Fields,
}

/// What the last token between selections was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Item<'a> {
    /// The opening brace.
    First,
    /// Selections closed: of the item before.
    Closed,
    /// A name: a field's, or an alias when a colon follows.
    Name(&'a str),
    /// An alias and its colon.
    Alias(&'a str),
    /// A field's name after its alias, or a directive's name.
    Callable,
    /// `@`
    At,
    /// `...`
    Spread,
    /// `... on`
    On,
    /// What arguments, a fragment's or a type's name end.
    Whole,
}

/// Whether an executable document takes a field that `taken` names under another name.
///
/// A document without definitions is [`Found::NoText`].
///
/// # Errors
/// The text is not what the specification (section 2) and the limits allow. Values are read as far as brackets and strings
/// go.
pub fn in_document(text: &str, limits: &Limits, taken: &mut impl FnMut(&str) -> bool) -> Result<Found, Error> {
    if text.len() > limits.max_bytes {
        return Err(Error { at: limits.max_bytes, fault: Fault::TooLong });
    }
    let mut lexer = Lexer::new(text);
    let mut levels: Vec<Level> = Vec::new();
    let mut item = Item::First;
    let mut found = Found::NoText;
    // Whether no definition is open.
    let mut complete = true;
    while let Some((at, token)) = lexer.next()? {
        let unexpected = Err(Error { at, fault: Fault::Unexpected });
        complete = false;
        let opened = match (levels.last(), token) {
            (None, Token::Name(_) | Token::Value | Token::Sign(b'@')) => None,
            (None, Token::Sign(b'(')) => Some(Level::Arguments),
            (None, Token::Sign(b'{')) => Some(Level::Selections),
            (None, Token::Sign(_) | Token::Spread) => return unexpected,
            (Some(Level::Selections), token) => match selection(item, token) {
                Some(Next::Item(next)) => {
                    if let (Item::Alias(alias), Token::Name(field)) = (item, token)
                        && alias != field
                        && taken(field)
                    {
                        found = Found::Alias;
                    }
                    item = next;
                    None
                }
                Some(Next::Open(level)) => Some(level),
                Some(Next::Close) => {
                    levels.pop();
                    item = Item::Closed;
                    complete = levels.is_empty();
                    if found == Found::NoText {
                        found = Found::Nothing;
                    }
                    None
                }
                None => return unexpected,
            },
            (Some(_), Token::Sign(b'(')) => Some(Level::Arguments),
            (Some(_), Token::Sign(b'[')) => Some(Level::List),
            (Some(_), Token::Sign(b'{')) => Some(Level::Fields),
            (Some(level), Token::Sign(sign @ (b')' | b']' | b'}'))) => {
                let fits = match level {
                    Level::Arguments => sign == b')',
                    Level::List => sign == b']',
                    Level::Fields | Level::Selections => sign == b'}',
                };
                if !fits {
                    return unexpected;
                }
                levels.pop();
                item = Item::Whole;
                None
            }
            (Some(_), Token::Spread) => return unexpected,
            (Some(_), Token::Name(_) | Token::Value | Token::Sign(_)) => None,
        };
        if let Some(level) = opened {
            if levels.len() >= limits.max_depth {
                return Err(Error { at, fault: Fault::TooDeep });
            }
            levels.push(level);
            item = Item::First;
        }
    }
    if complete { Ok(found) } else { Err(Error { at: text.len(), fault: Fault::Truncated }) }
}

/// What a token between selections does.
enum Next<'a> {
    Item(Item<'a>),
    Open(Level),
    Close,
}

/// The grammar of selections (section 2.4 to 2.8); `None`: the token may not stand here.
fn selection<'a>(item: Item<'a>, token: Token<'a>) -> Option<Next<'a>> {
    let next = match (item, token) {
        (Item::At | Item::Alias(_), Token::Name(_)) => Item::Callable,
        (Item::Spread, Token::Name("on")) => Item::On,
        (Item::Spread | Item::On, Token::Name(_)) => Item::Whole,
        (Item::At | Item::Alias(_) | Item::On, _) => return None,
        (Item::Name(alias), Token::Sign(b':')) => Item::Alias(alias),
        (Item::Name(_) | Item::Callable, Token::Sign(b'(')) => return Some(Next::Open(Level::Arguments)),
        (Item::Name(_) | Item::Callable | Item::Whole | Item::Spread, Token::Sign(b'@')) => Item::At,
        (Item::Name(_) | Item::Callable | Item::Whole | Item::Spread, Token::Sign(b'{')) => {
            return Some(Next::Open(Level::Selections));
        }
        (Item::Spread, _) => return None,
        (_, Token::Name(name)) => Item::Name(name),
        (_, Token::Spread) => Item::Spread,
        (Item::Name(_) | Item::Callable | Item::Whole | Item::Closed, Token::Sign(b'}')) => return Some(Next::Close),
        (_, Token::Sign(_) | Token::Value) => return None,
    };
    Some(Next::Item(next))
}
