using Mooring.Contracts.Configuration;

namespace Mooring.Gateway.Configuration;

/// <summary>The UDP listeners' part of <see cref="ListenerCompiler"/>. Pure.</summary>
internal static class UdpListenerCompiler
{
    private const int MaxResponses = 1_000_000;

    public static void Check(string path, ListenerConfig listener, ErrorList errors)
    {
        if (listener.Backend is null)
        {
            errors.Add($"{path}.backend", "is required");
        }

        if (listener.Tcp is not null)
        {
            errors.Add($"{path}.tcp", "must not be set when protocol is UDP");
        }

        if (listener.WebSocket is not null)
        {
            errors.Add($"{path}.webSocket", "must not be set when protocol is UDP");
        }

        if (listener.ProxyProtocol is not null)
        {
            errors.Add($"{path}.proxyProtocol", "must not be set when protocol is UDP");
        }

        if (listener.Limits is { } limits && limits with { NewConnections = null } != new ListenerLimitsConfig())
        {
            errors.Add($"{path}.limits", "of them, only newConnections is for protocol UDP");
        }

        if (listener.Udp is { } udp)
        {
            errors.Range($"{path}.udp.sessionTimeout", udp.SessionTimeout, TimeSpan.FromSeconds(1), TimeSpan.FromHours(24));
            errors.Range($"{path}.udp.responses", udp.Responses, 0, MaxResponses);
        }
    }

    public static void CheckAbsent(string path, ListenerConfig listener, ErrorList errors)
    {
        if (listener.Protocol != ListenerProtocol.UDP && listener.Udp is not null)
        {
            errors.Add($"{path}.udp", $"must not be set when protocol is {listener.Protocol}");
        }
    }
}
