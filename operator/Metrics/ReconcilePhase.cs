using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace Mooring.Operator.Metrics;

/// <summary>One phase of a reconcile, from its making to its disposal: a span within the reconcile's, and a measurement.</summary>
/// <remarks>Without a listener there is no span, and nothing is allocated.</remarks>
internal readonly struct ReconcilePhase : IDisposable
{
    /// <summary>Name of the source of these spans.</summary>
    public const string Source = "Mooring.Operator";

    private static readonly ActivitySource Activities = new(Source);
    private static readonly Meter Meter = new(FleetMetrics.Name);

    private static readonly Histogram<double> Duration = Meter.CreateHistogram<double>(
        "mooring.reconcile.phase.duration",
        "s",
        "Time of one phase of a fleet's reconcile: gather, plan, apply or status"
    );

    private readonly Activity? _activity;
    private readonly string _name;
    private readonly long _start;

    private ReconcilePhase(string name) => (_name, _start, _activity) = (name, Stopwatch.GetTimestamp(), Activities.StartActivity(name));

    public static ReconcilePhase Begin(string name) => new(name);

    public void Dispose()
    {
        _activity?.Dispose();
        Duration.Record(Stopwatch.GetElapsedTime(_start).TotalSeconds, new KeyValuePair<string, object?>("phase", _name));
    }
}
