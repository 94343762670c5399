use super::*;
use crate::output::watchdogs::WatchdogReader;
use CollectiveTrouble::{
    FirstConnection, Lagging, Mismatch, NeverCame, NobodyLags, NotAllJoined, PeerLost, Unreachable,
    Untold, WatchdogStuck,
};
use Confidence::{High, Low, Medium};

/// A time-out of PyTorch 2.4 and later; `rank` is that of the group, `job` that of the whole job.
fn timed_out(job: u64, rank: u64, sequence: u64, operation: &str, elements: [u64; 2]) -> String {
    let [elements_in, elements_out] = elements;
    format!(
        "[rank{job}]:[E709 17:05:38.162814866 ProcessGroupNCCL.cpp:632] [Rank {rank}] Watchdog caught collective operation timeout: WorkNCCL(SeqNum={sequence}, OpType={operation}, NumelIn={elements_in}, NumelOut={elements_out}, Timeout(ms)=600000) ran for 600017 milliseconds before timing out."
    )
}

/// The line of a watchdog that follows it: group, number of what failed, last enqueued, last completed.
fn status(job: u64, rank: u64, group: u64, numbers: [i64; 3]) -> String {
    let [failed, enqueued, completed] = numbers;
    format!(
        "[rank{job}]:[E709 17:05:38.162814866 ProcessGroupNCCL.cpp:2271] [PG ID {group} PG GUID {group}(x) Rank {rank}]  failure detected by watchdog at work sequence id: {failed} PG status: last enqueued work: {enqueued}, last completed work: {completed}"
    )
}

/// What a rank says that is told of another one's time-out.
fn dump_signal(job: u64, rank: u64, group: u64, numbers: [i64; 2]) -> String {
    let [enqueued, completed] = numbers;
    format!(
        "[rank{job}]:[E703 21:51:54.112142364 ProcessGroupNCCL.cpp:1987] [PG ID {group} PG GUID {group}(x) Rank {rank}] Received a dump signal due to a collective timeout from  rank 7 and we will try our best to dump the debug info. Last enqueued NCCL work: {enqueued}, last completed NCCL work: {completed}.This is most likely caused by incorrect usages"
    )
}

fn old(rank: u64, words: &str) -> String {
    format!(
        "[E ProcessGroupNCCL.cpp:821] [Rank {rank}] Watchdog caught collective operation timeout: WorkNCCL({words}, Timeout(ms)=1800000) ran for 1804406 milliseconds before timing out."
    )
}

fn fingerprint(rank: u64, operation: &str, other: u64, other_operation: &str) -> String {
    format!(
        "[rank{rank}]: RuntimeError: Detected mismatch between collectives on ranks. Rank {rank} is running collective: CollectiveFingerPrint(SequenceNumber=5, OpType={operation}, TensorShape=[4], TensorDtypes=Float), but Rank {other} is running collective: CollectiveFingerPrint(SequenceNumber=5, OpType={other_operation}, TensorShape=[4], TensorDtypes=Float)."
    )
}

struct Row {
    title: &'static str,
    lines: Vec<String>,
    world_size: Option<u64>,
    trouble: CollectiveTrouble,
    confidence: Confidence,
    ranks: &'static [u64],
    /// The number of the group whose ranks these are.
    group: Option<u64>,
}

fn row(
    title: &'static str,
    lines: Vec<String>,
    trouble: CollectiveTrouble,
    confidence: Confidence,
    ranks: &'static [u64],
) -> Row {
    Row {
        title,
        lines,
        world_size: None,
        trouble,
        confidence,
        ranks,
        group: None,
    }
}

fn plain(lines: &[&str]) -> Vec<String> {
    lines.iter().map(|line| (*line).to_owned()).collect()
}

const SAME: [u64; 2] = [4096, 4096];

