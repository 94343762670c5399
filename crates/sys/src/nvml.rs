//! The functions of NVIDIA's management library that older drivers have, and that the wrapper does not offer.
//!
//! Drivers before 510 know a device's memory and its processes by earlier forms of the same functions. They
//! are called only where the newer form is missing.

use nvml_wrapper::error::{NvmlError, nvml_sym, nvml_try};
use nvml_wrapper::{Device, Nvml};
use nvml_wrapper_sys::bindings::{
    nvmlMemory_t, nvmlProcessInfo_v1_t, nvmlReturn_enum_NVML_ERROR_INSUFFICIENT_SIZE,
};
use std::ffi::c_uint;

/// Processes of one device that are read; the largest nodes run a hundred.
const PROCESSES_MAX: usize = 1024;

/// Bytes of a device's memory: all, and those in use.
///
/// # Errors
/// The library's, `FailedToLoadSymbol` where even this form is missing.
pub fn memory(nvml: &Nvml, device: &Device<'_>) -> Result<(u64, u64), NvmlError> {
    let function = nvml_sym(nvml.lib().nvmlDeviceGetMemoryInfo.as_ref())?;
    let mut memory = nvmlMemory_t {
        total: 0,
        free: 0,
        used: 0,
    };
    // SAFETY: the handle is the library's own and lives as long as the device; the library writes one struct.
    nvml_try(unsafe { function(device.handle(), &raw mut memory) })?;
    Ok((memory.total, memory.used))
}

/// The processes that compute on a device, with their bytes where the driver says them.
///
/// # Errors
/// The library's, `FailedToLoadSymbol` where even this form is missing.
pub fn processes(nvml: &Nvml, device: &Device<'_>) -> Result<Vec<(u32, Option<u64>)>, NvmlError> {
    let function = nvml_sym(nvml.lib().nvmlDeviceGetComputeRunningProcesses.as_ref())?;
    let none = nvmlProcessInfo_v1_t {
        pid: 0,
        usedGpuMemory: 0,
    };
    let mut processes = vec![none; PROCESSES_MAX];
    let mut count = c_uint::try_from(processes.len()).unwrap_or(0);
    // SAFETY: as above; the library writes at most `count` structs, which the buffer has room for.
    let code = unsafe { function(device.handle(), &raw mut count, processes.as_mut_ptr()) };
    if code != nvmlReturn_enum_NVML_ERROR_INSUFFICIENT_SIZE {
        nvml_try(code)?;
    }
    processes.truncate(usize::try_from(count).unwrap_or(0));
    // All ones stands for a size that cannot be had.
    let bytes = |bytes: u64| (bytes != u64::MAX).then_some(bytes);
    Ok(processes
        .into_iter()
        .map(|process| (process.pid, bytes(process.usedGpuMemory)))
        .collect())
}
