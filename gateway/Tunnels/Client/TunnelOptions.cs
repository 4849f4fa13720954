using System.Globalization;
using System.Net;
using Mooring.Gateway.Tunnels.Protocol;

namespace Mooring.Gateway.Tunnels.Client;

/// <summary>What <c>gateway tunnel</c> is to do. Immutable.</summary>
internal sealed record TunnelOptions
{
    public const int DefaultPort = 7835;

    /// <summary>Host of the gateways.</summary>
    public required string Host { get; init; }

    public int Port { get; init; } = DefaultPort;

    /// <summary>At least one.</summary>
    public required IReadOnlyList<LocalPort> Locals { get; init; }

    /// <summary>Null: none.</summary>
    public string? Secret { get; init; }

    public bool Tls { get; init; }

    /// <summary>PEM file that the gateways' certificate must chain to; null: the system's.</summary>
    public string? CaFile { get; init; }

    /// <summary>Name in their certificate; null: the host.</summary>
    public string? ServerName { get; init; }

    /// <summary>PEM files of this client's own certificate with its chain, and of its key; null: it has none.</summary>
    public (string Certificate, string Key)? OwnCertificate { get; init; }

    /// <summary>Data connections kept ready.</summary>
    public int Pool { get; init; }

    /// <summary>End with the first failure instead of coming again.</summary>
    public bool Once { get; init; }

    /// <summary>Reads <c>HOST</c> or <c>HOST:PORT</c>; an IPv6 address may be in brackets, and must be where a port follows. Null: neither.</summary>
    public static (string Host, int Port)? ParseTarget(string text)
    {
        var (host, rest) = (text, "");
        if (text.StartsWith('['))
        {
            var end = text.IndexOf(']', StringComparison.Ordinal);
            if (end < 0)
            {
                return null;
            }

            (host, rest) = (text[1..end], text[(end + 1)..]);
        }
        else if (text.Split(':') is [var name, _])
        {
            (host, rest) = (name, text[name.Length..]);
        }

        var port = DefaultPort;
        return host.Length > 0 && (rest.Length == 0 || (rest[0] == ':' && LocalPort.IsPort(rest[1..], out port) && port > 0))
            ? (host, port)
            : null;
    }
}

/// <summary>One thing to make public.</summary>
/// <param name="Protocol">How it is reached.</param>
/// <param name="Host">Where it is.</param>
/// <param name="Port">Its port.</param>
/// <param name="PublicPort">The public port wanted; 0: any.</param>
/// <param name="Name">The name wanted; null: any, or none.</param>
internal sealed record LocalPort(TunnelProtocol Protocol, string Host, int Port, int PublicPort, string? Name)
{
    /// <summary>Reads <c>[HOST:]PORT[:udp][@PUBLIC-PORT|@NAME]</c>; a sole <c>@</c>: any name.</summary>
    public static LocalPort? Parse(string text)
    {
        var at = text.IndexOf('@', StringComparison.Ordinal);
        var wanted = at < 0 ? null : text[(at + 1)..];
        var local = at < 0 ? text : text[..at];
        var protocol = wanted is null || IsPort(wanted, out _) ? TunnelProtocol.Tcp : TunnelProtocol.Name;
        if (local.EndsWith(":udp", StringComparison.Ordinal))
        {
            local = local[..^4];
            if (protocol == TunnelProtocol.Name)
            {
                return null;
            }

            protocol = TunnelProtocol.Udp;
        }

        var colon = local.LastIndexOf(':');
        var host = colon < 0 ? "127.0.0.1" : local[..colon].Trim('[', ']');
        if (!IsPort(local[(colon + 1)..], out var port) || port == 0 || host.Length is 0 or > 253)
        {
            return null;
        }

        var publicPort = 0;
        if (wanted is not null && protocol != TunnelProtocol.Name)
        {
            IsPort(wanted, out publicPort);
        }

        return new LocalPort(protocol, host, port, publicPort, protocol == TunnelProtocol.Name && wanted!.Length > 0 ? wanted : null);
    }

    public override string ToString() => $"{(Host.Contains(':', StringComparison.Ordinal) ? $"[{Host}]" : Host)}:{Port}";

    internal static bool IsPort(string text, out int port) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out port) && port is >= 0 and <= IPEndPoint.MaxPort;
}
