using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;
using Mooring.Contracts.Configuration;
using Mooring.Gateway.Draining;
using Mooring.Gateway.Registry;

namespace Mooring.Gateway.Serving;

/// <summary>This gateway as the registry is to know it. Thread-safe.</summary>
internal sealed class RegistrySource(ServeOptions options, GatewayEngine engine, DrainController drain, TimeProvider time)
{
    private readonly Lock _gate = new();
    private readonly string _address = Address(options);
    private long _measuredAt = time.GetTimestamp();
    private Dictionary<string, long> _bytes = [];
    private long _bandwidth;

    public GatewayRecord Record() =>
        new()
        {
            Name = options.Name,
            Address = _address,
            State = drain.Decision.State,
            Load = engine.Connections,
            Capacity = engine.Snapshot?.Capacity ?? 0,
            Bandwidth = Bandwidth(),
            BandwidthCapacity = engine.Snapshot is { } snapshot ? Limit(snapshot.Config) : 0,
            Peer = engine.Tunnels.Peer,
        };

    /// <summary>Bits per second that the listeners' limits leave it; 0: no limit, which one direction of one listener without a limit is enough for.</summary>
    internal static long Limit(GatewayConfig config)
    {
        var limits = config.Listeners.Select(static listener => listener.Limits?.Bandwidth).ToList();
        return limits.All(static limit => limit is { ReceiveBytesPerSecond: > 0, SendBytesPerSecond: > 0 })
            ? limits.Sum(static limit => limit!.ReceiveBytesPerSecond + limit.SendBytesPerSecond) * 8
            : 0;
    }

    /// <summary>Bits per second over the last second or more.</summary>
    private long Bandwidth()
    {
        lock (_gate)
        {
            var elapsed = time.GetElapsedTime(_measuredAt);
            if (elapsed >= TimeSpan.FromSeconds(1))
            {
                // One by one: a listener that is removed takes its bytes along, and brings them back when it returns. A name may be there
                // twice while one of another kind replaces it.
                var bytes = engine
                    .ListenerLoads()
                    .GroupBy(static listener => listener.Name, static listener => listener.ReceivedBytesTotal + listener.SentBytesTotal)
                    .ToDictionary(static listener => listener.Key, static listener => listener.Sum());
                var moved = bytes.Sum(listener => Math.Max(0, listener.Value - _bytes.GetValueOrDefault(listener.Key, listener.Value)));
                _bandwidth = (long)(moved * 8 / elapsed.TotalSeconds);
                (_bytes, _measuredAt) = (bytes, time.GetTimestamp());
            }

            return _bandwidth;
        }
    }

    /// <summary>The machine's first address that others may reach.</summary>
    public static IPAddress MachineAddress() =>
        NetworkInterface
            .GetAllNetworkInterfaces()
            .Where(network =>
                network.OperationalStatus == OperationalStatus.Up && network.NetworkInterfaceType != NetworkInterfaceType.Loopback
            )
            .SelectMany(network => network.GetIPProperties().UnicastAddresses)
            .Select(unicast => unicast.Address)
            .Where(one => !one.IsIPv6LinkLocal)
            .OrderBy(one => one.AddressFamily == AddressFamily.InterNetwork ? 0 : 1)
            .FirstOrDefault()
        ?? IPAddress.Loopback;

    /// <summary>The machine's first address that others may reach, with the port of the admin side if there is one.</summary>
    private static string Address(ServeOptions options)
    {
        var admin = options.Admin is null ? null : IPEndPoint.Parse(options.Admin);
        var address =
            admin is not null && !admin.Address.Equals(IPAddress.Any) && !admin.Address.Equals(IPAddress.IPv6Any)
                ? admin.Address
                : MachineAddress();
        return admin is null ? address.ToString() : new IPEndPoint(address, admin.Port).ToString();
    }
}
