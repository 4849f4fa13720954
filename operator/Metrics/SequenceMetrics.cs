using System.Diagnostics.Metrics;
using Mooring.Operator.Entities.Status;
using Mooring.Operator.Scaling;

namespace Mooring.Operator.Metrics;

/// <summary>The instruments of scaling decisions, cordons and drains. Process-wide and thread-safe.</summary>
internal static class SequenceMetrics
{
    private const string Empty = "empty";
    private const string Deadline = "deadline";
    private const string TakenBack = "taken_back";

    private static readonly Meter Meter = new(FleetMetrics.Name);

    private static readonly Counter<long> Decisions = Meter.CreateCounter<long>(
        "mooring.scaling.decisions",
        "{decision}",
        "Changes of the number of gateways that a fleet's load wants, by direction and reason"
    );

    private static readonly Counter<long> Cordons = Meter.CreateCounter<long>(
        "mooring.gateway.cordons",
        "{gateway}",
        "Gateways chosen to go, or cordoned by hand, by cause"
    );

    private static readonly Counter<long> Drains = Meter.CreateCounter<long>(
        "mooring.gateway.drains",
        "{gateway}",
        "Drains that have ended, by cause and outcome: empty, deadline, or taken_back"
    );

    private static readonly Histogram<double> DrainDuration = Meter.CreateHistogram(
        "mooring.gateway.drain.duration",
        "s",
        "From the cordon of a gateway to the end of its drain, by cause",
        advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = [1, 2.5, 5, 10, 30, 60, 120, 300, 600] }
    );

    /// <summary>Has each cause and outcome of a drain there at 0: of a series that begins at 1, Prometheus sees no increase, and nobody is told of the first one.</summary>
    public static void Begin()
    {
        foreach (var cause in (string[])[DrainCauses.Rollout, DrainCauses.ScaleIn, DrainCauses.Removed, DrainCauses.Manual])
        {
            foreach (var outcome in (string[])[Empty, Deadline, TakenBack])
            {
                Drains.Add(0, new("cause", cause), new KeyValuePair<string, object?>("outcome", outcome));
            }
        }
    }

    public static void Decided(ScalingStatus? before, ScalingStatus? after)
    {
        // Before the first decision it was as many as there are.
        if (after is not null && (before?.Recommended ?? after.Replicas) is var wanted && after.Recommended != wanted)
        {
            Decisions.Add(
                1,
                new("direction", after.Recommended > wanted ? "up" : "down"),
                new KeyValuePair<string, object?>("reason", after.Reason)
            );
        }
    }

    public static void Marked(MarkChange mark, DateTimeOffset now)
    {
        var (_, before, after) = mark;
        if (before is null && after is not null)
        {
            Cordons.Add(1, Cause(after));
        }

        if (before is not { Drained: true } && after is { Drained: true } done)
        {
            Ended(done, done.Deadline <= now ? Deadline : Empty, now);
        }
        else if (before is { DrainStartedAt: not null, Drained: false } && after is null)
        {
            Ended(before, TakenBack, now);
        }
    }

    private static void Ended(DrainMark mark, string outcome, DateTimeOffset now)
    {
        Drains.Add(1, Cause(mark), new KeyValuePair<string, object?>("outcome", outcome));
        DrainDuration.Record(Math.Max(0, (now - mark.CordonedAt).TotalSeconds), Cause(mark));
    }

    private static KeyValuePair<string, object?> Cause(DrainMark mark) => new("cause", mark.Cause);
}
