//! Why the chain itself refuses, whatever its blocks say.

use std::fmt;

use crate::audit::Audit;
use crate::host::Host;
use crate::reply::Reply;
use crate::room;

/// Most bytes that all bodies of a VM together keep between blocks, where one block looks at a body that another one holds. When half of
/// it is in use an exchange keeps at most an eighth, and when three quarters are, at most [`SMALL_KEPT_BYTES`].
pub const MAX_KEPT_BYTES: usize = 16 * 1024 * 1024;
/// What an exchange may keep as long as there is any room ([`MAX_KEPT_BYTES`]), in bytes: most webhooks are smaller.
pub const SMALL_KEPT_BYTES: usize = room::SMALL_BYTES;

/// The most that one exchange keeps, in bytes; a chain in which a block would hold a longer body is refused.
pub const MAX_KEPT_BODY_BYTES: usize = MAX_KEPT_BYTES / 2;

/// Why the chain refuses. It is always the gate's fault: 503.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// The host sent a head on that was to be held, and blocks have not seen it.
    HeadNotHeld,
    /// A block has to wait for background work when the body has come already.
    CannotWait,
    /// What may be kept of [`MAX_KEPT_BYTES`] is reached.
    Busy,
}

impl Reason {
    /// The word for audit lines and metrics.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::HeadNotHeld => "head_not_held",
            Self::CannotWait => "cannot_wait",
            Self::Busy => "busy",
        }
    }

    /// The answer, with its record.
    pub(super) fn refuse(self, id: Option<&str>, host: &mut dyn Host) -> Reply {
        let time_ms = host.now_ms();
        host.audit(&Audit {
            time_ms,
            id: id.map(str::to_owned),
            filter: "lockgate",
            rule: None,
            outcome: "refused",
            reason: Some(self.code()),
            shadow: false,
            fields: 0,
            subject: None,
            system: None,
            path: None,
            version: 0,
        });
        let mut reply = Reply::problem(503, self.code(), None, id);
        reply.headers.push(("retry-after".into(), "1".to_owned()));
        reply
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::HeadNotHeld => "the host sent a head on that blocks have not seen",
            Self::CannotWait => "a block would have to wait after the body has come",
            Self::Busy => "bodies between blocks take as much memory as they may",
        })
    }
}
