//! The process title that ps shows.
//!
//! The kernel shows the memory between the first argument and the end of the environment. The
//! environment is copied away once so that its place can be written too.

use std::sync::Mutex;

/// Place for the title: start address and length.
static PLACE: Mutex<Option<(usize, usize)>> = Mutex::new(None);

unsafe extern "C" {
    static mut environ: *mut *mut libc::c_char;
}

/// Finds the place for titles and moves the environment out of it. Call it once at the start of
/// the program, while it has one thread. Where the kernel does not tell the place, titles are
/// silently not shown.
pub fn init() {
    let Ok(mut place) = PLACE.lock() else { return };
    if place.is_some() || std::fs::read_dir("/proc/self/task").map_or(2, Iterator::count) != 1 {
        return;
    }
    let Some([arg_start, arg_end, env_start, env_end]) = areas() else { return };
    // Programs read their arguments late; keep a copy in std by asking once, then the argument
    // strings themselves stay where they are until the first title is set.
    let contiguous = env_start == arg_end || env_start == arg_end + 1;
    let end = if contiguous && move_environment() { env_end } else { arg_end };
    *place = Some((arg_start, end.saturating_sub(arg_start)));
}

/// Shows `title` instead of the arguments. Do not read `std::env::args` afterwards.
pub fn set(title: &[u8]) {
    let Ok(place) = PLACE.lock() else { return };
    let Some((start, len)) = *place else { return };
    let Some(room) = len.checked_sub(1) else { return };
    let used = title.len().min(room);
    let ptr = start as *mut u8;
    // SAFETY: [start, start+len) is the argument (and moved environment) area the kernel
    // reported for this process: mapped, writable and no longer used for anything else. The
    // last octet stays NUL.
    unsafe {
        std::ptr::copy_nonoverlapping(title.as_ptr(), ptr, used);
        std::ptr::write_bytes(ptr.add(used), 0, len - used);
    }
}

/// arg_start, arg_end, env_start, env_end: fields 48 to 51 of /proc/self/stat.
fn areas() -> Option<[usize; 4]> {
    let text = std::fs::read_to_string("/proc/self/stat").ok()?;
    let (_, rest) = text.rsplit_once(") ")?;
    let mut fields = rest.split_ascii_whitespace().skip(45);
    let mut next = || fields.next()?.parse::<usize>().ok();
    let found = [next()?, next()?, next()?, next()?];
    (found.iter().all(|n| *n != 0) && found.is_sorted()).then_some(found)
}

fn move_environment() -> bool {
    // SAFETY: one thread (checked by init), so nobody reads or changes the environment now. Each
    // string is copied with strdup into memory that lives for ever; the array likewise.
    unsafe {
        let mut copies = Vec::new();
        let mut at = environ;
        if at.is_null() {
            return true;
        }
        while !(*at).is_null() {
            let copy = libc::strdup(*at);
            if copy.is_null() {
                return false;
            }
            copies.push(copy);
            at = at.add(1);
        }
        copies.push(std::ptr::null_mut());
        environ = Box::leak(copies.into_boxed_slice()).as_mut_ptr();
    }
    true
}
