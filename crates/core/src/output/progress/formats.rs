//! Reads the lines in which programs without a bar say how far they are ([`knowledge`](super::knowledge)).
//!
//! Some programs say it in more than one line: a header, and rows below it that have the numbers (tables, blocks of
//! metrics, the epochs of Keras). So the reader keeps the last header while rows may follow.

use super::knowledge::{About, FORMATS, find};
use super::loops::{EpochLoops, Numbering, TrainingPosition};
use super::metrics::{Metric, Metrics};
use super::role::EpochName;

/// A header whose rows may follow.
#[derive(Clone, Debug)]
struct TableHeader {
    number: usize,
    metrics: Metrics,
    /// The batches that were last read of its epoch.
    batches: Option<(u64, u64)>,
    /// Lines since the last row.
    others: u32,
}

/// Where the reader of lines is.
#[derive(Clone, Debug, Default)]
pub struct LineReader {
    header: Option<TableHeader>,
    loops: EpochLoops,
}

/// What a line says.
#[derive(Clone)]
pub struct ProgressLine {
    /// Whose line it is.
    pub format: usize,
    pub says: About,
    pub metrics: Metrics,
}

impl LineReader {
    pub fn read(&mut self, text: &str) -> Option<ProgressLine> {
        if let Some((number, metrics)) = find(text) {
            let format = &FORMATS[number];
            if !format.rows.metrics.is_empty() {
                self.header = Some(TableHeader {
                    number,
                    metrics: metrics.clone(),
                    batches: None,
                    others: 0,
                });
            }
            return Some(self.reading(number, metrics));
        }
        let header = self.header.as_mut()?;
        let number = header.number;
        let format = &FORMATS[number];
        let Some(mut metrics) = format.read(&format.rows, text) else {
            header.others += 1;
            if header.others > format.rows_within {
                self.header = None;
            }
            return None;
        };
        header.others = 0;
        if let Some(count) = metrics.count(Metric::Batch)
            && let Some(length) = metrics.count(Metric::Batches)
        {
            if let Some((count_before, length_before)) = header.batches
                && (length != length_before || count < count_before)
            {
                // The batches of an evaluation behind the epoch.
                self.header = None;
                return None;
            }
            header.batches = Some((count, length));
            metrics = metrics.or(&header.metrics);
        }
        Some(self.reading(number, metrics))
    }

    fn reading(&mut self, number: usize, mut metrics: Metrics) -> ProgressLine {
        let format = &FORMATS[number];
        if format.counts_from == 0 {
            if let Some(step) = metrics.get(Metric::Step) {
                metrics.put(Metric::Step, step + 1.0);
            }
            if let Some(last) = metrics.get(Metric::Last) {
                metrics.put(Metric::Total, last + 1.0);
            }
        }
        if let Some(position) = self.position(&metrics) {
            metrics.put(Metric::Step, position.step as f64);
            if let Some(total) = position.total {
                metrics.put(Metric::Total, total as f64);
            }
            if let Some(epoch) = position.epoch {
                metrics.put(Metric::Epoch, epoch);
            }
        }
        ProgressLine {
            format: number,
            says: format.says,
            metrics,
        }
    }

    /// Where a line is in the training that says where it is in an epoch.
    fn position(&mut self, metrics: &Metrics) -> Option<TrainingPosition> {
        let epoch = EpochName {
            number: metrics.count(Metric::EpochNumber)?,
            last: metrics.count(Metric::Epochs),
        };
        let count = metrics.count(Metric::Batch)?;
        let length = metrics.count(Metric::Batches);
        self.loops.named(epoch, Numbering::Unknown, count, length)
    }
}
