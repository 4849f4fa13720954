using Mooring.Contracts.Configuration;
using Mooring.Contracts.Stream;
using Mooring.Gateway.Configuration;

namespace Mooring.Gateway.Limits;

/// <summary>Decides how many connections a gateway takes. Pure.</summary>
/// <remarks>
/// A number in the config is capped by descriptors alone, which end hard; how much memory it needs its author knows better, and is told where it is short. Without
/// one (Auto) the least of descriptors, memory, ports and the config's shares is taken.
/// </remarks>
internal static class CapacityPlanner
{
    /// <summary>The program itself: code, heap, and what the runtime keeps.</summary>
    public const long BaseBytes = 64L << 20;

    /// <summary>
    /// For each connection: two kernel sockets with their files (about 8 KiB together) and as much again, because some of them always have data waiting.
    /// </summary>
    public const long ConnectionBytes = 16L << 10;

    /// <summary>What TLS adds: OpenSSL's own objects (14 KB an idle connection).</summary>
    public const long TlsBytes = 16L << 10;

    /// <summary>The snapshot with its capacity, what that follows from, and the part of it that is open to new work.</summary>
    /// <param name="snapshot">The compiled config.</param>
    /// <param name="allowance">What the process may use.</param>
    /// <param name="destinations">Distinct addresses that connections go to at present.</param>
    public static GatewaySnapshot Fit(GatewaySnapshot snapshot, NodeAllowance allowance, int destinations)
    {
        var (capacity, bound) = Decide(snapshot, allowance, destinations);
        return snapshot with
        {
            Capacity = capacity,
            CapacityBound = bound,
            // At least one, or a small gateway with a reserve would serve nobody.
            AdmitUpTo = (int)Math.Max(1, (long)capacity * (100 - snapshot.Config.Capacity.ReservedPercent) / 100),
        };
    }

    /// <summary>What allows fewer connections than the number in the config; null: nothing that is known, or there is no such number.</summary>
    /// <param name="snapshot">The compiled config.</param>
    /// <param name="allowance">What the process may use.</param>
    /// <param name="destinations">Distinct addresses that connections go to at present; 0: not known yet.</param>
    /// <param name="trackable">Connections that the node tracks at most; 0: not known, or none is tracked.</param>
    public static CapacityShortfall? Shortfall(GatewaySnapshot snapshot, NodeAllowance allowance, int destinations, long trackable)
    {
        if (snapshot.CapacityBound != CapacityBound.Configured)
        {
            return null;
        }

        // From the client, and on to the backend.
        var tracked = trackable / (HasHubsAlone(snapshot) ? 1 : 2);
        var (least, bound) = ((long)snapshot.Capacity, CapacityBound.Configured);
        foreach (
            var (connections, by) in new[]
            {
                (Memory(snapshot.Config, allowance.MemoryBytes), CapacityBound.Memory),
                (Ports(snapshot, allowance, destinations), CapacityBound.Ports),
                (tracked, CapacityBound.Tracking),
            }
        )
        {
            if (connections > 0 && connections < least)
            {
                (least, bound) = (connections, by);
            }
        }

        return bound == CapacityBound.Configured ? null : new CapacityShortfall((int)least, bound);
    }

    private static (int Capacity, CapacityBound Bound) Decide(GatewaySnapshot snapshot, NodeAllowance allowance, int destinations)
    {
        // A Hub's client has one socket, where a proxied connection has two. A UDP flow has one until its listener's socket is left, to another loop,
        // another process or for good: then it has one of its own on either side, and all of them at once.
        var files = (long)allowance.FileConnections * (HasHubsAlone(snapshot) ? 2 : 1);
        var wanted = snapshot.Config.Capacity.MaxConnections;
        if (wanted > 0)
        {
            return wanted <= files ? (wanted, CapacityBound.Configured) : ((int)files, CapacityBound.OpenFiles);
        }

        var (least, bound) = (files, CapacityBound.OpenFiles);
        Consider(Memory(snapshot.Config, allowance.MemoryBytes), CapacityBound.Memory);
        // Endpoints that are not known yet count as one.
        Consider(Ports(snapshot, allowance, Math.Max(1, destinations)), CapacityBound.Ports);
        if (snapshot.Config.Capacity.Workers is { } workers)
        {
            Consider((long)workers.Connections * workers.PerCore * allowance.Cores, CapacityBound.Workers);
        }

        return ((int)Math.Clamp(least, 1, int.MaxValue), bound);

        void Consider(long connections, CapacityBound by)
        {
            if (connections > 0 && connections < least)
            {
                (least, bound) = (connections, by);
            }
        }
    }

    private static bool HasHubsAlone(GatewaySnapshot snapshot) =>
        snapshot.Listeners.Count > 0 && snapshot.Listeners.All(static listener => listener.Hub is not null);

    /// <summary>0: not known, or none is needed: who comes to a Hub, or through a tunnel, is sent on to no address from here.</summary>
    private static long Ports(GatewaySnapshot snapshot, NodeAllowance allowance, int destinations) =>
        snapshot.Listeners.Count == 0 || snapshot.Listeners.Any(static listener => listener.Hub is null && listener.Tunnel is null)
            ? (long)allowance.PortsPerDestination * destinations
            : 0;

    /// <summary>0: not known.</summary>
    private static long Memory(GatewayConfig config, long found)
    {
        var limit = config.Overload is { MemoryLimitBytes: > 0 and var configured } ? configured : found;
        if (limit <= 0)
        {
            return 0;
        }

        // Above that share connections would be closed again.
        var usable = (limit / 100 * (config.Overload ?? new OverloadConfig()).ShedAtPercent) - BaseBytes;
        var tls =
            config.Listeners.Any(static listener => listener.Tls is not null)
            || config.Backends.Any(static backend => backend.Tls is not null);
        return Math.Max(1, usable / (ConnectionBytes + (tls ? TlsBytes : 0)));
    }
}
