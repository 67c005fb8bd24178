//! Memory that all exchanges of a VM have together.

/// What an exchange may keep as long as there is any room, in bytes: most webhooks are smaller.
pub(crate) const SMALL_BYTES: usize = 16 * 1024;

/// Whether an exchange may keep `own` bytes, when all exchanges together then keep `all` of `most`.
///
/// Whoever sends slowly, and is not known yet, keeps what it has sent. So that few cannot take all of it, how much of it may be in
/// use when an exchange keeps more depends on how much that one keeps: up to [`SMALL_BYTES`] all, up to an eighth three
/// quarters, and beyond it half, which is so the most that one exchange keeps.
pub(crate) fn may_keep(own: usize, all: usize, most: usize) -> bool {
    let usable = if own <= SMALL_BYTES {
        most
    } else if own <= most / 8 {
        most / 4 * 3
    } else {
        most / 2
    };
    all <= usable
}
