using Mooring.Contracts.Configuration;
using Mooring.Contracts.Text;
using Mooring.Operator.Entities;

namespace Mooring.Operator.Planning;

/// <summary>Renders WebSocket listeners in Hub mode.</summary>
internal static class HubRenderer
{
    /// <summary>Null for a listener in another mode.</summary>
    public static HubConfig? Render(WebSocketListenerSpec? listener, AuthenticationSpec? authentication, SecretPaths secrets)
    {
        if (listener is not { Mode: WebSocketModes.Hub })
        {
            return null;
        }

        var spec = listener.Hub ?? new HubSpec();
        return new HubConfig
        {
            QueueSize = spec.QueueSize,
            QueueBytes = spec.QueueBytes,
            QueueAge = Duration.Parse(spec.QueueAge),
            MaxMessageBytes = spec.MaxMessageBytes,
            MaxChannels = spec.MaxChannels,
            PingInterval = Duration.Parse(spec.PingInterval),
            Anonymous = spec.Anonymous,
            ConnectsPerSecond = spec.ConnectsPerSecond ?? 0,
            PersonalNamespace = spec.PersonalNamespace,
            Namespaces = spec.Namespaces.Select(Namespace).ToList(),
            Compression = spec.Compression is not { } compression
                ? null
                : new HubCompressionConfig
                {
                    Level = compression.Level,
                    MinBytes = compression.MinBytes,
                    WindowBits = compression.WindowBits,
                },
            Rpc = spec.Rpc is not { } rpc
                ? null
                : new HubRpcConfig
                {
                    Url = rpc.Url,
                    Timeout = Duration.Parse(rpc.Timeout),
                    MaxConcurrent = rpc.MaxConcurrent,
                },
            Jwt = Jwt(authentication?.Jwt, secrets),
            ApiKeyFiles = (authentication?.ApiKeys ?? []).Select(key => secrets.File(key.Name, key.Key)).ToList(),
        };
    }

    /// <summary>The Secrets that gateways read where the fleet has a Hub.</summary>
    public static IEnumerable<(string Path, SecretKeyReference Secret)> Secrets(FleetSpec spec)
    {
        if (
            spec.Authentication is not { } authentication
            || !spec.Listeners.Any(static listener => listener.WebSocket?.Mode == WebSocketModes.Hub)
        )
        {
            yield break;
        }

        if (authentication.Jwt?.HmacSecretRef is { } secret)
        {
            yield return ("spec.authentication.jwt.hmacSecretRef.name", secret);
        }

        if (authentication.Jwt?.PublicKeysRef is { } keys)
        {
            yield return ("spec.authentication.jwt.publicKeysRef.name", keys);
        }

        foreach (var (i, key) in authentication.ApiKeys.Index())
        {
            yield return ($"spec.authentication.apiKeys[{i}].name", key);
        }
    }

    private static HubNamespaceConfig Namespace(HubNamespaceSpec spec) =>
        new()
        {
            Name = spec.Name,
            History = spec.History is not { } history
                ? null
                : new HubHistoryConfig
                {
                    Size = history.Size,
                    Ttl = Duration.Parse(history.Ttl),
                    MetaTtl = Duration.Parse(history.MetaTtl),
                    Recovery = history.Recovery,
                    Cache = history.Cache,
                },
            Presence = spec.Presence,
            JoinLeave = spec.JoinLeave,
            Delta = spec.Delta,
            Subscribe = Enum.Parse<HubAudience>(spec.Subscribe),
            Publish = Enum.Parse<HubAudience>(spec.Publish),
            ReadHistory = Enum.Parse<HubAudience>(spec.ReadHistory),
            ReadPresence = Enum.Parse<HubAudience>(spec.ReadPresence),
            WhenQueueFull = Enum.Parse<HubOverflow>(spec.WhenQueueFull),
            Queue = HubQueueRenderer.Render(spec.Queue),
        };

    private static JwtConfig? Jwt(JwtSpec? spec, SecretPaths secrets) =>
        spec is null
            ? null
            : new JwtConfig
            {
                HmacSecretFile = spec.HmacSecretRef is { } secret ? secrets.File(secret.Name, secret.Key) : null,
                PublicKeysFile = spec.PublicKeysRef is { } keys ? secrets.File(keys.Name, keys.Key) : null,
                JwksUrl = spec.JwksUrl,
                Issuer = spec.Issuer,
                Audience = spec.Audience,
                Leeway = Duration.Parse(spec.Leeway),
            };
}
