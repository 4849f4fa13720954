using Mooring.Contracts.Configuration;
using Mooring.Gateway.Hub.Options;
using Mooring.Gateway.WebSockets;
using Mooring.Gateway.WebSockets.Deflate;

namespace Mooring.Gateway.Configuration;

/// <summary>Checks what a WebSocket listener in Hub mode is to serve. Pure: files are looked at when the config is put in force.</summary>
internal static class HubCompiler
{
    private const int MaxNamespaces = 64;
    private const int MaxKeys = 16;
    private const int MaxText = 2048;
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Longest = TimeSpan.FromDays(30);

    /// <summary>Null for any other listener.</summary>
    public static HubOptions? Compile(string path, ListenerConfig listener, ErrorList errors)
    {
        var socket = listener.WebSocket;
        if (listener.Protocol != ListenerProtocol.WebSocket || socket is null)
        {
            return null;
        }

        if (socket.Mode != WebSocketMode.Hub)
        {
            if (socket.Hub is not null)
            {
                errors.Add($"{path}.webSocket.hub", "must not be set when mode is not Hub");
            }

            return null;
        }

        var before = errors.Count;
        CheckAbsent(path, listener, socket, errors);
        var hub = socket.Hub ?? new HubConfig();
        var at = $"{path}.webSocket.hub";
        errors.Range($"{at}.queueSize", hub.QueueSize, 1, 100_000);
        errors.Range($"{at}.queueAge", hub.QueueAge, Second, TimeSpan.FromMinutes(10));
        errors.Range($"{at}.maxMessageBytes", hub.MaxMessageBytes, 1024, 16 * 1024 * 1024);
        errors.Range($"{at}.maxChannels", hub.MaxChannels, 1, 1024);
        errors.Range($"{at}.pingInterval", hub.PingInterval, TimeSpan.FromSeconds(5), TimeSpan.FromMinutes(10));
        errors.Range($"{at}.connectsPerSecond", hub.ConnectsPerSecond, 0, 100_000);
        if (hub.QueueBytes is < 64 * 1024 or > 1L << 30)
        {
            errors.Add($"{at}.queueBytes", $"is {hub.QueueBytes}; must be 65536 to 1073741824");
        }

        if (hub.Compression is { } compression)
        {
            errors.Range($"{at}.compression.level", compression.Level, 1, DeflateOptions.MaxLevel);
            errors.Range($"{at}.compression.minBytes", compression.MinBytes, 0, 16 * 1024 * 1024);
            errors.Range(
                $"{at}.compression.windowBits",
                compression.WindowBits,
                DeflateOptions.MinWindowBits,
                DeflateOptions.MaxWindowBits
            );
        }

        CheckNamespaces(at, hub, errors);
        CheckRpc($"{at}.rpc", hub.Rpc, errors);
        CheckTokens($"{at}.jwt", hub.Jwt, errors);
        if (hub.ApiKeyFiles.Count > MaxKeys || hub.ApiKeyFiles.Any(static file => string.IsNullOrEmpty(file)))
        {
            errors.Add($"{at}.apiKeyFiles", $"must be at most {MaxKeys} paths");
        }

        return errors.Count == before ? new HubOptions(hub, new OriginList(socket.Origins)) : null;
    }

    private static void CheckAbsent(string path, ListenerConfig listener, WebSocketListenerConfig socket, ErrorList errors)
    {
        (string Field, bool IsSet)[] fields =
        [
            ("backend", listener.Backend is not null),
            ("webSocket.routes", socket.Routes.Count > 0),
            ("webSocket.affinity", socket.Affinity is not null),
            ("webSocket.lifetime", socket.Lifetime is not null),
            ("webSocket.idleTimeout", socket.IdleTimeout > TimeSpan.Zero),
            ("limits.bandwidth", listener.Limits?.Bandwidth is not null),
            ("limits.connectionBandwidth", listener.Limits?.ConnectionBandwidth is not null),
            ("webSocket.subprotocols", socket.Subprotocols.Count > 0),
            ("webSocket.messages", socket.Messages is not null),
            ("webSocket.ping", socket.Ping is not null),
            ("webSocket.upgrades", socket.Upgrades is not null),
            ("webSocket.identity", socket.Identity is not null),
        ];
        foreach (var (field, isSet) in fields)
        {
            if (isSet)
            {
                errors.Add($"{path}.{field}", "must not be set when mode is Hub");
            }
        }
    }

