using Mooring.Operator.Entities.Attributes;

namespace Mooring.Operator.Entities;

// The ranges of durations are the operator's to check: within two lists of 64 the API server's budget for rules is used up.
[Description(
    "Makes the namespace's channels queues of jobs: who is subscribed is a worker, each job is done by one of them, and is theirs until they acknowledge it."
)]
public sealed record HubQueueSpec
{
    [Description("A job whose worker has not acknowledged it after so long is given to another: 1s to 1h.")]
    [Length(2, Patterns.DurationLength), Pattern(Patterns.Duration, Patterns.DurationMeaning)]
    public string AckTimeout { get; set; } = "30s";

    [Description("Deliveries of a job, 1 to 100; one that has failed as often is a dead letter.")]
    [RangeMinimum(1), RangeMaximum(100)]
    public int MaxAttempts { get; set; } = 5;

    [Description("Wait before the second delivery, doubled for each further one: 0s to 1h.")]
    [Length(2, Patterns.DurationLength), Pattern(Patterns.Duration, Patterns.DurationMeaning)]
    public string MinBackoff { get; set; } = "1s";

    [Description("Longest such wait: minBackoff to 24h.")]
    [Length(2, Patterns.DurationLength), Pattern(Patterns.Duration, Patterns.DurationMeaning)]
    public string MaxBackoff { get; set; } = "1m";

    [Description("A job that nobody has done after so long is a dead letter: 1s to 720h.")]
    [Length(2, Patterns.DurationLength), Pattern(Patterns.Duration, Patterns.DurationMeaning)]
    public string JobTtl { get; set; } = "24h";

    [Description("Jobs in one queue, dead letters included, 1 to 1000000; who brings more gets error 111.")]
    [RangeMinimum(1), RangeMaximum(1_000_000)]
    public int MaxJobs { get; set; } = 10_000;

    [Description("Bytes of the jobs in one queue, 1024 to 1073741824.")]
    [RangeMinimum(1024), RangeMaximum(1L << 30)]
    public long MaxBytes { get; set; } = 64 * 1024 * 1024;

    [Description("Dead letters that a queue keeps for each group, 0 to 100000; the oldest make room.")]
    [RangeMinimum(0), RangeMaximum(100_000)]
    public int MaxDead { get; set; } = 1000;

    [Description(
        "Groups of workers, 1 to 8: each group gets every job, and one of its workers does it. The first one is that of workers that name none."
    )]
    [Items(1, 8, MaxTextLength = 63), Pattern(Patterns.DnsLabel, Patterns.DnsLabelMeaning)]
    public IReadOnlyList<string> Groups { get; set; } = ["workers"];
}
