using Mooring.Contracts.Configuration;
using Mooring.Gateway.Datagrams;

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

        if (listener.Tls is not null)
        {
            errors.Add($"{path}.tls", "must not be set when protocol is UDP: datagrams are passed on as they are");
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

    /// <summary>What UDP listeners send to, backups included, has nothing set that is for connections: it would do nothing, and TLS not even that.</summary>
    /// <param name="config">Its listeners and backends.</param>
    /// <param name="connecting">Backends that other listeners connect to, backups included.</param>
    /// <param name="errors">Where errors go.</param>
    public static void CheckBackends(GatewayConfig config, HashSet<string> connecting, ErrorList errors)
    {
        var backends = config.Backends.DistinctBy(backend => backend.Name).ToDictionary(backend => backend.Name);
        var users = new Dictionary<string, string>();
        foreach (var listener in config.Listeners.Where(listener => listener.Protocol == ListenerProtocol.UDP))
        {
            if (listener.Backend is { } name && backends.TryGetValue(name, out var backend))
            {
                users.TryAdd(name, listener.Name);
                users.TryAdd(backend.Backup ?? name, listener.Name);
            }
        }

        for (var i = 0; i < config.Backends.Count; i++)
        {
            if (users.TryGetValue(config.Backends[i].Name, out var user))
            {
                CheckBackend($"backends[{i}]", config.Backends[i], user, errors);
                if (config.Backends[i].ActiveHealth is { Port: 0 } && !connecting.Contains(config.Backends[i].Name))
                {
                    errors.Add(
                        $"backends[{i}].activeHealth.port",
                        "is required where only UDP listeners use the backend: checks are made by TCP, for which nobody may listen at the endpoint's own"
                    );
                }
            }
        }
    }

    private static void CheckBackend(string path, BackendConfig backend, string user, ErrorList errors)
    {
        var problem = $"must not be set where a UDP listener ('{user}') uses the backend";
        if (backend.Tls is not null)
        {
            errors.Add($"{path}.tls", problem);
        }

        if (backend.ProxyProtocol is not null)
        {
            errors.Add($"{path}.proxyProtocol", problem);
        }

        if (backend.Queue is not null)
        {
            errors.Add($"{path}.queue", problem);
        }

        if (backend.Retry.Attempts > FlowOpener.MaxAttempts)
        {
            errors.Add(
                $"{path}.retry.attempts",
                $"is {backend.Retry.Attempts}; must be at most {FlowOpener.MaxAttempts} where a UDP listener ('{user}') uses the backend"
            );
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
