using System.Security.Cryptography;
using System.Text;
using Mooring.Contracts.Configuration;
using Mooring.Contracts.Text;
using Mooring.Operator.Entities;

namespace Mooring.Operator.Planning;

/// <summary>The part of <see cref="GatewayConfigRenderer"/> about who may open WebSockets and what they may send.</summary>
internal static class WebSocketRenderer
{
    private const int PerUser = 10;
    private const int PerDevice = 5;

    public static WebSocketListenerConfig Add(WebSocketListenerConfig config, WebSocketListenerSpec spec, string? cookieKey) =>
        config with
        {
            Affinity = Affinity(spec.Affinity, cookieKey),
            Origins = spec.Origins,
            Subprotocols = spec.Subprotocols,
            Messages = spec is { MessagesPerMinute: null, MaxMessageBytes: null }
                ? null
                : new WebSocketMessagesConfig
                {
                    PerMinute = spec.MessagesPerMinute ?? 0,
                    Burst = spec.MessageBurst ?? 0,
                    MaxBytes = spec.MaxMessageBytes ?? 0,
                },
            Ping = spec.Ping is not { } ping
                ? null
                : new WebSocketPingConfig
                {
                    Interval = Parse(ping.Interval) ?? new WebSocketPingConfig().Interval,
                    Timeout = Parse(ping.Timeout) ?? new WebSocketPingConfig().Timeout,
                },
            Upgrades = spec.Upgrades is not { } upgrades
                ? null
                : new UpgradePaceConfig
                {
                    PerSecond = upgrades.PerSecond,
                    Burst = upgrades.Burst ?? 0,
                    Hold = Parse(upgrades.Hold) ?? TimeSpan.FromSeconds(3),
                },
            Identity = spec.Identity is not { } identity
                ? null
                : new WebSocketIdentityConfig { User = Value(identity.User), Device = Value(identity.Device) },
        };

    /// <summary>Adds the limits by user and device, where a listener tells them apart: a Hub does by itself, but has no limit that nobody asked for.</summary>
    public static CapacityConfig Add(CapacityConfig config, FleetSpec spec) =>
        spec.Listeners.All(listener =>
            listener.WebSocket?.Identity is null
            && (listener.WebSocket?.Mode != WebSocketModes.Hub || spec.Gateway.Capacity?.PerUser is null)
        )
            ? config
            : config with
            {
                PerUser = spec.Gateway.Capacity?.PerUser ?? PerUser,
                PerDevice = spec.Gateway.Capacity?.PerDevice ?? PerDevice,
            };

    /// <summary>
    /// What cookies of affinity are signed with: made of what no client knows and all gateways of the fleet are told; null where there is nothing such.
    /// </summary>
    public static string? CookieKey(FleetInput input) =>
        (input.CookieSeed ?? input.Fleet.Metadata.Uid) is { Length: > 0 } seed
            ? Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes("mooring affinity\0" + seed)))
            : null;

    private static AffinityConfig? Affinity(AffinitySpec? spec, string? cookieKey)
    {
        if (spec is null)
        {
            return null;
        }

        var type = Enum.Parse<AffinityType>(spec.Type);
        return new AffinityConfig
        {
            Type = type,
            Name = spec.Name,
            Key = type == AffinityType.Cookie ? cookieKey : null,
            CookieName = spec.Cookie.Name,
            CookieTtl = Parse(spec.Cookie.Ttl) ?? TimeSpan.Zero,
            CookiePath = spec.Cookie.Path,
            CookieSameSite = Enum.Parse<CookieSameSite>(spec.Cookie.SameSite),
        };
    }

    private static RequestValueConfig? Value(RequestValueSpec? spec) =>
        spec is null ? null : new RequestValueConfig { From = Enum.Parse<RequestValueSource>(spec.From), Name = spec.Name };

    private static TimeSpan? Parse(string? text) => text is null ? null : Duration.Parse(text);
}
