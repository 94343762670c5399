//! Giving back what the start needed: the pages of program text and constants that only parsing, deciding and
//! setting up have touched.
//!
//! Supervisor and observer live as long as the training; the one runs a few KiB of code, the other a tenth of what its
//! start took. The pages come back from the file, one by one, should they ever be needed again.

use nix::libc;

/// Drops the resident pages of all read-only segments of the program and its libraries.
pub fn give_back_text() {
    // SAFETY: the callback is called for each loaded object with a valid description, and keeps none of it.
    unsafe { libc::dl_iterate_phdr(Some(each_object), std::ptr::null_mut()) };
}

unsafe extern "C" fn each_object(
    info: *mut libc::dl_phdr_info,
    _size: libc::size_t,
    _data: *mut libc::c_void,
) -> libc::c_int {
    // SAFETY: the loader gives a valid object, with so many headers, for the duration of the call. The segments
    // named are mapped from a file and never written to, so dropping a page loses nothing: it is read again.
    unsafe {
        let Some(info) = info.as_ref() else { return 0 };
        if info.dlpi_phdr.is_null() {
            return 0;
        }
        for header in std::slice::from_raw_parts(info.dlpi_phdr, usize::from(info.dlpi_phnum)) {
            let is_text = header.p_type == libc::PT_LOAD && header.p_flags & libc::PF_W == 0;
            if is_text {
                let page = info.dlpi_addr.wrapping_add(header.p_vaddr) & !0xfff;
                let start = std::ptr::with_exposed_provenance_mut(page as usize);
                libc::madvise(start, header.p_memsz as usize, libc::MADV_DONTNEED);
            }
        }
    }
    0
}
