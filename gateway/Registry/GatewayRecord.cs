using Mooring.Contracts.Stream;

namespace Mooring.Gateway.Registry;

/// <summary>One gateway as the registry knows it. Immutable.</summary>
internal sealed record GatewayRecord
{
    /// <summary>Unique in the fleet; 1 to <see cref="RegistryLimits.MaxName"/> characters.</summary>
    public required string Name { get; init; }

    /// <summary>What tells the process from others that had the name or have it; empty: an older program. At most <see cref="RegistryLimits.MaxName"/> characters.</summary>
    public string Process { get; set; } = "";

    /// <summary>Where other gateways reach it, as <c>host:port</c>; empty: nowhere. At most <see cref="RegistryLimits.MaxName"/> characters.</summary>
    public string Address { get; set; } = "";

    public GatewayState State { get; init; }

    /// <summary>Units of work it carries: client connections.</summary>
    public int Load { get; init; }

    /// <summary>Units of work it takes at most.</summary>
    public int Capacity { get; init; }

    /// <summary>Bits per second it moves now, both directions together.</summary>
    public long Bandwidth { get; init; }

    /// <summary>Bits per second it may move; 0: no limit.</summary>
    public long BandwidthCapacity { get; init; }

    /// <summary>
    /// What fences it: a new one, greater than all before it in the fleet, each time it is registered after not having been. Set by the registry.
    /// </summary>
    public long Generation { get; init; }

    /// <summary>What others need to reach its tunnels; null: it has none to reach.</summary>
    public PeerRecord? Peer { get; init; }

    /// <summary>It takes new work.</summary>
    public bool TakesWork => State == GatewayState.Serving && Load < Capacity;

    /// <summary><see cref="Load"/> of <see cref="Capacity"/>: 0 to 1, and above where a limit was lowered. A gateway without capacity is full.</summary>
    public double Utilization => Capacity > 0 ? (double)Load / Capacity : 1;
}

/// <summary>How other gateways reach the tunnels of one.</summary>
internal sealed record PeerRecord
{
    /// <summary>Where it listens for them, as <c>address:port</c>.</summary>
    public string Address { get; set; } = "";

    /// <summary>What they prove to be of the fleet with: whoever reads the registry is.</summary>
    public string Key { get; set; } = "";

    /// <summary>The gateway in the ids of its visitors.</summary>
    public uint Number { get; init; }

    /// <summary>Host and address that it binds: gateways with the same one cannot both bind a port.</summary>
    public string Site { get; set; } = "";

    /// <summary>Its tunnels' public ports: see <see cref="Tunnels.PortSet"/>.</summary>
    public string Tcp { get; set; } = "";

    public string Udp { get; set; } = "";

    /// <summary>Tunnels that are open there.</summary>
    public int Tunnels { get; init; }

    /// <summary>Everything is within its bounds.</summary>
    [System.Text.Json.Serialization.JsonIgnore]
    public bool IsBounded =>
        Address.Length <= RegistryLimits.MaxName
        && Key.Length <= 128
        && Site.Length <= RegistryLimits.MaxName
        && Tcp.Length <= 12_288
        && Udp.Length <= 12_288;
}

/// <summary>What bounds a registry, whoever writes to it.</summary>
internal static class RegistryLimits
{
    /// <summary>Gateways of one fleet.</summary>
    public const int MaxGateways = 4096;

    /// <summary>Characters of a name, an address or an owned thing's id.</summary>
    public const int MaxName = 253;

    /// <summary>Users and devices counted in one call.</summary>
    public const int MaxCounted = 256;

    /// <summary>Characters of what an owner notes with what it owns.</summary>
    public const int MaxDetail = 1024;

    /// <summary>Throws where a text is longer than the registry takes, or empty.</summary>
    /// <exception cref="ArgumentException">It is.</exception>
    public static void Check(string text, int max, string name)
    {
        if (text.Length == 0 || text.Length > max)
        {
            throw new ArgumentException($"has {text.Length} characters; must have 1 to {max}", name);
        }
    }
}
