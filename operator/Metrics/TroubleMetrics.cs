using System.Diagnostics.Metrics;
using Mooring.Operator.Run.Troubles;

namespace Mooring.Operator.Metrics;

/// <summary>The instrument of what is told of the API server and the clock. Process-wide and thread-safe.</summary>
internal static class TroubleMetrics
{
    private static readonly Meter Meter = new(FleetMetrics.Name);

    private static readonly Counter<long> Troubles = Meter.CreateCounter<long>(
        "mooring.troubles",
        "{trouble}",
        "Troubles of the API server or the clock that were told in an event, by kind"
    );

    /// <summary>Has each kind there at 0: of a series that begins at 1, Prometheus sees no increase, and nobody is told of the first trouble.</summary>
    public static void Begin()
    {
        foreach (var kind in Enum.GetValues<TroubleKind>())
        {
            Add(kind, 0);
        }
    }

    public static void Told(TroubleKind kind) => Add(kind, 1);

    private static void Add(TroubleKind kind, long times) => Troubles.Add(times, new KeyValuePair<string, object?>("kind", $"{kind}"));
}
