using Mooring.Operator.Entities;

namespace Mooring.Operator.Planning;

/// <summary>What the listeners before a backend carry to it.</summary>
/// <param name="Tcp">A stream: TCP and what lies on it. Also of a backend that no listener names yet.</param>
/// <param name="Udp">Datagrams.</param>
internal readonly record struct BackendTransport(bool Tcp, bool Udp)
{
    public static BackendTransport Of(FleetSpec spec, string backend)
    {
        var udp = spec.Listeners.Any(listener => listener.Protocol == Protocols.Udp && listener.Backend == backend);
        var tcp = spec.Listeners.Any(listener =>
            listener.Protocol != Protocols.Udp
            && (listener.Backend == backend || (listener.WebSocket?.Routes.Any(route => route.Backend == backend) ?? false))
        );
        return new BackendTransport(tcp || !udp, udp);
    }
}
