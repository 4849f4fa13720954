using System.Text;
using Mooring.Contracts;
using Mooring.Contracts.Configuration;
using Mooring.Gateway.Limits;

namespace Mooring.Gateway.Configuration;

/// <summary>Turns a config into a snapshot, or into all of its errors at once, each with its path. Pure.</summary>
internal static class ConfigCompiler
{
    public const int MaxListeners = 1024;
    public const int MaxBackends = 64;
    private const int MaxNumber = 10_000_000;

    /// <param name="config">The input; any of its members may be wrong.</param>
    /// <param name="processConnections">Connections that the process's limits allow.</param>
    public static CompileResult Compile(GatewayConfig config, int processConnections)
    {
        var errors = new ErrorList();
        errors.NoNulls("listeners", config.Listeners);
        errors.NoNulls("backends", config.Backends);
        for (var i = 0; i < config.Listeners.Count; i++)
        {
            errors.NoNulls($"listeners[{i}].webSocket.routes", config.Listeners[i]?.WebSocket?.Routes ?? []);
            errors.NoNulls($"listeners[{i}].tls.certificates", config.Listeners[i]?.Tls?.Certificates ?? []);
            errors.NoNulls($"listeners[{i}].tls.routes", config.Listeners[i]?.Tls?.Routes ?? []);
        }

        for (var i = 0; i < config.Backends.Count; i++)
        {
            errors.NoNulls($"backends[{i}].addresses", config.Backends[i]?.Addresses ?? []);
        }

        if (errors.Count > 0)
        {
            // What follows may count on there being something.
            return new CompileResult(null, errors.ToList());
        }

        if (config.Version != 1)
        {
            errors.Add("version", $"is {config.Version}; this gateway knows 1");
        }

        CheckCapacity(config.Capacity, errors);
        CheckDrain(config.Drain, errors);
        RegistryCompiler.Check(config, errors);
        TunnelCompiler.CheckCapacity(config.Capacity.Tunnels, errors);
        OverloadCompiler.Check(config.Overload, errors);
        OtlpCompiler.Check(config.Otlp, errors);
        if (config.Geo is { } geo && (!Path.IsPathRooted(geo.DatabasePath) || geo.DatabasePath.Length > 4096))
        {
            errors.Add("geo.databasePath", "must be an absolute path of at most 4096 characters");
        }

        var perPrefix = LimitsSnapshot.Prefix("capacity.perPrefix", config.Capacity.PerPrefix, errors);
        var newPerAddress = LimitsSnapshot.Rate("capacity.newPerAddress", config.Capacity.NewPerAddress, errors);
        var backends = BackendCompiler.Compile(config.Backends, errors);
        var listeners = ListenerCompiler.Compile(config.Listeners, [.. config.Backends.Select(b => b.Name)], errors);
        var connecting = listeners
            .Where(listener => listener.Protocol != ListenerProtocol.UDP)
            .SelectMany(listener => listener.BackendNames)
            .ToHashSet();
        var backups = config
            .Backends.Where(backend => connecting.Contains(backend.Name))
            .Select(backend => backend.Backup)
            .OfType<string>();
        UdpListenerCompiler.CheckBackends(config, [.. connecting, .. backups], errors);
        if (errors.Count > 0)
        {
            return new CompileResult(null, errors.ToList());
        }

        var ledTo = listeners
            .SelectMany(listener => listener.BackendNames)
            .Concat(backends.Select(backend => backend.Features.Backup).OfType<string>())
            .ToHashSet();
        var snapshot = new GatewaySnapshot
        {
            Config = config,
            Hash = ContractsJson.Hash(config),
            PerAddress = config.Capacity.PerAddress,
            PerUser = config.Capacity.PerUser,
            PerDevice = config.Capacity.PerDevice,
            PerPrefix = perPrefix,
            NewPerAddress = newPerAddress,
            Listeners = listeners,
            Backends =
            [
                .. backends.Select(backend =>
                    backend with
                    {
                        IsLeaving = backend is { Source: EndpointSource.Pushed, DnsName: null } && !ledTo.Contains(backend.Name),
                    }
                ),
            ],
        };
        // The engine takes the rest of what the node allows into account, which changes while it runs.
        return new CompileResult(CapacityPlanner.Fit(snapshot, new NodeAllowance(processConnections, 0, 0, 1), destinations: 1), []);
    }

    private static void CheckCapacity(CapacityConfig capacity, ErrorList errors)
    {
        errors.Range("capacity.maxConnections", capacity.MaxConnections, 0, MaxNumber);
        errors.Range("capacity.reservedPercent", capacity.ReservedPercent, 0, 90);
        errors.Range("capacity.perAddress", capacity.PerAddress, 0, MaxNumber);
        if (capacity.Workers is { } workers)
        {
            errors.Range("capacity.workers.connections", workers.Connections, 1, MaxNumber);
            errors.Range("capacity.workers.perCore", workers.PerCore, 1, 64);
        }
        errors.Range("capacity.perUser", capacity.PerUser, 0, MaxNumber);
        errors.Range("capacity.perDevice", capacity.PerDevice, 0, MaxNumber);
    }

    private static void CheckDrain(DrainConfig drain, ErrorList errors)
    {
        errors.Range("drain.lameDuck", drain.LameDuck, TimeSpan.Zero, TimeSpan.FromHours(1));
        errors.Range("drain.deadline", drain.Deadline, TimeSpan.Zero, TimeSpan.FromHours(24));
        errors.Range("drain.closesPerSecond", drain.ClosesPerSecond, 1, 100_000);
        errors.Range("drain.jitter", drain.Jitter, TimeSpan.Zero, TimeSpan.FromHours(1));
        if (drain.CloseCode is not (1001 or 1012))
        {
            errors.Add("drain.closeCode", $"is {drain.CloseCode}; must be 1001 (going away) or 1012 (service restart)");
        }

        if (Encoding.UTF8.GetByteCount(drain.CloseReason) > 123)
        {
            errors.Add("drain.closeReason", "must be at most 123 bytes of UTF-8");
        }
    }
}

/// <summary>Either the snapshot or why there is none.</summary>
internal sealed record CompileResult(GatewaySnapshot? Snapshot, IReadOnlyList<string> Errors);
