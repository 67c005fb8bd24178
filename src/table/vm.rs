//! What tells the VMs of a process apart.

use super::slots::{CREATE, MAX_TRIES};
use crate::host::{Host, Written};

/// The slot that counts the VMs of the process.
const SLOT: &str = "vms/1/0";

/// A number that no other VM of the process has: the core has no random numbers to tell them apart. 0, with which leases
/// are still held and only not told apart, where nothing is shared.
pub fn number_of_vm(host: &mut dyn Host) -> u64 {
    for _ in 0..MAX_TRIES {
        let Some(slot) = host.slot(SLOT) else { return 0 };
        let last = slot.bytes.as_slice().try_into().map_or(0, u64::from_le_bytes);
        let number = last.wrapping_add(1).max(1);
        let stamp = if slot.stamp == 0 { CREATE } else { slot.stamp };
        match host.set_slot(SLOT, &number.to_le_bytes(), stamp) {
            Written::Done => return number,
            Written::Changed => {}
            Written::Unavailable => return 0,
        }
    }
    0
}
