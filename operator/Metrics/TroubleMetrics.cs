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

    public static void Told(TroubleKind kind) => Troubles.Add(1, new KeyValuePair<string, object?>("kind", $"{kind}"));
}
