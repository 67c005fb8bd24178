//! The host calls of every request, without what the SDK does around them: two texts for each header field, a list for each
//! path of a property, and a panic, which would end the VM, at a status that it does not expect.
//!
//! The only `unsafe` code of the filters. What makes it sound: the host writes the place and size of what it hands over where it is
//! told to, having got the place from `proxy_on_memory_allocate`, which the SDK exports and which sets aside exactly so many bytes with
//! the global allocator.

use std::ptr;

use proxy_wasm::types::MapType;

/// `WasmResult::Ok` of the ABI.
const OK: u32 = 0;
/// `WasmResult::NotFound`.
const NOT_FOUND: u32 = 1;

/// A status other than "Ok".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refused(u32);

/// `WasmResult::CasMismatch`: the slot is not as it was read.
pub(crate) const CHANGED: Refused = Refused(8);

#[link(wasm_import_module = "env")]
unsafe extern "C" {
    fn proxy_get_header_map_pairs(map: u32, data: *mut *mut u8, size: *mut usize) -> u32;
    fn proxy_get_header_map_value(
        map: u32,
        name: *const u8,
        length: usize,
        data: *mut *mut u8,
        size: *mut usize,
    ) -> u32;
    fn proxy_add_header_map_value(map: u32, name: *const u8, length: usize, value: *const u8, size: usize) -> u32;
    fn proxy_replace_header_map_value(map: u32, name: *const u8, length: usize, value: *const u8, size: usize) -> u32;
    fn proxy_remove_header_map_value(map: u32, name: *const u8, length: usize) -> u32;
    fn proxy_get_shared_data(
        name: *const u8,
        length: usize,
        data: *mut *mut u8,
        size: *mut usize,
        stamp: *mut u32,
    ) -> u32;
    fn proxy_set_shared_data(name: *const u8, length: usize, data: *const u8, size: usize, stamp: u32) -> u32;
    fn proxy_get_current_time_nanoseconds(now: *mut u64) -> u32;
    fn proxy_get_property(path: *const u8, length: usize, data: *mut *mut u8, size: *mut usize) -> u32;
    fn proxy_set_property(path: *const u8, length: usize, data: *const u8, size: usize) -> u32;
}

/// A header section or trailers, as pairs.
pub(crate) fn header_map(map: MapType) -> Result<Vec<u8>, Refused> {
    // SAFETY: see above; both places are live until the call returns.
    handed_over(|data, size| unsafe { proxy_get_header_map_pairs(map as u32, data, size) })
}

/// The value of one field of a header section; of several, Envoy joins them with commas.
pub(crate) fn header(map: MapType, name: &str) -> Result<Option<Vec<u8>>, Refused> {
    // SAFETY: as above, and the name is live too.
    match handed_over(|data, size| unsafe {
        proxy_get_header_map_value(map as u32, name.as_ptr(), name.len(), data, size)
    }) {
        Ok(value) => Ok(Some(value)),
        Err(Refused(NOT_FOUND)) => Ok(None),
        Err(refused) => Err(refused),
    }
}

/// Adds a field to those that a header section has.
pub(crate) fn add_header(map: MapType, name: &[u8], value: &[u8]) -> Result<(), Refused> {
    // SAFETY: the host reads both texts before it returns.
    checked(unsafe { proxy_add_header_map_value(map as u32, name.as_ptr(), name.len(), value.as_ptr(), value.len()) })
}

/// Puts a field in the place of all of its name.
pub(crate) fn replace_header(map: MapType, name: &[u8], value: &[u8]) -> Result<(), Refused> {
    // SAFETY: as above.
    checked(unsafe {
        proxy_replace_header_map_value(map as u32, name.as_ptr(), name.len(), value.as_ptr(), value.len())
    })
}

/// Removes all fields of a name.
pub(crate) fn remove_header(map: MapType, name: &[u8]) -> Result<(), Refused> {
    // SAFETY: the host reads the name before it returns.
    checked(unsafe { proxy_remove_header_map_value(map as u32, name.as_ptr(), name.len()) })
}

/// A shared slot and its stamp; nothing and 0 for one that was never written.
pub(crate) fn slot(name: &str) -> Result<(Vec<u8>, u32), Refused> {
    let mut stamp = 0;
    // SAFETY: see above; the name and all three places are live until the call returns.
    match handed_over(|data, size| unsafe {
        proxy_get_shared_data(name.as_ptr(), name.len(), data, size, &raw mut stamp)
    }) {
        Ok(bytes) => Ok((bytes, stamp)),
        Err(Refused(NOT_FOUND)) => Ok((Vec::new(), 0)),
        Err(refused) => Err(refused),
    }
}

/// Writes a shared slot if it still has this stamp; with 0 in any case.
pub(crate) fn set_slot(name: &str, bytes: &[u8], stamp: u32) -> Result<(), Refused> {
    // SAFETY: the host reads both texts before it returns.
    checked(unsafe { proxy_set_shared_data(name.as_ptr(), name.len(), bytes.as_ptr(), bytes.len(), stamp) })
}

/// Writes a slot with nothing in it, and reads what stamp it has then.
pub(crate) fn witness(name: &str) -> Result<u32, Refused> {
    set_slot(name, b"", 0)?;
    // Nothing is handed over, for which the host would need memory here.
    slot(name).map(|(_, stamp)| stamp)
}

/// The time, in Unix milliseconds.
pub(crate) fn now_ms() -> Result<u64, Refused> {
    let mut now_ns = 0;
    // SAFETY: the place is live until the call returns, and as large as what the host writes there.
    checked(unsafe { proxy_get_current_time_nanoseconds(&raw mut now_ns) })?;
    Ok(now_ns / 1_000_000)
}

/// A property, by its path, whose names have a NUL between them.
pub(crate) fn property(name: &str) -> Result<Vec<u8>, Refused> {
    // SAFETY: as above, and the name is live too.
    handed_over(|data, size| unsafe { proxy_get_property(name.as_ptr(), name.len(), data, size) })
}

/// Sets a property, by one name.
pub(crate) fn set_property(name: &str, value: &[u8]) -> Result<(), Refused> {
    // SAFETY: the host reads both texts before it returns.
    checked(unsafe { proxy_set_property(name.as_ptr(), name.len(), value.as_ptr(), value.len()) })
}

fn checked(status: u32) -> Result<(), Refused> {
    if status == OK { Ok(()) } else { Err(Refused(status)) }
}

/// What a call hands over.
fn handed_over(call: impl FnOnce(*mut *mut u8, *mut usize) -> u32) -> Result<Vec<u8>, Refused> {
    let mut data = ptr::null_mut();
    let mut size = 0;
    let status = call(&raw mut data, &raw mut size);
    match (status, data.is_null()) {
        // An empty value has no place.
        (OK, true) => Ok(Vec::new()),
        // SAFETY: see above; it is ours now, and nobody else's.
        (OK, false) => Ok(unsafe { Vec::from_raw_parts(data, size, size) }),
        (_, _) => Err(Refused(status)),
    }
}
