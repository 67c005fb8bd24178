//! Lockgate's configurations where operators write them: in files for Envoy, Istio, Envoy Gateway and Higress.

mod blocks;
mod document;
mod find;
mod recognise;
mod verify;

pub(crate) use self::blocks::{Block, block_of, blocks, find_block};
pub(crate) use self::document::{Document, documents, text_of};
pub(crate) use self::find::{Listener, Plugin, Product, Settings, find, message_of};
pub(crate) use self::verify::{Wrong, verify, verify_settings, verify_text, with_way_out};

#[cfg(test)]
mod tests;
