using System.Collections.Concurrent;
using Mooring.Kubernetes.Models;

namespace Mooring.Operator.Metrics;

/// <summary>How many gateways each fleet's load wants, as last decided. Thread-safe.</summary>
internal sealed class RecommendedGateways(TimeProvider time)
{
    private readonly ConcurrentDictionary<ObjectKey, (int Gateways, DateTimeOffset At)> _fleets = new();

    public void Set(ObjectKey fleet, int gateways) => _fleets[fleet] = (gateways, time.GetUtcNow());

    public void Forget(ObjectKey fleet) => _fleets.TryRemove(fleet, out _);

    /// <summary>Null: nothing was decided, as right after a change of leader.</summary>
    public (int Gateways, DateTimeOffset At)? Find(ObjectKey fleet) => _fleets.TryGetValue(fleet, out var value) ? value : null;
}
