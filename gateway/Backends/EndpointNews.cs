namespace Mooring.Gateway.Backends;

/// <summary>Counts what changes of a gateway's endpoints: which there are, where, and what checks and breakers say. Thread-safe.</summary>
/// <remarks>Who keeps something at an endpoint compares one number instead of asking the endpoint each time.</remarks>
internal sealed class EndpointNews
{
    private int _number;

    /// <summary>Wraps around.</summary>
    public int Number => Volatile.Read(ref _number);

    /// <summary>To be called after the change, so that whoever sees the number sees it too.</summary>
    public void Tell() => Interlocked.Increment(ref _number);
}
