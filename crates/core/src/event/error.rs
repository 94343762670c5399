//! The error event: which public code raised what, rebuilt from public names.

use super::collective::CollectiveReport;
use super::value::fields;

fields! {
    /// Sent at most once, when the command died of an error.
    pub struct ErrorEvent<T> {
        "exception_type" => exception_type: T, "public class of the exception, else `<private>`";
        "exception" => exception: T, "a public message of the catalogue, with its numbers";
        "meaning" => meaning: T, "what the error means, of a closed list: `gpu_out_of_memory`, `disk_full`, `missing_module`…";
        "exception_shape" => exception_shape: Shape<T>, "what an unlisted message looks like, without a word of it";
        "stack_trace" => stack_trace: T, "the traceback, rebuilt from the frames below";
        "frames" => frames: Vec<Frame<T>>, "the traceback's frames, outermost first";
        "chain" => chain: Vec<T>, "types of the exceptions of this failure, oldest first, the launcher's own last";
        "marker" => marker: T, "public sign of a death that left no traceback (`Segmentation fault`, `c10::Error`…)";
        "stage" => stage: T, "the part of Axolotl that failed: the outermost of its public stages in the traceback (`axolotl.train.train`, `axolotl.common.datasets.load_datasets`…)";
        "module_event" => module_event: T, "the event by which Axolotl's own telemetry reports this error: it is named after the innermost stage";
        "collective" => collective: CollectiveReport<T>, "what the ranks' watchdogs say of a collective operation that failed";
        "fingerprint" => fingerprint: T, "groups equal errors: a hash over public names alone, without line numbers and sizes";
        "rank" => rank: u64, "rank of the process that failed first";
        "fatal" => fatal: bool, "whether the run died of it";
        "handled_count" => handled_count: u64, "tracebacks that the program printed and survived";
        "other_ranks" => other_ranks: u64, "other processes that reported a failure";
    }
}

impl ErrorEvent {
    /// The same error with less and less of it, for the gate that has refused all: without its message, without its
    /// trace, its fingerprint alone.
    pub fn degraded(&self) -> [Self; 3] {
        let without_message = Self {
            exception: None,
            stack_trace: None,
            ..self.clone()
        };
        let without_trace = Self {
            frames: None,
            chain: None,
            ..without_message.clone()
        };
        let fingerprint = Self {
            meaning: self.meaning.clone(),
            collective: self.collective.clone(),
            fingerprint: self.fingerprint.clone(),
            rank: self.rank,
            fatal: self.fatal,
            handled_count: self.handled_count,
            ..Self::default()
        };
        [without_message, without_trace, fingerprint]
    }
}

fields! {
    /// One frame of a traceback.
    pub struct Frame<T> {
        "origin" => origin: T, "where the code comes from: a public package, or only what kind of code it is (`user`, `other_package`, `notebook`…)";
        "file" => file: T, "public file, below site-packages or the standard library";
        "function" => function: T, "public function of that file";
        "line" => line: u64, "line number";
        "repeated" => repeated: u64, "how often the interpreter left the same frame out";
    }
}

fields! {
    /// The shape of a message that the catalogue does not have.
    pub struct Shape<T> {
        "length" => length: u64, "number of bits of its length (7: 64 to 127 characters)";
        "has" => has: Vec<T>, "what it holds: path, url, number, string, email, address";
    }
}