fn rows_of_reports() -> Vec<Row> {
    vec![
        row(
            "the desync report, whatever else is said",
            vec![
                timed_out(0, 0, 183, "ALLREDUCE", SAME),
                " - To our best knowledge, the lagging/dead/mismatched ranks that caused the desync are:".into(),
                "\t     [7] finished collective #182, but didn't join collective #183 (count from 1)".into(),
                " - Snapshot of ranks' latest states:".into(),
            ],
            Lagging,
            High,
            &[7],
        ),
        row(
            "ranks that never joined any",
            plain(&[" - To our best knowledge, ranks [2, 3] are the lagging ranks that caused this timeout. They never joined any collectives"]),
            Lagging,
            High,
            &[2, 3],
        ),
        row(
            "fingerprints: one against two",
            vec![
                fingerprint(0, "ALLREDUCE", 1, "BROADCAST"),
                fingerprint(2, "ALLREDUCE", 1, "BROADCAST"),
            ],
            Mismatch,
            High,
            &[1],
        ),
        row(
            "fingerprints of two",
            vec![fingerprint(0, "ALLREDUCE", 1, "BROADCAST")],
            Mismatch,
            High,
            &[0, 1],
        ),
        row(
            "a monitored barrier names those who did not come, and not who was let down",
            plain(&[
                "[rank2]: RuntimeError: Rank 2 successfully reached monitoredBarrier, but received errors while waiting for send/recv from rank 0. Please check rank 0 logs for faulty rank.",
                "[rank0]: RuntimeError: [Rank 0]: Ranks 1, 3 failed to pass monitoredBarrier in 6000 ms",
            ]),
            NeverCame,
            High,
            &[1, 3],
        ),
    ]
}

fn rows_of_timeouts() -> Vec<Row> {
    let other_elements = [7, 7];
    vec![
        row(
            "1.10: no numbers, no sizes",
            vec![old(3, "OpType=BROADCAST"), old(1, "OpType=BROADCAST")],
            Untold,
            Low,
            &[],
        ),
        row(
            "2.0: the lowest number lags; without a group in the line it may be of another",
            vec![
                old(0, "SeqNum=9, OpType=ALLREDUCE, TensorShape=[8]"),
                old(1, "SeqNum=8, OpType=ALLREDUCE, TensorShape=[8]"),
            ],
            Lagging,
            Low,
            &[1],
        ),
        row(
            "the same with the group in the line",
            vec![
                timed_out(0, 0, 9, "ALLREDUCE", SAME),
                status(0, 0, 0, [9, 9, 8]),
                timed_out(1, 1, 8, "ALLREDUCE", SAME),
                status(1, 1, 0, [8, 9, 7]),
            ],
            Lagging,
            Medium,
            &[1],
        ),
        row(
            "other numbers and other operations",
            vec![
                timed_out(0, 0, 9, "ALLREDUCE", SAME),
                timed_out(1, 1, 9, "ALLREDUCE", SAME),
                timed_out(2, 2, 8, "_ALLGATHER_BASE", [4, 12]),
            ],
            Mismatch,
            Medium,
            &[2],
        ),
        row(
            "the same number, another operation: one of three",
            vec![
                timed_out(0, 0, 9, "ALLREDUCE", SAME),
                timed_out(1, 1, 9, "BROADCAST", SAME),
                timed_out(2, 2, 9, "ALLREDUCE", SAME),
            ],
            Mismatch,
            High,
            &[1],
        ),
        row(
            "the same number, another size: two name nobody",
            vec![
                timed_out(0, 0, 9, "ALLREDUCE", SAME),
                timed_out(1, 1, 9, "ALLREDUCE", other_elements),
            ],
            Mismatch,
            Medium,
            &[],
        ),
        row(
            "one sends and the other receives: that is no mismatch",
            vec![
                timed_out(0, 0, 9, "SEND", SAME),
                timed_out(1, 1, 9, "RECV", SAME),
            ],
            Untold,
            Low,
            &[],
        ),
        row(
            "one had completed all that it began",
            vec![
                timed_out(0, 0, 9, "ALLREDUCE", SAME),
                status(0, 0, 0, [9, 9, 8]),
                timed_out(2, 2, 9, "ALLREDUCE", SAME),
                status(2, 2, 0, [9, 9, 8]),
                dump_signal(1, 1, 0, [8, 8]),
            ],
            NeverCame,
            High,
            &[1],
        ),
        row(
            "what is said of another group tells nothing of this one",
            vec![
                timed_out(0, 0, 9, "ALLREDUCE", SAME),
                status(0, 0, 3, [9, 9, 8]),
                dump_signal(1, 1, 0, [8, 8]),
            ],
            Untold,
            Low,
            &[],
        ),
        row(
            "one waits alone in what nobody else has called",
            vec![
                timed_out(7, 7, 9, "ALLREDUCE", SAME),
                status(7, 7, 0, [9, 9, 8]),
                dump_signal(0, 0, 0, [8, 8]),
                dump_signal(1, 1, 0, [8, 8]),
            ],
            Mismatch,
            Medium,
            &[7],
        ),
    ]
}

