//! A device's memory, as drivers before 510 tell it: the one question for which the wrapper has only the newer form.

use nvml_wrapper::error::{NvmlError, nvml_sym, nvml_try};
use nvml_wrapper::{Device, Nvml};
use std::mem::MaybeUninit;

/// Bytes of a device's memory: all, and those in use.
///
/// # Errors
/// The library's, `FailedToLoadSymbol` where even this form is missing.
pub fn memory(nvml: &Nvml, device: &Device<'_>) -> Result<(u64, u64), NvmlError> {
    let function = nvml_sym(nvml.lib().nvmlDeviceGetMemoryInfo.as_ref())?;
    let mut memory = MaybeUninit::zeroed();
    // SAFETY: the handle is the library's own and lives as long as the device; the library writes one struct.
    nvml_try(unsafe { function(device.handle(), memory.as_mut_ptr()) })?;
    // SAFETY: it is a struct of three numbers, for which zeros are a value, too.
    let memory = unsafe { memory.assume_init() };
    Ok((memory.total, memory.used))
}
