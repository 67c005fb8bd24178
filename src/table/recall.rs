//! What a worker remembers of the slots that it wrote, so that it need not read them again.
//!
//! Reading a slot is the dearest thing that a decision asks of Envoy: five times what writing it costs, whatever its size
//! (ARCHITECTURE.md). Whoever wrote a slot last knows its bytes, and could write it again by compare-and-set, if he only knew the stamp
//! that his own write has got: the host does not say. But Envoy takes the stamps of all slots of a process from one counter, one
//! for each write. So there is a slot with nothing in it, the witness, that is written and read (nothing is handed over, which is
//! cheap) now and then. When its stamp has grown by just as much as this worker has written since the last time, nobody else has
//! written anywhere, and the stamps of his own writes follow by counting. When it has not, what was remembered is forgotten.
//!
//! What is remembered may be out of date as soon as somebody else writes. So it is good for one thing only: to be changed and
//! written by compare-and-set, with which the host says whether it was still so. A decision that writes nothing (a refusal, a
//! look) reads the slot.
//!
//! This serves a proxy with one worker, and little traffic on several. Where others keep writing, asking would be for
//! nothing: after each time that it was, the worker goes without for twice as many slots, up to [`MAX_REST`].
//!
//! A host that counts stamps in another way, such as one counter for each slot, is never found to have been alone.

use crate::host::Slot;

/// How many slots are remembered, each in its one place.
pub const MAX_RECALLED: usize = 64;

/// The longest slot that is remembered, in bytes: a full one of [`Counters`](super::Counters) has 1,048.
pub const MAX_RECALLED_BYTES: usize = 1_280;

/// For how many slots, at most, a worker that was not alone does not ask again.
pub const MAX_REST: u32 = 1_024;

/// The name of the slot that holds nothing, for hosts.
pub const WITNESS: &str = "witness";

/// The slots that a worker wrote last.
#[derive(Clone, Debug, Default)]
pub struct Recall {
    entries: Vec<Option<Entry>>,
    /// The witness's stamp when it was last read; `None`: what is written now cannot be counted from anywhere.
    since: Option<u32>,
    /// How many slots were written after that.
    written: u32,
    /// For how many slots still nothing is asked.
    rest: u32,
    /// How long the last rest was.
    last_rest: u32,
}

#[derive(Clone, Debug)]
struct Entry {
    name: String,
    bytes: Vec<u8>,
    stamp: Stamp,
}

/// What is known of a slot's stamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stamp {
    /// It is of the write with this number since the witness was read, from 1 on.
    Nth(u32),
    /// As it is, if nobody else has written.
    Known(u32),
}

impl Recall {
    /// A slot as this worker wrote it last, with the stamp that it has if nobody else has written it since: good for
    /// compare-and-set and nothing else. `witness` writes nothing to [`WITNESS`], whatever stands there, and says the stamp that it
    /// then reads; `None` when the host shares nothing.
    pub fn take(&mut self, name: &str, witness: &mut dyn FnMut() -> Option<u32>) -> Option<Slot> {
        if self.rest > 0 {
            self.rest = self.rest.saturating_sub(1);
            return None;
        }
        if self.since.is_none() {
            // From here on writes can be counted.
            (self.since, self.written) = (witness(), 0);
            return None;
        }
        match self.place(name)?.as_ref()? {
            entry if entry.name != name => return None,
            Entry { stamp: Stamp::Nth(_), .. } => self.count(witness),
            Entry { stamp: Stamp::Known(_), .. } => {}
        }
        let entry = self.place(name)?.take()?;
        match entry.stamp {
            Stamp::Known(stamp) => Some(Slot { bytes: entry.bytes, stamp }),
            Stamp::Nth(_) => None,
        }
    }

    /// This worker wrote a slot. Has to be said of each write but the witness's: one that is not counted costs what is remembered.
    pub fn wrote(&mut self, name: &str, bytes: &[u8]) {
        if self.since.is_none() {
            return;
        }
        self.written = self.written.saturating_add(1);
        let stamp = Stamp::Nth(self.written);
        if self.entries.is_empty() {
            self.entries.resize_with(MAX_RECALLED, || None);
        }
        let Some(place) = self.place(name) else { return };
        if bytes.len() > MAX_RECALLED_BYTES {
            *place = None;
            return;
        }
        match place {
            Some(entry) => {
                entry.name.clear();
                entry.name.push_str(name);
                entry.bytes.clear();
                entry.bytes.extend_from_slice(bytes);
                entry.stamp = stamp;
            }
            None => *place = Some(Entry { name: name.to_owned(), bytes: bytes.to_vec(), stamp }),
        }
    }

    /// A write was refused because somebody else had written.
    pub fn refused(&mut self) {
        self.forget();
    }

    /// Finds out what stamps this worker's writes have got.
    fn count(&mut self, witness: &mut dyn FnMut() -> Option<u32>) {
        let now = witness();
        let (since, written) = (self.since, self.written);
        // No stamp is passed over but 0, when the counter begins anew: then this says that somebody else has written.
        let steps = now.zip(since).and_then(|(now, since)| now.checked_sub(since));
        let (Some(since), true) = (since, steps.is_some() && steps == written.checked_add(1)) else {
            self.forget();
            return;
        };
        (self.since, self.written, self.last_rest) = (now, 0, 0);
        for entry in self.entries.iter_mut().flatten() {
            if let Stamp::Nth(n) = entry.stamp {
                entry.stamp = Stamp::Known(since.saturating_add(n));
            }
        }
    }

    /// Others write: what was remembered is of no use, and it would not be at once.
    fn forget(&mut self) {
        self.entries.iter_mut().for_each(|entry| *entry = None);
        self.since = None;
        self.last_rest = self.last_rest.saturating_mul(2).clamp(1, MAX_REST);
        self.rest = self.last_rest;
    }

    fn place(&mut self, name: &str) -> Option<&mut Option<Entry>> {
        // FNV-1a: names end in numbers that are close together, and which one stands where is nobody's business.
        let hash = name.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
        let place = usize::try_from(hash).ok()?.checked_rem(MAX_RECALLED)?;
        self.entries.get_mut(place)
    }
}
