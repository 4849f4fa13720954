using Mooring.Operator.Entities;

namespace Mooring.Operator.Planning;

/// <summary>What the listeners before a backend carry to it.</summary>
/// <param name="Tcp">A stream: TCP and what lies on it. Also of a backend that no listener names yet.</param>
/// <param name="Udp">Datagrams.</param>
internal readonly record struct BackendTransport(bool Tcp, bool Udp)
{
    /// <summary>Name of the port for streams, of a workload's container and Service alike.</summary>
    public const string TcpPort = "app";

    /// <summary>The same for datagrams.</summary>
    public const string UdpPort = "app-udp";

    public static BackendTransport Of(FleetSpec spec, string backend)
    {
        var udp = IsUsed(spec, backend, static listener => listener.Protocol == Protocols.Udp);
        return new BackendTransport(IsUsed(spec, backend, static listener => listener.Protocol != Protocols.Udp) || !udp, udp);
    }

    /// <summary>Whether one of such listeners sends to the backend, by itself or as a backup.</summary>
    private static bool IsUsed(FleetSpec spec, string backend, Func<ListenerSpec, bool> which)
    {
        var mains = spec.Backends.Where(one => one.Backup == backend).Select(static one => one.Name).Append(backend).ToList();
        return spec.Listeners.Where(which).SelectMany(static listener => listener.BackendNames()).Any(mains.Contains);
    }
}
