//! The errors that NVIDIA's driver reports by itself (XID), as events of the library.
//!
//! Listening costs nothing: the events wait in the driver until they are taken. Where a driver offers none (MIG
//! for those without the right, virtual machines), there are none, which is not an error.

use axolotl_run_core::limits;
use nvml_wrapper::bitmasks::event::EventTypes;
use nvml_wrapper::enums::event::XidError;
use nvml_wrapper::{Device, EventSet, Nvml};

/// The library's number for an error that it has no number for.
const UNKNOWN: u64 = 999;

/// A set of devices whose errors are listened for.
pub struct XidErrors<'nvml>(EventSet<'nvml>);

impl<'nvml> XidErrors<'nvml> {
    /// Begins to listen; None where no device offers it.
    pub fn listen<'a>(
        nvml: &'nvml Nvml,
        devices: impl Iterator<Item = &'a Device<'nvml>>,
    ) -> Option<Self>
    where
        'nvml: 'a,
    {
        let wanted = EventTypes::CRITICAL_XID_ERROR;
        let mut set = None;
        for device in devices {
            let offered = device.supported_event_types();
            if !offered.is_ok_and(|types| types.contains(wanted)) {
                continue;
            }
            let events = match set.take() {
                Some(events) => events,
                None => nvml.create_event_set().ok()?,
            };
            // A set that refuses a device is undefined from then on, and given up by the wrapper.
            set = Some(device.register_events(wanted, events).ok()?);
        }
        set.map(Self)
    }

    /// The errors since this was last asked, of the devices that are the run's.
    pub fn take(&mut self, is_ours: impl Fn(usize) -> bool) -> Vec<u64> {
        let mut codes = Vec::new();
        for _ in 0..limits::XIDS_MAX {
            let Ok(event) = self.0.wait(0) else { break };
            let is_ours = match event.device.index() {
                Ok(index) => is_ours(index as usize),
                Err(_) => true,
            };
            match event.event_data {
                Some(XidError::Value(code)) if is_ours => codes.push(code),
                Some(XidError::Unknown) if is_ours => codes.push(UNKNOWN),
                _ => {}
            }
        }
        codes
    }
}
