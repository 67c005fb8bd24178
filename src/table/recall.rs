//! What a worker remembers of the slots that it wrote, so that it need not read them again.
//!
//! Reading a slot is the dearest thing that a decision asks of Envoy: five times what writing it costs, whatever its size
//! (ARCHITECTURE.md). Whoever wrote a slot last knows its bytes, and could write it again by compare-and-set, if only he knew the stamp
//! that his own write has got: the host does not say. But Envoy takes the stamps of all slots of a process from one counter, one
//! step for each write. So when that counter was seen at s, the nth write of this worker since then has got s + n, or more if others
//! have written as well. That is what is remembered with a slot's bytes, and it is enough: a write with a stamp that is too low is
//! refused, and a slot that has this very stamp has it from this worker's own write, since whatever was written later has more.
//!
//! So what is remembered is a guess that is good for one thing only: to be changed and written by compare-and-set, with which the
//! host says whether it was right. A decision that writes nothing (a refusal, a look) reads the slot.
//!
//! The counter is seen at a slot with nothing in it, the witness, which is written and read (nothing is handed over, which is
//! cheap). Before anything is remembered, the worker makes sure that the host counts so: the witness's stamp has to have grown by
//! just what the worker has written. On a host with a counter for each slot, where a guess could be right by chance, it grows by one, unless
//! other workers write the witness just as often meanwhile.
//!
//! This serves a proxy with one worker, and little traffic on several. Where others keep writing, guesses would be wrong: after
//! each wrong one the worker goes without for twice as many slots, up to [`MAX_REST`].

use crate::host::Slot;

/// How many slots are remembered, each in its one place.
pub const MAX_RECALLED: usize = 64;

/// The longest slot that is remembered, in bytes: a full one of [`Counters`](super::Counters) has 1,048.
pub const MAX_RECALLED_BYTES: usize = 1_280;

/// For how many slots, at most, a worker that was wrong does not guess again.
pub const MAX_REST: u32 = 1_024;

/// After how many writes of its own a worker looks whether the host counts all of them.
const PROOF: u32 = 3;

/// The name of the slot that holds nothing, for hosts.
pub const WITNESS: &str = "witness";

/// The slots that a worker wrote last.
#[derive(Clone, Debug, Default)]
pub struct Recall {
    entries: Vec<Option<Entry>>,
    /// What the host's counter has reached at least; `None` when it has to be seen first.
    count: Option<u32>,
    /// How often this worker has written since the counter was seen.
    written: u32,
    /// Whether the host was found to have one counter.
    proven: bool,
    /// Whether a guess is under way.
    guessed: bool,
    /// For how many slots still nothing is guessed.
    rest: u32,
    /// How long the last rest was, if no guess was right since.
    last_rest: u32,
}

#[derive(Clone, Debug)]
struct Entry {
    name: String,
    bytes: Vec<u8>,
    stamp: u32,
}

impl Recall {
    /// A slot as this worker wrote it last, with the stamp that it has if nobody else has written: good for compare-and-set and
    /// nothing else. `witness` writes nothing to [`WITNESS`], whatever stands there, and says the stamp that it then reads;
    /// `None` when the host shares nothing.
    pub fn take(&mut self, name: &str, witness: &mut dyn FnMut() -> Option<u32>) -> Option<Slot> {
        if self.rest > 0 {
            self.rest = self.rest.saturating_sub(1);
            return None;
        }
        let Some(count) = self.count else {
            (self.count, self.written) = (witness(), 0);
            return None;
        };
        if !self.proven {
            if self.written >= PROOF {
                self.prove(count, witness);
            }
            return None;
        }
        let entry = self.place(name)?.take_if(|entry| entry.name == name)?;
        self.guessed = true;
        Some(Slot { bytes: entry.bytes, stamp: entry.stamp })
    }

    /// This worker wrote a slot. Has to be said of each write but the witness's.
    pub fn wrote(&mut self, name: &str, bytes: &[u8]) {
        if std::mem::take(&mut self.guessed) {
            self.last_rest = 0;
        }
        // At the end of the counter, which begins anew, it has to be seen again.
        self.count = self.count.and_then(|count| count.checked_add(1));
        let Some(stamp) = self.count else { return };
        self.written = self.written.saturating_add(1);
        if !self.proven {
            return;
        }
        if self.entries.is_empty() {
            self.entries.resize_with(MAX_RECALLED, || None);
        }
        match self.place(name) {
            Some(place) if bytes.len() > MAX_RECALLED_BYTES => *place = None,
            Some(Some(entry)) => {
                entry.name.clear();
                entry.name.push_str(name);
                entry.bytes.clear();
                entry.bytes.extend_from_slice(bytes);
                entry.stamp = stamp;
            }
            Some(place) => *place = Some(Entry { name: name.to_owned(), bytes: bytes.to_vec(), stamp }),
            None => {}
        }
    }

    /// A write was refused, because others had written. What is remembered is of no use, and would not be at once.
    pub fn refused(&mut self) {
        self.entries.iter_mut().for_each(|entry| *entry = None);
        (self.count, self.guessed) = (None, false);
        self.last_rest = self.last_rest.saturating_mul(2).clamp(1, MAX_REST);
        self.rest = self.last_rest;
    }

    /// Whether the host's counter has counted each of this worker's writes, and no others.
    fn prove(&mut self, count: u32, witness: &mut dyn FnMut() -> Option<u32>) {
        self.count = witness();
        self.proven = self.count.is_some() && self.count == count.checked_add(1);
        if !self.proven {
            self.refused();
        }
    }

    fn place(&mut self, name: &str) -> Option<&mut Option<Entry>> {
        // FNV-1a: names end in numbers that are close together, and which one stands where is nobody's business.
        let hash = name.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
        let place = usize::try_from(hash).ok()?.checked_rem(MAX_RECALLED)?;
        self.entries.get_mut(place)
    }
}
