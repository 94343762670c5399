//! A stand-in for the NVIDIA driver's library, for machines without a GPU.
//!
//! Compiled by the tests with `rustc --crate-type cdylib` and loaded as NVML would be. What it says stands in
//! a file of `key=value` lines that is read again at every call, so that a test can change the world while the
//! program runs; its path is in the environment variable NVML_STUB_SCENARIO. Keys:
//!
//! | key | meaning |
//! |---|---|
//! | `devices` | how many |
//! | `N.name`, `N.total`, `N.used` | name, bytes of memory, bytes in use of device N |
//! | `N.capability` | ten times the compute capability of device N |
//! | `N.util`, `N.power`, `N.energy`, `N.temp`, `N.throttle`, `N.mig` | percent, mW, mJ, degrees, bits, 1 = on |
//! | `N.procs` | `pid:bytes,pid:bytes`; `-` for bytes means not available |
//! | `N.samples` | `timestamp:percent,…`, the driver's own ring of utilization |
//! | `N.uuid`, `N.ecc`, `N.events` | UUID (`GPU-stub-N` by default), errors of memory, 1 = it reports its errors |
//! | `N.instances`, `N.mig.M.KEY` | how many instances (MIG), and the same keys for each of them |
//! | `xids` | `device:code,…`: the errors that the driver reports, each once, in this order |
//! | `FUNCTION.ret`, `N.FUNCTION.ret` | a return code instead of an answer |
//! | `FUNCTION.hang` | the call does not return while the key is there |
//!
//! Older drivers lack symbols: `--cfg old_driver` leaves out what drivers before 510 did not have.

#![allow(non_snake_case, clippy::missing_safety_doc)]

use std::ffi::{c_char, c_int, c_uint, c_ulonglong, c_void};

const SUCCESS: c_int = 0;
const INVALID_ARGUMENT: c_int = 2;
const NOT_SUPPORTED: c_int = 3;
const INSUFFICIENT_SIZE: c_int = 7;

fn value(key: &str) -> Option<String> {
    let path = std::env::var_os("NVML_STUB_SCENARIO")?;
    let text = std::fs::read_to_string(path).ok()?;
    text.lines().find_map(|line| Some(line.strip_prefix(key)?.strip_prefix('=')?.to_owned()))
}

fn number(key: &str) -> Option<u64> {
    value(key)?.parse().ok()
}

/// Hangs or fails as the scenario says.
fn enter(function: &str, device: Option<usize>) -> c_int {
    while value(&format!("{function}.hang")).is_some() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let own = device.and_then(|device| number(&format!("{device}.{function}.ret")));
    own.or_else(|| number(&format!("{function}.ret"))).map_or(SUCCESS, |code| code as c_int)
}

/// Handles are indices plus one, so that none is null; those of instances have their number plus one above.
fn index(device: *mut c_void) -> usize {
    ((device as usize) & 0xffff).wrapping_sub(1)
}

/// The beginning of the keys about a device or an instance.
fn place(device: *mut c_void) -> String {
    match (device as usize) >> 16 {
        0 => index(device).to_string(),
        instance => format!("{}.mig.{}", index(device), instance - 1),
    }
}

/// Answers one number of a device.
unsafe fn answer<T>(function: &str, device: *mut c_void, key: &str, out: *mut T, convert: fn(u64) -> T) -> c_int {
    match enter(function, Some(index(device))) {
        SUCCESS => match number(&format!("{}.{key}", place(device))) {
            Some(number) => unsafe {
                *out = convert(number);
                SUCCESS
            },
            None => NOT_SUPPORTED,
        },
        code => code,
    }
}