fn rows_of_sizes() -> Vec<Row> {
    let in_gather = |job| timed_out(job, job, 9, "_ALLGATHER_BASE", [4, 12]);
    let in_reduce = |job| timed_out(job, job, 9, "ALLREDUCE", SAME);
    let of_four = |row: Row| Row {
        world_size: Some(4),
        ..row
    };
    vec![
        row(
            "sizes tell that there are three: one was elsewhere",
            vec![in_gather(0), in_gather(2)],
            NeverCame,
            Medium,
            &[1],
        ),
        row(
            "all three are there",
            vec![in_gather(0), in_gather(1), in_gather(2)],
            NobodyLags,
            Medium,
            &[],
        ),
        of_four(row(
            "three of four ranks",
            vec![in_reduce(0), in_reduce(1), in_reduce(3)],
            NeverCame,
            Medium,
            &[2],
        )),
        of_four(row(
            "two of four ranks",
            vec![in_reduce(0), in_reduce(3)],
            NeverCame,
            Low,
            &[1, 2],
        )),
        of_four(row(
            "the first operation of all",
            (0..4)
                .map(|job| timed_out(job, job, 1, "ALLREDUCE", SAME))
                .collect(),
            FirstConnection,
            Medium,
            &[],
        )),
        of_four(row(
            "nothing was ever completed",
            (0..4)
                .flat_map(|job| {
                    let timeout = timed_out(job, job, 2, "ALLREDUCE", SAME);
                    [timeout, status(job, job, 0, [2, 3, -1])]
                })
                .collect(),
            FirstConnection,
            Medium,
            &[],
        )),
        row(
            "nobody knows how many there are",
            vec![in_reduce(0), in_reduce(1)],
            Untold,
            Low,
            &[],
        ),
        row(
            "ranks of a group have the job's numbers before their lines",
            vec![
                timed_out(4, 0, 9, "ALLREDUCE", SAME),
                status(4, 0, 3, [9, 9, 8]),
                timed_out(5, 1, 8, "ALLREDUCE", SAME),
                status(5, 1, 3, [8, 9, 7]),
            ],
            Lagging,
            Medium,
            &[5],
        ),
        Row {
            group: Some(3),
            ..row(
                "a rank of a group that said nothing has only the group's number",
                vec![
                    timed_out(4, 0, 9, "_ALLGATHER_BASE", [4, 8]),
                    status(4, 0, 3, [9, 9, 8]),
                ],
                NeverCame,
                Medium,
                &[1],
            )
        },
    ]
}

