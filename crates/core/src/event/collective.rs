//! What the ranks' watchdogs say of a collective operation, and who was waited for.

use super::value::{Number, fields};

fields! {
    /// What follows from all that the ranks said about a collective operation that failed.
    pub struct CollectiveReport<T> {
        "trouble" => trouble: T, "what went wrong: `lagging`, `never_came`, `mismatch`, `nobody_lags`, `first_connection`, `watchdog_stuck`, `not_all_joined`, `unreachable`, `peer_lost` or `untold`";
        "confidence" => confidence: T, "`high`, `medium` or `low`";
        "ranks" => ranks: Vec<u64>, "the ranks that were waited for or called something else, the first 16";
        "ranks_named" => ranks_named: u64, "how many ranks these are in all";
        "process_group" => process_group: u64, "number of the process group whose ranks these are, where they are not the job's";
        "operation" => operation: T, "PyTorch's name of the operation that was waited in (`ALLREDUCE`…)";
        "sequence" => sequence: u64, "number of the operation in its group";
        "elements" => elements: u64, "elements that went into it";
        "timeout_seconds" => timeout_seconds: Number, "seconds that it might take";
        "timed_out" => timed_out: u64, "ranks that said that it timed out";
        "held_up" => held_up: bool, "true where it was noticed far too late, so that the watchdog itself was held up";
        "joined" => joined: u64, "processes that came to the rendezvous";
        "expected" => expected: u64, "processes that were expected there";
    }
}
