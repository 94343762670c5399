//! The sources of lines: which of them a line belongs to, and when a new one begins.
//!
//! Their number is bounded: where it is reached, the one that was silent longest is given up.

use super::machine::Machine;
use super::{TraceReader, frames, headers};
use crate::limits::TRACE_STREAMS_MAX;
use crate::observation::Stream;
use crate::output::prefix::SourcePrefix;

/// Lines behind a header in which its first frame, or the title of its first thread, must come to be adopted: an
/// empty one may stand between.
const ADOPTED_LINES_MAX: u64 = 2;

/// One source of lines: a stream, or what stands behind a prefix in it.
#[derive(Clone, Debug)]
pub struct Source {
    /// The stream.
    pub stream: Stream,
    /// What stands before its lines.
    pub prefix: SourcePrefix,
    /// Whether a second line had the prefix; a log may put it before the header alone.
    pub confirmed: bool,
    /// What reads its lines.
    pub machine: Machine,
    /// Number of the line that it read last.
    pub used: u64,
}

impl TraceReader {
    /// The source of a line, made where it is new, and the line without its prefix.
    pub(super) fn source<'a>(
        &mut self,
        stream: Stream,
        text: &'a str,
        opening: Option<SourcePrefix>,
    ) -> (usize, &'a str) {
        self.adopt(stream, text);
        for loosely in [false, true] {
            let known = self
                .sources
                .iter_mut()
                .enumerate()
                .filter(|(_, source)| source.stream == stream && !source.prefix.is_empty());
            let best = known
                .filter_map(|(index, source)| {
                    Some((
                        index,
                        source.prefix.len(),
                        source.prefix.strip(text, loosely)?,
                    ))
                })
                .max_by_key(|(_, length, _)| *length);
            if let Some((index, _, rest)) = best {
                if let Some(source) = self.sources.get_mut(index) {
                    source.confirmed = true;
                }
                return (index, rest);
            }
        }
        if let Some(prefix) = opening.filter(|prefix| !prefix.is_empty()) {
            let rest = prefix.strip(text, false).unwrap_or(text);
            return (self.add(stream, prefix), rest);
        }
        let bare = self
            .sources
            .iter()
            .position(|source| source.stream == stream && source.prefix.is_empty());
        (
            bare.unwrap_or_else(|| self.add(stream, SourcePrefix::default())),
            text,
        )
    }

    /// A frame whose prefix is not its header's.
    ///
    /// Shorter, or none: the rest of the header's was a log line's that the header ended, or markup. Longer: the header
    /// stood behind a bar, whose line the collector had begun before the bar.
    fn adopt(&mut self, stream: Stream, text: &str) {
        let near = self.order.saturating_sub(ADOPTED_LINES_MAX);
        let waits = |source: &Source| {
            source.stream == stream
                && source.used >= near
                && if source.prefix.is_empty() {
                    source.machine.awaits_first_frame()
                } else {
                    !source.confirmed
                }
        };
        if !self.sources.iter().any(waits) {
            return;
        }
        let own = match headers::before_frame(text) {
            Some(before) => SourcePrefix::of(before),
            None if frames::quoted(text).is_some() || headers::thread(text).is_some() => {
                SourcePrefix::default()
            }
            None => return,
        };
        if !own.is_empty() {
            self.move_behind(stream, &own, waits);
        }
        let shorter = own;
        let header = self
            .sources
            .iter()
            .position(|source| waits(source) && source.prefix.continues(&shorter));
        let Some(mut header) = header.map(|index| self.sources.swap_remove(index)) else {
            return;
        };
        let mut done = Vec::new();
        self.sources.retain_mut(|source| {
            let replaced = source.stream == stream && source.prefix == shorter;
            if replaced {
                source.machine.close(&mut done);
            }
            !replaced
        });
        self.keep(done);
        header.prefix = shorter;
        self.sources.push(header);
    }

    /// Moves the report that a header without a prefix has opened to the source of its first frame.
    fn move_behind(
        &mut self,
        stream: Stream,
        prefix: &SourcePrefix,
        waits: impl Fn(&Source) -> bool,
    ) {
        let bare = self
            .sources
            .iter()
            .position(|source| source.prefix.is_empty() && waits(source));
        let busy = self.sources.iter().any(|source| {
            source.stream == stream && source.prefix == *prefix && !source.machine.is_idle()
        });
        let Some(bare) = bare.filter(|_| !busy) else {
            return;
        };
        let machine = std::mem::take(&mut self.sources[bare].machine);
        let index = self.add(stream, prefix.clone());
        let source = &mut self.sources[index];
        let mut done = Vec::new();
        source.machine.close(&mut done);
        source.machine = machine;
        self.keep(done);
    }

    /// The source of a new prefix; it is an old one where a progress bar stood before the prefix.
    fn add(&mut self, stream: Stream, prefix: SourcePrefix) -> usize {
        if let Some(index) = self
            .sources
            .iter()
            .position(|source| source.stream == stream && source.prefix == prefix)
        {
            return index;
        }
        if self.sources.len() >= TRACE_STREAMS_MAX {
            let oldest = self
                .sources
                .iter()
                .enumerate()
                .min_by_key(|(_, source)| source.used)
                .map(|(index, _)| index);
            if let Some(mut source) = oldest.map(|index| self.sources.swap_remove(index)) {
                let mut done = Vec::new();
                source.machine.close(&mut done);
                self.keep(done);
            }
        }
        self.sources.push(Source {
            stream,
            prefix,
            confirmed: false,
            machine: Machine::default(),
            used: self.order,
        });
        self.sources.len().saturating_sub(1)
    }
}
