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
pub struct Errors<'nvml>(EventSet<'nvml>);

impl<'nvml> Errors<'nvml> {
    /// Begins to listen; None where no device offers it.
    pub fn listen<'a>(
        nvml: &'nvml Nvml,
        devices: impl Iterator<Item = &'a Device<'nvml>>,
    ) -> Option<Self>
    where
        'nvml: 'a,
    {
        let wanted = EventTypes::CRITICAL_XID_ERROR;
        let offers = |device: &&Device<'_>| {
            device
                .supported_event_types()
                .is_ok_and(|types| types.contains(wanted))
        };
        let mut offering = devices.filter(offers).peekable();
        offering.peek()?;
        // A set that refuses a device is undefined from then on, and given up by the wrapper.
        offering
            .try_fold(nvml.create_event_set().ok()?, |set, device| {
                device.register_events(wanted, set).ok()
            })
            .map(Self)
    }

    /// The errors since this was last asked, of the devices that are the run's.
    pub fn take(&mut self, is_ours: impl Fn(usize) -> bool) -> Vec<u64> {
        let mut codes = Vec::new();
        for _ in 0..limits::XIDS_MAX {
            let Ok(event) = self.0.wait(0) else { break };
            let place = event
                .device
                .index()
                .ok()
                .and_then(|index| usize::try_from(index).ok());
            let ours = place.is_none_or(&is_ours);
            codes.extend(event.event_data.filter(|_| ours).map(|error| match error {
                XidError::Value(code) => code,
                XidError::Unknown => UNKNOWN,
            }));
        }
        codes
    }
}