fn rows_without_names() -> Vec<Row> {
    vec![
        row(
            "gloo: sizes differ",
            plain(&[
                "  what():  [enforce fail at ../third_party/gloo/gloo/transport/tcp/pair.cc:456] op.preamble.length <= op.nbytes. 128 vs 12",
            ]),
            Mismatch,
            Medium,
            &[],
        ),
        row(
            "the store: who never came is not said",
            plain(&[
                "torch.distributed.DistStoreError: Timed out after 9 seconds waiting for clients. 1/2 clients joined.",
            ]),
            NotAllJoined,
            High,
            &[],
        ),
        row(
            "nobody is there",
            plain(&[
                "torch.distributed.DistNetworkError: The client socket has timed out after 8000ms while trying to connect to (h, 29500).",
            ]),
            Unreachable,
            Medium,
            &[],
        ),
        row(
            "one waited for another one's identity",
            plain(&[
                "[rank3]: torch.distributed.DistBackendError: [3] is setting up NCCL communicator and retrieving ncclUniqueId from [0] via c10d key-value store by key '0', but store->get('0') got error: Socket Timeout",
            ]),
            NeverCame,
            Low,
            &[0],
        ),
        row(
            "the watchdog itself",
            plain(&[
                "[rank0]:[F ProcessGroupNCCL.cpp:1555] [PG ID 0 PG GUID 0(default_pg) Rank 0] ProcessGroupNCCL's watchdog got stuck for 480 seconds without making progress",
            ]),
            WatchdogStuck,
            Low,
            &[0],
        ),
        row(
            "gloo waited",
            plain(&[
                "RuntimeError: [../third_party/gloo/gloo/transport/tcp/unbound_buffer.cc:81] Timed out waiting 12000ms for recv operation to complete",
            ]),
            Untold,
            Low,
            &[],
        ),
        Row {
            world_size: Some(3),
            ..row(
                "gloo: two of three waited",
                [0, 2]
                    .map(|rank| format!("[rank{rank}]: RuntimeError: [../third_party/gloo/gloo/transport/tcp/unbound_buffer.cc:81] Timed out waiting 12000ms for recv operation to complete"))
                    .to_vec(),
                NeverCame,
                Medium,
                &[1],
            )
        },
        row(
            "only a victim",
            plain(&[
                "RuntimeError: [../third_party/gloo/gloo/transport/tcp/pair.cc:534] Connection closed by peer [10.0.0.1]:3483",
            ]),
            PeerLost,
            Low,
            &[],
        ),
    ]
}

#[test]
fn what_the_ranks_say_together() {
    let tables = [
        rows_of_reports(),
        rows_of_timeouts(),
        rows_of_sizes(),
        rows_without_names(),
    ];
    for row in tables.into_iter().flatten() {
        let mut reader = WatchdogReader::default();
        row.lines.iter().for_each(|line| reader.line(line));
        let found = judge(&reader.facts, row.world_size).expect(row.title);
        let group = found.group.map(|group| group.number);
        assert_eq!(
            (found.trouble, found.confidence, &found.ranks[..], group),
            (row.trouble, row.confidence, row.ranks, row.group),
            "{}: {:#?}",
            row.title,
            reader.facts
        );
        // What names a rank of the verdict is sure enough, and a rank of the job.
        let may_be_named = row.ranks.len() == 1 && row.confidence != Low && row.group.is_none();
        assert_eq!(found.rank().is_some(), may_be_named, "{}", row.title);
    }
    assert_eq!(judge(&WatchdogFacts::default(), Some(2)), None);
}

#[test]
fn a_thousand_ranks_in_one_log() {
    let mut reader = WatchdogReader::default();
    for job in 0..1024 {
        if job == 611 {
            reader.line(&dump_signal(job, job, 0, [41, 41]));
            continue;
        }
        for _ in 0..3 {
            reader.line(&timed_out(job, job, 42, "ALLREDUCE", SAME));
            reader.line(&status(job, job, 0, [42, 44, 41]));
        }
    }
    let found = judge(&reader.facts, None).unwrap();
    assert_eq!(
        (
            found.trouble,
            found.confidence,
            found.rank(),
            found.timed_out
        ),
        (NeverCame, High, Some(611), 1023)
    );
}
