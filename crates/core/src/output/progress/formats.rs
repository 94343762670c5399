//! Reads the lines in which programs without a bar say how far they are ([`knowledge`](super::knowledge)).
//!
//! Some programs say it in more than one line: a header, and rows below it that have the numbers (tables, blocks of
//! metrics, the epochs of Keras). So the reader keeps the last header while rows may follow.

use super::knowledge::{About, FORMATS, Format, find};
use super::loops::{Loops, Numbering, Position};
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
    loops: Loops,
}

/// What a line says.
#[derive(Clone, Debug)]
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
            return Some(self.reading(number, format, metrics));
        }
        let header = self.header.as_mut()?;
        let format = &FORMATS[header.number];
        let Some(mut metrics) = format.read(&format.rows, text) else {
            header.others += 1;
            if header.others > format.rows_within {
                self.header = None;
            }
            return None;
        };
        header.others = 0;
        let batch = metrics
            .count(Metric::Batch)
            .zip(metrics.count(Metric::Batches));
        if let (Some((before, length)), Some((count, batches))) = (header.batches, batch)
            && (batches != length || count < before)
        {
            // The batches of an evaluation behind the epoch.
            self.header = None;
            return None;
        }
        header.batches = batch.or(header.batches);
        if batch.is_some() {
            metrics.fill(&header.metrics);
        }
        let number = header.number;
        Some(self.reading(number, format, metrics))
    }

    fn reading(
        &mut self,
        number: usize,
        format: &'static Format,
        mut metrics: Metrics,
    ) -> ProgressLine {
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
    fn position(&mut self, metrics: &Metrics) -> Option<Position> {
        let epoch = EpochName {
            number: metrics.count(Metric::EpochNumber)?,
            last: metrics.count(Metric::Epochs),
        };
        let count = metrics.count(Metric::Batch)?;
        let length = metrics.count(Metric::Batches);
        self.loops.named(epoch, Numbering::Unknown, count, length)
    }
}
