using System.Text;
using Mooring.Gateway.WebSockets.Http;

namespace Mooring.Gateway.WebSockets;

/// <summary>Where a request wants to go: host and path for the routes, and what the backend is to see. Pure; slices of the request head.</summary>
internal readonly ref struct RequestTarget
{
    private RequestTarget(ReadOnlySpan<byte> authority, ReadOnlySpan<byte> host, ReadOnlySpan<byte> origin, ReadOnlySpan<byte> path)
    {
        Authority = authority;
        Host = host;
        Origin = origin;
        Path = path;
    }

    /// <summary><c>host[:port]</c>, for the Host header towards the backend.</summary>
    public ReadOnlySpan<byte> Authority { get; }

    /// <summary>Without port and without the brackets' meaning lost: an IPv6 literal keeps them. Case as sent.</summary>
    public ReadOnlySpan<byte> Host { get; }

    /// <summary>Path and query as sent; starts with a slash.</summary>
    public ReadOnlySpan<byte> Origin { get; }

    /// <summary>Path as sent, without the query.</summary>
    public ReadOnlySpan<byte> Path { get; }

    /// <summary>Reads target and Host of a validated request. An absolute target overrides Host, RFC 9112 §3.2.2.</summary>
    public static Refusal TryRead(HttpHead head, ReadOnlySpan<byte> data, out RequestTarget target)
    {
        target = default;
        head.Find(data, "host"u8, out var authority);
        var origin = head.Target.Of(data);
        if (origin[0] != '/')
        {
            var scheme = SchemeLength(origin);
            if (scheme == 0)
            {
                return new Refusal(400, "request target is neither a path nor an absolute URI");
            }

            var rest = origin[scheme..];
            var end = rest.IndexOfAny((byte)'/', (byte)'?');
            authority = end < 0 ? rest : rest[..end];
            origin = end < 0 ? "/"u8 : rest[end..];
            if (origin[0] == '?' || authority.IsEmpty)
            {
                return new Refusal(400, "absolute request target without host or path");
            }
        }

        if (!TryHost(authority, out var host))
        {
            return new Refusal(400, "invalid Host");
        }

        var query = origin.IndexOf((byte)'?');
        target = new RequestTarget(authority, host, origin, query < 0 ? origin : origin[..query]);
        return default;
    }

    private static int SchemeLength(ReadOnlySpan<byte> target)
    {
        var separator = target.IndexOf("://"u8);
        if (separator is < 2 or > 5)
        {
            return 0;
        }

        var scheme = target[..separator];
        return
            Ascii.EqualsIgnoreCase(scheme, "http"u8)
            || Ascii.EqualsIgnoreCase(scheme, "https"u8)
            || Ascii.EqualsIgnoreCase(scheme, "ws"u8)
            || Ascii.EqualsIgnoreCase(scheme, "wss"u8)
            ? separator + 3
            : 0;
    }

    /// <summary>Splits <c>host[:port]</c>. An empty authority is valid and matches only routes without hosts.</summary>
    private static bool TryHost(ReadOnlySpan<byte> authority, out ReadOnlySpan<byte> host)
    {
        host = authority;
        var portStart = authority.IndexOf((byte)':');
        if (authority.Length > 0 && authority[0] == '[')
        {
            var close = authority.IndexOf((byte)']');
            if (close < 0)
            {
                return false;
            }

            portStart = close + 1 < authority.Length ? close + 1 : -1;
            if (portStart >= 0 && authority[portStart] != ':')
            {
                return false;
            }
        }

        if (portStart >= 0)
        {
            host = authority[..portStart];
            if (authority[(portStart + 1)..].IndexOfAnyExceptInRange((byte)'0', (byte)'9') >= 0 || authority.Length - portStart > 6)
            {
                return false;
            }
        }

        // Anything else, such as a slash or user information, would be read differently by somebody behind us.
        foreach (var value in host)
        {
            if (!char.IsAsciiLetterOrDigit((char)value) && !"-._~%!$&'()*+,;=:[]"u8.Contains(value))
            {
                return false;
            }
        }

        return host.Length <= 255;
    }
}
