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
    /// A request's head waits for background work of the policy, with what has come after it.
    Asking(Come),
    /// That work is done, and a request's head may go on, with the next piece of its body: see `Stream::more_came`.
    Ready(Come),
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

/// What has come of a request whose head waits for background work. More than the head comes only where the plugin has
/// `allow_on_headers_stop_iteration`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Come {
    /// All of it: it has no body and no trailers.
    All,
    /// The head.
    Head,
    /// Bytes of the body as well, which are in the host's buffer.
    Body {
        /// How many.
        size: usize,
        /// Whether they are the last.
        end: bool,
    },
    /// The trailers too.
    Trailers {
        /// How many bytes of the body are in the host's buffer.
        size: usize,
    },
}

impl Come {
    /// Whether more of the body is to come after what is here.
    pub(crate) fn is_cut(self) -> bool {
        match self {
            Self::Body { end, .. } => !end,
            Self::All | Self::Head | Self::Trailers { .. } => false,
        }
    }

    /// With the trailers.
    pub(crate) fn and_trailers(self) -> Self {
        match self {
            Self::All | Self::Head => Self::Trailers { size: 0 },
            Self::Body { size, .. } | Self::Trailers { size } => Self::Trailers { size },
        }
    }
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
