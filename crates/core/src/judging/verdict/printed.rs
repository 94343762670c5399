//! Ends that only the program's own output explains.

use super::{Case, Confidence, Evidence, Finding, Kind};

/// Words of the public markers of a death without a traceback, as the trace reader names them.
const MARKERS: &[(&str, Kind)] = &[
    ("segmentation", Kind::Segfault),
    ("sigsegv", Kind::Segfault),
    ("watchdog", Kind::NcclTimeout),
    ("bus error", Kind::BusError),
    ("sigbus", Kind::BusError),
    ("illegal instruction", Kind::IllegalInstruction),
    ("floating point", Kind::FloatingPointError),
    ("abort", Kind::Abort),
    ("terminate", Kind::Abort),
    ("corrupt", Kind::Abort),
    ("killed", Kind::KilledUnknown),
    ("sigkill", Kind::KilledUnknown),
];

impl Case<'_> {
    /// What the program printed, where nothing stronger speaks.
    pub(super) fn printed(self) -> Option<Finding> {
        self.ending.end?;
        let error = self.judgement.error.as_ref()?;
        let about_error = error.exception.as_ref().or(error.marker.as_ref());
        if about_error.is_some_and(|text| {
            text.as_str().contains("shared memory") || text.as_str().contains("/dev/shm")
        }) {
            let full = self.shared_memory_full();
            let confidence = if full {
                Confidence::High
            } else {
                Confidence::Medium
            };
            let evidence = [Evidence::Traceback]
                .into_iter()
                .chain(full.then_some(Evidence::SharedMemoryFull));
            return Some((Kind::ShmFull, confidence, evidence.collect()));
        }
        if error.exception_type.is_some() {
            return Some((Kind::Exception, Confidence::High, vec![Evidence::Traceback]));
        }
        let marker = error.marker.as_ref()?.as_str().to_ascii_lowercase();
        let kind = MARKERS
            .iter()
            .find_map(|(word, kind)| marker.contains(word).then_some(*kind))?;
        Some((kind, Confidence::Medium, vec![Evidence::Marker]))
    }
}