    private static void CheckNamespaces(string at, HubConfig hub, ErrorList errors)
    {
        if (hub.Namespaces.Count > MaxNamespaces)
        {
            errors.Add($"{at}.namespaces", $"has {hub.Namespaces.Count} items; must have at most {MaxNamespaces}");
            return;
        }

        var names = new HashSet<string>(StringComparer.Ordinal);
        for (var i = 0; i < hub.Namespaces.Count; i++)
        {
            var path = $"{at}.namespaces[{i}]";
            if (hub.Namespaces[i] is not { } one)
            {
                errors.Add(path, "is null");
                continue;
            }

            if (one.Name.Length > 63 || one.Name.Any(static c => !char.IsAsciiLetterLower(c) && !char.IsAsciiDigit(c) && c != '-'))
            {
                errors.Add($"{path}.name", $"'{one.Name}' is not at most 63 lower-case letters, digits and '-'");
            }

            if (!names.Add(one.Name))
            {
                errors.Add($"{path}.name", $"'{one.Name}' is taken by another namespace");
            }

            if (one.Delta && one.History is not { Recovery: true })
            {
                errors.Add($"{path}.delta", "needs history with recovery");
            }

            if (one.Subscribe == HubAudience.Subscribers)
            {
                errors.Add($"{path}.subscribe", "must be Nobody, Users or Everyone");
            }

            HubQueueCompiler.Check(path, one, errors);
            if (one.History is { } history)
            {
                errors.Range($"{path}.history.size", history.Size, 1, 100_000);
                errors.Range($"{path}.history.ttl", history.Ttl, Second, Longest);
                errors.Range($"{path}.history.metaTtl", history.MetaTtl, history.Ttl, TimeSpan.FromDays(365));
            }
        }

        if (hub.PersonalNamespace is { } personal && !names.Contains(personal))
        {
            errors.Add($"{at}.personalNamespace", $"there is no namespace '{personal}'");
        }
    }

    private static void CheckRpc(string at, HubRpcConfig? rpc, ErrorList errors)
    {
        if (rpc is null)
        {
            return;
        }

        CheckUrl($"{at}.url", rpc.Url, errors);
        errors.Range($"{at}.timeout", rpc.Timeout, TimeSpan.FromMilliseconds(100), TimeSpan.FromSeconds(30));
        errors.Range($"{at}.maxConcurrent", rpc.MaxConcurrent, 1, 10_000);
    }

    private static void CheckTokens(string at, JwtConfig? jwt, ErrorList errors)
    {
        if (jwt is null)
        {
            return;
        }

        if (jwt.HmacSecretFile is null && jwt.PublicKeysFile is null && jwt.JwksUrl is null)
        {
            errors.Add(at, "needs one of hmacSecretFile, publicKeysFile and jwksUrl");
        }

        if (jwt.JwksUrl is { } url)
        {
            CheckUrl($"{at}.jwksUrl", url, errors);
        }

        errors.Range($"{at}.leeway", jwt.Leeway, TimeSpan.Zero, TimeSpan.FromMinutes(5));
    }

    private static void CheckUrl(string path, string url, ErrorList errors)
    {
        if (
            url.Length > MaxText
            || !Uri.TryCreate(url, UriKind.Absolute, out var parsed)
            || (parsed.Scheme != Uri.UriSchemeHttp && parsed.Scheme != Uri.UriSchemeHttps)
            || parsed.UserInfo.Length > 0
        )
        {
            errors.Add(path, $"must be an http or https URL of at most {MaxText} characters without user and password");
        }
    }
}
