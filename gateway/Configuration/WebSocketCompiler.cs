using Mooring.Contracts.Configuration;
using Mooring.Contracts.Text;
using Mooring.Gateway.Limits;
using Mooring.Gateway.Transport;
using Mooring.Gateway.WebSockets.Http;

namespace Mooring.Gateway.Configuration;

/// <summary>The part of <see cref="ListenerCompiler"/> that is about who may open WebSockets and what they may send. Pure.</summary>
internal static class WebSocketCompiler
{
    private const int MaxNumber = 1_000_000;
    private const int MaxOrigins = 64;
    private const int MaxSubprotocols = 32;
    private const int MaxName = 64;
    private static readonly TimeSpan MaxHold = TimeSpan.FromMilliseconds(3_900);

    public static WebSocketFeatures Compile(string path, WebSocketListenerConfig? config, ErrorList errors)
    {
        if (config is null)
        {
            return WebSocketFeatures.None;
        }

        CheckRequests(path, config, errors);
        var features = WebSocketFeatures.None;
        if (config.Messages is { } messages)
        {
            errors.Range($"{path}.messages.perMinute", messages.PerMinute, 0, MaxNumber);
            errors.Range($"{path}.messages.burst", messages.Burst, 0, MaxNumber);
            if (messages.MaxBytes is < 0 or > 1L << 40)
            {
                errors.Add($"{path}.messages.maxBytes", $"is {messages.MaxBytes}; must be 0 to {1L << 40}");
            }

            features = features with { MessageRate = PerMinute(messages), MaxMessageBytes = messages.MaxBytes };
        }

        if (config.Ping is { } ping)
        {
            errors.Range($"{path}.ping.interval", ping.Interval, TimeSpan.FromSeconds(1), TimeSpan.FromHours(24));
            errors.Range($"{path}.ping.timeout", ping.Timeout, TimeSpan.FromSeconds(1), TimeSpan.FromHours(1));
            features = features with { PingTicks = TimerWheel.Ticks(ping.Interval), PingTimeoutTicks = TimerWheel.Ticks(ping.Timeout) };
        }

        if (config.Upgrades is { } upgrades)
        {
            errors.Range($"{path}.upgrades.perSecond", upgrades.PerSecond, 1, MaxNumber);
            errors.Range($"{path}.upgrades.burst", upgrades.Burst, 0, MaxNumber);
            errors.Range($"{path}.upgrades.hold", upgrades.Hold, TimeSpan.Zero, MaxHold);
            var perSecond = Math.Max(1, upgrades.PerSecond);
            features = features with
            {
                UpgradeRate = RateLimit.Of(perSecond, upgrades.Burst == 0 ? Math.Max(1, perSecond / 10) : upgrades.Burst),
                HoldNanoseconds = upgrades.Hold.Ticks * 100,
            };
        }

        return features;
    }

    private static RateLimit PerMinute(WebSocketMessagesConfig messages)
    {
        if (messages.PerMinute <= 0)
        {
            return default;
        }

        var interval = 60_000_000_000L / messages.PerMinute;
        return new RateLimit(interval, ((messages.Burst == 0 ? messages.PerMinute : messages.Burst) - 1) * interval);
    }

    private static void CheckRequests(string path, WebSocketListenerConfig config, ErrorList errors)
    {
        CheckList(
            $"{path}.origins",
            config.Origins,
            MaxOrigins,
            origin => Origins.IsPattern(origin) ? null : $"'{origin}' is not {Origins.Meaning}",
            errors
        );
        CheckList(
            $"{path}.subprotocols",
            config.Subprotocols,
            MaxSubprotocols,
            name => IsToken(name) ? null : $"'{name}' is not a token of 1 to {MaxName} characters",
            errors
        );
        CheckValue($"{path}.identity.user", config.Identity?.User, errors);
        CheckValue($"{path}.identity.device", config.Identity?.Device, errors);
        CheckAffinity($"{path}.affinity", config.Affinity, errors);
    }

    private static void CheckAffinity(string path, AffinityConfig? affinity, ErrorList errors)
    {
        if (affinity is null)
        {
            return;
        }

        var named = affinity.Type is AffinityType.Header or AffinityType.Query;
        if (named && !IsToken(affinity.Name ?? ""))
        {
            errors.Add($"{path}.name", $"is required for type {affinity.Type}: a token of 1 to {MaxName} characters");
        }
        else if (!named && affinity.Name is not null)
        {
            errors.Add($"{path}.name", "is only for types Header and Query");
        }

        if (affinity.Key is { Length: < 32 or > 128 })
        {
            errors.Add($"{path}.key", "must have 32 to 128 characters");
        }
    }

    private static void CheckValue(string path, RequestValueConfig? value, ErrorList errors)
    {
        if (value is null)
        {
            return;
        }

        var valid =
            value.From == RequestValueSource.JwtClaim
                ? value.Name.Length is >= 1 and <= MaxName && !value.Name.Any(char.IsControl)
                : IsToken(value.Name);
        if (!valid)
        {
            errors.Add($"{path}.name", $"'{value.Name}' is not the name of a {value.From}: 1 to {MaxName} characters");
        }
    }

    private static void CheckList(string path, IReadOnlyList<string> items, int most, Func<string, string?> problem, ErrorList errors)
    {
        if (items.Count > most)
        {
            errors.Add(path, $"has {items.Count} items; must have at most {most}");
            return;
        }

        for (var i = 0; i < items.Count; i++)
        {
            if ((items[i] is null ? "is null" : problem(items[i])) is { } wrong)
            {
                errors.Add($"{path}[{i}]", wrong);
            }
        }
    }

    private static bool IsToken(string text) => text.Length is >= 1 and <= MaxName && text.All(c => c < 128 && HttpTokens.IsToken((byte)c));
}
