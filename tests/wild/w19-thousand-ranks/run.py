"""Prints what the ranks of a large job say when rank 611 stands still: 1,023 watchdogs, three lines each, all mixed."""

STAMP = "E1118 02:29:40.123456789 ProcessGroupNCCL.cpp"
WORK = "Watchdog caught collective operation timeout: WorkNCCL(SeqNum=42, OpType=ALLREDUCE, NumelIn=4096, NumelOut=4096, "
WORK += "Timeout(ms)=600000) ran for {} milliseconds before timing out."
STATUS = "failure detected by watchdog at work sequence id: 42 PG status: last enqueued work: 44, last completed work: 41"
DUMP = "Received a dump signal due to a collective timeout from  rank {} and we will try our best to dump the debug info. "
DUMP += "Last enqueued NCCL work: {}, last completed NCCL work: 41.This is most likely caused by incorrect usages"
print(" 31%|###1      | 310/1000 [05:10<11:30,  1.00it/s]")
for part in range(3):
    for number in range(1024):
        rank = number * 389 % 1024
        group = f"[PG ID 0 PG GUID 0(default_pg) Rank {rank}] "
        waits = rank != 611
        if part == 0 and waits:
            print(f"[rank{rank}]:[{STAMP}:632] [Rank {rank}]", WORK.format(600000 + number))
        if part == 1 and waits:
            print(f"[rank{rank}]:[{STAMP}:2271] {group} {STATUS}")
        if part == 2:
            print(f"[rank{rank}]:[{STAMP}:1746] {group}{DUMP.format(3, 44 if waits else 41)}")
