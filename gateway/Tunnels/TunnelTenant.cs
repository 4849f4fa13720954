using Mooring.Contracts.Configuration;

namespace Mooring.Gateway.Tunnels;

/// <summary>One who may open tunnels on a listener, and what of it is in use on this gateway. Thread-safe.</summary>
internal sealed class TunnelTenant(string name)
{
    private int _tunnels;
    private int _visitors;

    /// <summary>Empty: whoever has the listener's secret, or anybody where it has none.</summary>
    public string Name { get; } = name;

    /// <summary>Limits in force; null: none of its own.</summary>
    public TunnelTenantConfig? Config { get; set; }

    public int Tunnels => Volatile.Read(ref _tunnels);

    public int Visitors => Volatile.Read(ref _visitors);

    public bool TryOpen() => TryTake(ref _tunnels, Config?.MaxTunnels ?? 0);

    public void Closed() => Interlocked.Decrement(ref _tunnels);

    public bool TryVisit() => TryTake(ref _visitors, Config?.MaxConnections ?? 0);

    public void Left() => Interlocked.Decrement(ref _visitors);

    private static bool TryTake(ref int count, int limit)
    {
        if (Interlocked.Increment(ref count) <= limit || limit == 0)
        {
            return true;
        }

        Interlocked.Decrement(ref count);
        return false;
    }
}
