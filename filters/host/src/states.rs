//! Where an exchange and its two messages are.

/// Whether the exchange goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Open {
    /// It does.
    Yes,
    /// The request was answered by us; that answer comes through our own response callbacks and passes.
    Answered,
    /// Nothing more of either message goes on.
    Stopped,
}

/// Where one message of the exchange is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// Its head is on its way, or has not come.
    Sent,
    /// Its head is held, and no callback for its body has come.
    Waiting,
    /// Its head is held, and so are this many bytes of its body, which the exchange has seen.
    Held {
        /// How many of the first bytes in the host's buffer.
        seen: usize,
    },
    /// Its head is held, and so are this many bytes of its body, as they will go on. See `Stream::ends_unsaid`.
    Settled {
        /// How many bytes there are in the host's buffer.
        seen: usize,
    },
}

/// What is known of the portal's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It has not begun.
    Awaited,
    /// Its head said how long the body is.
    Sized,
    /// Only its end tells.
    Unsized,
}

/// Whether a body ends with the bytes that are here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ends {
    /// It does.
    Said,
    /// It does, and the host does not say so: see `Stream::ends_unsaid`.
    Unsaid,
    /// It does not.
    Later,
    /// The host does not say so, and has not been asked.
    Unknown,
}

impl Ends {
    /// What the exchange is told.
    pub(crate) fn here(self) -> bool {
        match self {
            Self::Said | Self::Unsaid => true,
            Self::Later | Self::Unknown => false,
        }
    }
}
