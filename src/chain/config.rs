//! The configuration: `{"chain": [{"jwt-auth": {…}}, …]}`.

use serde::Deserialize;

use super::block::{Block, Kind};
use super::error::MAX_KEPT_BODY_BYTES;
use crate::config::{self, ConfigError, Environment, Named, Raw};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    chain: Vec<Named<Raw>>,
}

/// The blocks of a chain's configuration in their order, each with its filter's name (such as `jwt-auth`) and its text, for tools
/// that look at one of them.
///
/// # Errors
/// It is no chain. The blocks themselves are not looked at.
pub fn parts(text: &[u8]) -> Result<Vec<(String, String)>, ConfigError> {
    let blocks = blocks(text)?;
    Ok(blocks.into_iter().map(|(kind, raw)| (kind.name().to_owned(), raw.get().to_owned())).collect())
}

pub(super) fn read(text: &[u8], environment: &dyn Environment) -> Result<Vec<Box<dyn Block>>, ConfigError> {
    let mut places = Vec::new();
    let mut read = Vec::new();
    for (n, (kind, raw)) in blocks(text)?.into_iter().enumerate() {
        let place = place(n, kind);
        let block = raw.get().as_bytes();
        read.push(kind.read(block, environment).map_err(|error| {
            // Once more where it stands, so that lines and columns are those of the whole text.
            let there = spaced(text, block);
            let error = there.and_then(|text| kind.read(&text, environment).err()).unwrap_or(error);
            error.within(&place)
        })?);
        places.push(place);
    }
    check_order(&places, &read)?;
    check_signed(&places, &read)?;
    check_held(&places, &read)?;
    Ok(read)
}

/// The kinds of the blocks with their texts. Secrets may stand in them.
fn blocks(text: &[u8]) -> Result<Vec<(Kind, Raw)>, ConfigError> {
    let Wire { chain } = config::read_secret(text)?;
    if chain.is_empty() {
        return Err(ConfigError::new("chain", "is empty: the filter would do nothing"));
    }
    let names = || Kind::ALL.map(Kind::name).join(", ");
    let mut blocks: Vec<(Kind, Raw)> = Vec::new();
    for (n, Named(members)) in chain.into_iter().enumerate() {
        let Ok([(name, raw)]) = <[_; 1]>::try_from(members) else {
            return Err(ConfigError::new(
                format!("chain[{n}]"),
                format_args!("must have one member, the block's name: one of {}", names()),
            ));
        };
        let Some(kind) = Kind::ALL.into_iter().find(|kind| kind.name() == name) else {
            return Err(ConfigError::new(
                format!("chain[{n}]"),
                format_args!("`{}` is no block; it must be one of {}", shown(&name), names()),
            ));
        };
        if let Some(first) = blocks.iter().position(|(other, _)| *other == kind) {
            return Err(ConfigError::new(
                place(n, kind),
                format_args!("stands in chain[{first}] already; put the rules of both into one of them"),
            ));
        }
        blocks.push((kind, raw));
    }
    Ok(blocks)
}

fn place(n: usize, kind: Kind) -> String {
    format!("chain[{n}].{}", kind.name())
}

/// A name as it is repeated in a message.
fn shown(name: &str) -> String {
    name.chars().filter(|letter| !letter.is_control()).take(MAX_SHOWN_CHARS).collect()
}

const MAX_SHOWN_CHARS: usize = 64;

/// The text up to the end of this part of it, with nothing but white space before the part.
fn spaced(text: &[u8], part: &[u8]) -> Option<Vec<u8>> {
    let at = text.windows(part.len()).position(|window| window == part)?;
    let blank = text.iter().take(at).map(|&byte| if byte == b'\n' { b'\n' } else { b' ' });
    Some(blank.chain(part.iter().copied()).collect())
}

/// What a block reads, no block behind it leaves, and one before it leaves it with that value.
fn check_order(places: &[String], blocks: &[Box<dyn Block>]) -> Result<(), ConfigError> {
    for (here, (place, block)) in places.iter().zip(blocks).enumerate() {
        for read in block.reads() {
            for (there, (other, writer)) in places.iter().zip(blocks).enumerate() {
                let Some(left) = writer.leaves().into_iter().find(|left| left.state == read.state) else { continue };
                let refuse = |why: String| Err(ConfigError::new(read.path.clone(), why).within(place));
                if there > here {
                    return refuse(format!(
                        "asks for `{}`, which {other} leaves, and that runs later; put it before this block",
                        read.state
                    ));
                }
                if let (Some(values), Some(value)) = (&left.values, &read.value)
                    && !values.contains(value)
                {
                    return refuse(format!("`{value}` is never left by {other}; write one of {}", values.join(", ")));
                }
            }
        }
    }
    Ok(())
}

/// What a block signs, no block behind it edits.
fn check_signed(places: &[String], blocks: &[Box<dyn Block>]) -> Result<(), ConfigError> {
    for (here, (place, block)) in places.iter().zip(blocks).enumerate() {
        let Some(signing) = block.signs_bodies() else { continue };
        let behind = places.iter().zip(blocks).skip(here.saturating_add(1));
        let mut editing = behind.filter_map(|(other, editor)| Some((other, editor.edits_bodies()?)));
        if let Some((other, field)) = editing.next() {
            let why = format_args!(
                "signs request bodies that {other}.{field} edits afterwards, so receivers would refuse them; put that block \
                 before this one"
            );
            return Err(ConfigError::new(signing, why).within(place));
        }
    }
    Ok(())
}

/// What a block holds of a body fits into what is kept of it, where a later block takes bodies.
fn check_held(places: &[String], blocks: &[Box<dyn Block>]) -> Result<(), ConfigError> {
    for (here, (place, block)) in places.iter().zip(blocks).enumerate() {
        let Some((field, bytes)) = block.holds_request_bodies().filter(|&(_, bytes)| bytes > MAX_KEPT_BODY_BYTES)
        else {
            continue;
        };
        let mut behind = places.iter().zip(blocks).skip(here.saturating_add(1));
        if let Some((other, _)) = behind.find(|(_, taker)| taker.takes_request_bodies()) {
            let why = format_args!(
                "is {bytes}, and no more than {MAX_KEPT_BODY_BYTES} bytes are kept of a body for {other}, which takes requests' bodies \
                 behind this block; lower it"
            );
            return Err(ConfigError::new(field, why).within(place));
        }
    }
    Ok(())
}
