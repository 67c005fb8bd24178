//! What a request asks for: method and target, with one reading only.

use crate::head::{Head, Single};
use crate::path::{normal_path, normalize};

/// Method and target of a request that has one reading.
#[derive(Clone, Copy)]
pub(crate) struct Line<'a> {
    pub(crate) method: &'a [u8],
    /// Path and query; empty for a tunnel.
    pub(crate) target: &'a [u8],
    pub(crate) path: &'a [u8],
}

/// Why a request has not one reading.
#[derive(Clone, Copy)]
pub(crate) enum Unread {
    /// There is no method or no path, or more than one.
    Refused,
    /// Its path is not in its normal form.
    Unnormal,
}

impl<'a> Line<'a> {
    pub(crate) fn of(head: &'a Head) -> Result<Self, Unread> {
        let Single::One(method) = head.single(":method") else { return Err(Unread::Refused) };
        let target = match head.single(":path") {
            Single::One(target) => target,
            Single::Absent if method == b"CONNECT" => b"",
            Single::Absent | Single::Many => return Err(Unread::Refused),
        };
        let line = Self { method, target, path: target };
        if line.is_pathless() {
            return Ok(line);
        }
        let path = normal_path(target).map_err(|_| Unread::Unnormal)?;
        Ok(Self { path, ..line })
    }

    /// Whether it is about a tunnel, or the server as a whole: no rule is about these.
    pub(crate) fn is_pathless(&self) -> bool {
        match self.target {
            b"" => self.method == b"CONNECT",
            b"*" => self.method == b"OPTIONS",
            _ => false,
        }
    }
}

/// Writes the normal form of the path back, where there is one.
pub(crate) fn rewrite(head: &mut Head) {
    let Single::One(target) = head.single(":path") else { return };
    if let Ok(target) = normalize(target) {
        head.set(":path", &target);
    }
}