unsafe fn answer_text(text: &str, out: *mut c_char, length: c_uint) {
    let count = text.len().min(length.saturating_sub(1) as usize);
    unsafe {
        std::ptr::copy_nonoverlapping(text.as_ptr().cast(), out, count);
        *out.add(count) = 0;
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn nvmlInit_v2() -> c_int {
    enter("nvmlInit_v2", None)
}

#[unsafe(no_mangle)]
pub extern "C" fn nvmlShutdown() -> c_int {
    enter("nvmlShutdown", None)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlSystemGetDriverVersion(out: *mut c_char, length: c_uint) -> c_int {
    unsafe { answer_text("580.65.06", out, length) };
    enter("nvmlSystemGetDriverVersion", None)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetCount_v2(out: *mut c_uint) -> c_int {
    unsafe { *out = number("devices").unwrap_or(0) as c_uint };
    enter("nvmlDeviceGetCount_v2", None)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetHandleByIndex_v2(index: c_uint, out: *mut *mut c_void) -> c_int {
    if u64::from(index) >= number("devices").unwrap_or(0) {
        return INVALID_ARGUMENT;
    }
    unsafe { *out = (index as usize + 1) as *mut c_void };
    enter("nvmlDeviceGetHandleByIndex_v2", Some(index as usize))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetName(device: *mut c_void, out: *mut c_char, length: c_uint) -> c_int {
    let name = value(&format!("{}.name", place(device))).unwrap_or_default();
    unsafe { answer_text(&name, out, length) };
    enter("nvmlDeviceGetName", Some(index(device)))
}

#[repr(C)]
pub struct Memory {
    version: c_uint,
    total: c_ulonglong,
    reserved: c_ulonglong,
    free: c_ulonglong,
    used: c_ulonglong,
}

#[cfg(not(old_driver))]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetMemoryInfo_v2(device: *mut c_void, out: *mut Memory) -> c_int {
    let total = number(&format!("{}.total", place(device))).unwrap_or(0);
    let used = number(&format!("{}.used", place(device))).unwrap_or(0);
    unsafe {
        (*out).total = total;
        (*out).used = used;
        (*out).free = total.saturating_sub(used);
        (*out).reserved = 0;
    }
    enter("nvmlDeviceGetMemoryInfo_v2", Some(index(device)))
}

#[repr(C)]
pub struct OldMemory {
    total: c_ulonglong,
    free: c_ulonglong,
    used: c_ulonglong,
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetMemoryInfo(device: *mut c_void, out: *mut OldMemory) -> c_int {
    let total = number(&format!("{}.total", place(device))).unwrap_or(0);
    let used = number(&format!("{}.used", place(device))).unwrap_or(0);
    unsafe { *out = OldMemory { total, free: total.saturating_sub(used), used } };
    enter("nvmlDeviceGetMemoryInfo", Some(index(device)))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetUUID(device: *mut c_void, out: *mut c_char, length: c_uint) -> c_int {
    let uuid = value(&format!("{}.uuid", place(device))).unwrap_or_else(|| format!("GPU-stub-{}", place(device)));
    unsafe { answer_text(&uuid, out, length) };
    enter("nvmlDeviceGetUUID", Some(index(device)))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetIndex(device: *mut c_void, out: *mut c_uint) -> c_int {
    unsafe { *out = index(device) as c_uint };
    enter("nvmlDeviceGetIndex", Some(index(device)))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetMaxMigDeviceCount(device: *mut c_void, out: *mut c_uint) -> c_int {
    unsafe { *out = number(&format!("{}.instances", index(device))).unwrap_or(0) as c_uint };
    enter("nvmlDeviceGetMaxMigDeviceCount", Some(index(device)))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetMigDeviceHandleByIndex(
    device: *mut c_void,
    instance: c_uint,
    out: *mut *mut c_void,
) -> c_int {
    unsafe { *out = ((device as usize & 0xffff) | ((instance as usize + 1) << 16)) as *mut c_void };
    enter("nvmlDeviceGetMigDeviceHandleByIndex", Some(index(device)))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetTotalEccErrors(
    device: *mut c_void,
    _kind: c_uint,
    _counter: c_uint,
    out: *mut c_ulonglong,
) -> c_int {
    unsafe { answer("nvmlDeviceGetTotalEccErrors", device, "ecc", out, |number| number) }
}

/// The bit of the critical errors among the kinds of events.
const XID: u64 = 8;
const TIMEOUT: c_int = 10;

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetSupportedEventTypes(device: *mut c_void, out: *mut c_ulonglong) -> c_int {
    let events = number(&format!("{}.events", index(device))).unwrap_or(0);
    unsafe { *out = if events == 0 { 0 } else { XID } };
    enter("nvmlDeviceGetSupportedEventTypes", Some(index(device)))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlEventSetCreate(out: *mut *mut c_void) -> c_int {
    unsafe { *out = 1 as *mut c_void };
    enter("nvmlEventSetCreate", None)
}

#[unsafe(no_mangle)]
pub extern "C" fn nvmlDeviceRegisterEvents(device: *mut c_void, _kinds: c_ulonglong, _set: *mut c_void) -> c_int {
    enter("nvmlDeviceRegisterEvents", Some(index(device)))
}

#[unsafe(no_mangle)]
pub extern "C" fn nvmlEventSetFree(_set: *mut c_void) -> c_int {
    enter("nvmlEventSetFree", None)
}

#[repr(C)]
pub struct Event {
    device: *mut c_void,
    kind: c_ulonglong,
    data: c_ulonglong,
    gpu_instance: c_uint,
    compute_instance: c_uint,
}

/// How many of the scenario's errors were delivered; from the beginning again once there are none.
static DELIVERED: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlEventSetWait_v2(_set: *mut c_void, out: *mut Event, _milliseconds: c_uint) -> c_int {
    use std::sync::atomic::Ordering::SeqCst;
    let code = enter("nvmlEventSetWait_v2", None);
    if code != SUCCESS {
        return code;
    }
    let list = value("xids").unwrap_or_default();
    let errors: Vec<(usize, u64)> = list
        .split(',')
        .filter_map(|entry| entry.split_once(':'))
        .filter_map(|(device, code)| Some((device.parse().ok()?, code.parse().ok()?)))
        .collect();
    if errors.is_empty() {
        DELIVERED.store(0, SeqCst);
    }
    let Some((device, code)) = errors.get(DELIVERED.load(SeqCst)) else { return TIMEOUT };
    DELIVERED.fetch_add(1, SeqCst);
    let device = (device + 1) as *mut c_void;
    unsafe { *out = Event { device, kind: XID, data: *code, gpu_instance: c_uint::MAX, compute_instance: c_uint::MAX } };
    SUCCESS
}

#[repr(C)]
pub struct Utilization {
    gpu: c_uint,
    memory: c_uint,
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetUtilizationRates(device: *mut c_void, out: *mut Utilization) -> c_int {
    let convert = |number| Utilization { gpu: number as c_uint, memory: 0 };
    unsafe { answer("nvmlDeviceGetUtilizationRates", device, "util", out, convert) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetCudaComputeCapability(device: *mut c_void, major: *mut c_int, minor: *mut c_int) -> c_int {
    unsafe { answer("nvmlDeviceGetCudaComputeCapability", device, "capability", minor, |number| (number % 10) as c_int) };
    unsafe { answer("nvmlDeviceGetCudaComputeCapability", device, "capability", major, |number| (number / 10) as c_int) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetPowerUsage(device: *mut c_void, out: *mut c_uint) -> c_int {
    unsafe { answer("nvmlDeviceGetPowerUsage", device, "power", out, |number| number as c_uint) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetTotalEnergyConsumption(device: *mut c_void, out: *mut c_ulonglong) -> c_int {
    unsafe { answer("nvmlDeviceGetTotalEnergyConsumption", device, "energy", out, |number| number) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetTemperature(device: *mut c_void, _sensor: c_uint, out: *mut c_uint) -> c_int {
    unsafe { answer("nvmlDeviceGetTemperature", device, "temp", out, |number| number as c_uint) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetCurrentClocksThrottleReasons(device: *mut c_void, out: *mut c_ulonglong) -> c_int {
    unsafe { answer("nvmlDeviceGetCurrentClocksThrottleReasons", device, "throttle", out, |number| number) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetMigMode(device: *mut c_void, out: *mut c_uint, pending: *mut c_uint) -> c_int {
    unsafe {
        *pending = 0;
        answer("nvmlDeviceGetMigMode", device, "mig", out, |number| number as c_uint)
    }
}

#[repr(C)]
pub struct Process {
    pid: c_uint,
    memory: c_ulonglong,
    gpu_instance: c_uint,
    compute_instance: c_uint,
}

/// Lists the processes of a device, in whichever form the caller's version has.
unsafe fn answer_processes<T>(
    function: &str,
    device: *mut c_void,
    count: *mut c_uint,
    out: *mut T,
    convert: fn(c_uint, c_ulonglong) -> T,
) -> c_int {
    let code = enter(function, Some(index(device)));
    if code != SUCCESS {
        return code;
    }
    let list = value(&format!("{}.procs", place(device))).unwrap_or_default();
    let processes: Vec<(&str, &str)> = list.split(',').filter_map(|entry| entry.split_once(':')).collect();
    let room = unsafe { *count } as usize;
    unsafe { *count = processes.len() as c_uint };
    if processes.is_empty() {
        return SUCCESS;
    }
    if out.is_null() || room < processes.len() {
        return INSUFFICIENT_SIZE;
    }
    for (at, (pid, memory)) in processes.iter().enumerate() {
        unsafe { out.add(at).write(convert(pid.parse().unwrap_or(0), memory.parse().unwrap_or(c_ulonglong::MAX))) };
    }
    SUCCESS
}

const fn process(pid: c_uint, memory: c_ulonglong) -> Process {
    Process { pid, memory, gpu_instance: c_uint::MAX, compute_instance: c_uint::MAX }
}

#[cfg(not(old_driver))]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetComputeRunningProcesses_v3(
    device: *mut c_void,
    count: *mut c_uint,
    out: *mut Process,
) -> c_int {
    unsafe { answer_processes("nvmlDeviceGetComputeRunningProcesses_v3", device, count, out, process) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetComputeRunningProcesses_v2(
    device: *mut c_void,
    count: *mut c_uint,
    out: *mut Process,
) -> c_int {
    unsafe { answer_processes("nvmlDeviceGetComputeRunningProcesses_v2", device, count, out, process) }
}

#[repr(C)]
pub struct Sample {
    timestamp: c_ulonglong,
    value: c_ulonglong,
}

/// Without `N.samples` the device does not support it.
#[cfg(not(old_driver))]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetSamples(
    device: *mut c_void,
    _kind: c_uint,
    since: c_ulonglong,
    value_kind: *mut c_uint,
    count: *mut c_uint,
    out: *mut Sample,
) -> c_int {
    let code = enter("nvmlDeviceGetSamples", Some(index(device)));
    if code != SUCCESS {
        return code;
    }
    let Some(list) = value(&format!("{}.samples", place(device))) else { return NOT_SUPPORTED };
    let samples: Vec<(u64, u64)> = list
        .split(',')
        .filter_map(|entry| entry.split_once(':'))
        .filter_map(|(timestamp, percent)| Some((timestamp.parse().ok()?, percent.parse().ok()?)))
        .filter(|(timestamp, _)| *timestamp > since)
        .collect();
    unsafe {
        *value_kind = 1; // unsigned int
        let room = *count as usize;
        *count = samples.len() as c_uint;
        if out.is_null() {
            return SUCCESS;
        }
        if room < samples.len() {
            return INSUFFICIENT_SIZE;
        }
        for (at, (timestamp, percent)) in samples.iter().enumerate() {
            out.add(at).write(Sample { timestamp: *timestamp, value: *percent });
        }
    }
    SUCCESS
}
