using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Mooring.Contracts.Text;

/// <summary>Reads addresses of the form <c>host:port</c>, an IPv6 host in brackets.</summary>
/// <remarks>Pure and thread-safe. The gateway and the operator's validation read by it alike.</remarks>
public static class HostPort
{
    /// <summary>Longest host, in characters: RFC 1035 has 255 octets, of which the first length and the root's take two.</summary>
    private const int MaxHost = 253;

    /// <summary>Splits an address; the host comes without brackets. False, and why not, on any other form.</summary>
    public static bool TryParse(string text, out string host, out int port, [NotNullWhen(false)] out string? error)
    {
        host = "";
        var colon = text.LastIndexOf(':');
        port = 0;
        if (
            colon <= 0
            || !int.TryParse(text.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out port)
            || port is < 1 or > 65_535
        )
        {
            error = $"'{text}' is not host:port";
            return false;
        }

        host = text[..colon];
        if (host is ['[', .. var inner, ']'])
        {
            host = inner;
            error =
                IPAddress.TryParse(inner, out var address) && address.AddressFamily == AddressFamily.InterNetworkV6
                    ? null
                    : $"'{inner}' is not an IPv6 address";
        }
        else if (host.Contains(':', StringComparison.Ordinal))
        {
            error = $"'{text}': an IPv6 address must be in brackets";
        }
        else
        {
            error =
                host.Length > MaxHost ? $"'{host}' is longer than the {MaxHost} characters of a host name"
                : Uri.CheckHostName(host) is UriHostNameType.Unknown ? $"'{host}' is not a host name"
                : null;
        }

        return error is null;
    }
}
