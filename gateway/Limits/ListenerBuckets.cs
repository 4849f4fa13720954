namespace Mooring.Gateway.Limits;

/// <summary>The token buckets of one listener, which all loops take from.</summary>
internal sealed class ListenerBuckets
{
    /// <summary>New connections.</summary>
    public long NewConnections;

    /// <summary>New WebSockets.</summary>
    public long Upgrades;

    /// <summary>Bytes from clients.</summary>
    public long Receive;

    /// <summary>Bytes to clients.</summary>
    public long Send;
}
