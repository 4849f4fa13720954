using System.Globalization;
using Mooring.Contracts.Configuration;
using Mooring.Gateway.Configuration;

namespace Mooring.Gateway.Tunnels;

/// <summary>Capacity as the variables give it, for a gateway that is run by hand; each stands in where the config says nothing. Pure.</summary>
/// <param name="MaxTunnels">MAX_TUNNELS_PER_SERVER.</param>
/// <param name="MaxBandwidth">MAX_BANDWIDTH_PER_TUNNEL, bits per second of one tunnel; 0: no limit.</param>
/// <param name="TotalBandwidth">TOTAL_SYSTEM_CAPACITY, bits per second of the whole fleet; 0: no limit.</param>
/// <param name="ReservedPercent">RESERVED_CAPACITY_PERCENT.</param>
internal sealed record TunnelEnvironment(int? MaxTunnels, long? MaxBandwidth, long? TotalBandwidth, int? ReservedPercent)
{
    public static readonly TunnelEnvironment None = new(null, null, null, null);

    /// <summary>Reads them; on any error there is a line for each.</summary>
    /// <param name="get">A variable's value; null or empty: not set.</param>
    public static (TunnelEnvironment Environment, IReadOnlyList<string> Errors) Read(Func<string, string?> get)
    {
        const long MaxBits = 1_000_000_000_000;
        var errors = new ErrorList();
        var result = new TunnelEnvironment(
            (int?)Number("MAX_TUNNELS_PER_SERVER", 1, 100_000, zero: false),
            Number("MAX_BANDWIDTH_PER_TUNNEL", 8_000, MaxBits, zero: true),
            Number("TOTAL_SYSTEM_CAPACITY", 8_000, MaxBits, zero: true),
            (int?)Number("RESERVED_CAPACITY_PERCENT", 0, 90, zero: true)
        );
        return errors.Count > 0 ? (None, errors.ToList()) : (result, []);

        long? Number(string name, long min, long max, bool zero)
        {
            if (get(name) is not { Length: > 0 } text)
            {
                return null;
            }

            if (
                long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var value)
                && ((zero && value == 0) || (value >= min && value <= max))
            )
            {
                return value;
            }

            errors.Add(name, $"'{text}' is not a number of {min} to {max}{(zero && min > 0 ? ", or 0" : "")}");
            return null;
        }
    }

    /// <summary>The config with what the variables add to it.</summary>
    public GatewayConfig Complete(GatewayConfig config)
    {
        if (this == None)
        {
            return config;
        }

        var capacity = config.Capacity;
        var defaults = new TunnelCapacityConfig();
        return config with
        {
            Capacity = capacity with
            {
                ReservedPercent = capacity.ReservedPercent == 0 ? ReservedPercent ?? 0 : capacity.ReservedPercent,
                Tunnels =
                    capacity.Tunnels
                    ?? new TunnelCapacityConfig
                    {
                        MaxTunnels = MaxTunnels ?? defaults.MaxTunnels,
                        MaxBandwidthBitsPerSecond = MaxBandwidth ?? defaults.MaxBandwidthBitsPerSecond,
                        TotalBandwidthBitsPerSecond = TotalBandwidth ?? 0,
                    },
            },
        };
    }
}
