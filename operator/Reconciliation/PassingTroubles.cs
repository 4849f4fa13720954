using System.Collections.Concurrent;
using Mooring.Kubernetes.Models;

namespace Mooring.Operator.Reconciliation;

/// <summary>Tells a trouble of the API server that passes from one that lasts. Thread-safe for different fleets.</summary>
/// <remarks>One answer of 500 is no news, and would turn a fleet's Ready over and back; what lasts for ten seconds is.</remarks>
internal sealed class PassingTroubles(TimeProvider time)
{
    /// <summary>What is over by then was not worth a word.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly ConcurrentDictionary<ObjectKey, long> _since = new();

    /// <summary>Takes note of how a pass over the fleet went. Returns whether its trouble is too young to be told.</summary>
    public bool IsPassing(ObjectKey fleet, ApplyReport report)
    {
        if (!report.WasCutShort)
        {
            _since.TryRemove(fleet, out _);
            return false;
        }

        return time.GetElapsedTime(_since.GetOrAdd(fleet, _ => time.GetTimestamp())) < Patience;
    }

    public void Forget(ObjectKey fleet) => _since.TryRemove(fleet, out _);
}
