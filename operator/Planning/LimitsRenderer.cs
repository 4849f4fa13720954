using Mooring.Contracts.Configuration;
using Mooring.Kubernetes.Models;
using Mooring.Operator.Entities;

namespace Mooring.Operator.Planning;

/// <summary>The limits' part of <see cref="GatewayConfigRenderer"/>.</summary>
internal static class LimitsRenderer
{
    public static CapacityConfig Render(CapacitySpec? spec) =>
        new()
        {
            MaxConnections = (int)(spec?.MaxConnections?.Number ?? 0),
            Workers = spec?.Workers is { } workers
                ? new WorkersConfig { Connections = workers.Connections, PerCore = workers.PerCore }
                : null,
            ReservedPercent = spec?.ReservedPercent ?? 0,
            PerAddress = spec?.PerAddress ?? 0,
            PerPrefix = spec?.PerPrefix is { } prefix
                ? new PrefixLimitConfig
                {
                    Connections = prefix.Connections,
                    Ipv4Bits = prefix.Ipv4Bits ?? 24,
                    Ipv6Bits = prefix.Ipv6Bits ?? 48,
                }
                : null,
            NewPerAddress = Rate(spec?.NewPerAddress),
            Tunnels = TunnelRenderer.Capacity(spec?.Tunnels),
        };

    public static ListenerLimitsConfig? Render(ListenerLimitsSpec? spec) =>
        spec is null
            ? null
            : new ListenerLimitsConfig
            {
                NewConnections = Rate(spec.NewConnections),
                Bandwidth = Bandwidth(spec.Bandwidth),
                ConnectionBandwidth = Bandwidth(spec.ConnectionBandwidth),
                Refuse = Enum.Parse<RefusalAnswer>(spec.Refuse),
                Message = spec.Message ?? "",
            };

    /// <summary>Bits of a quantity as bytes, rounded up; 0: none.</summary>
    private static long Bytes(IntOrString? bits) => bits is { } value ? (Quantity.ToInt64(value.ToString())!.Value + 7) / 8 : 0;

    private static RateConfig? Rate(RateSpec? spec) =>
        spec is null ? null : new RateConfig { PerSecond = spec.PerSecond, Burst = spec.Burst ?? 0 };

    private static BandwidthConfig? Bandwidth(BandwidthSpec? spec) =>
        spec is null
            ? null
            : new BandwidthConfig
            {
                ReceiveBytesPerSecond = Bytes(spec.ReceiveBitsPerSecond),
                SendBytesPerSecond = Bytes(spec.SendBitsPerSecond),
            };
}
