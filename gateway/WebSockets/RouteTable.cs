using System.Text;
using Mooring.Contracts.Configuration;

namespace Mooring.Gateway.WebSockets;

/// <summary>A listener's routes, compiled. Immutable and thread-safe; no allocation per match.</summary>
internal sealed class RouteTable
{
    private readonly Route[] _routes;

    /// <summary>Compiles checked routes; their indexes are what <see cref="Match"/> returns.</summary>
    /// <exception cref="FormatException">A path prefix has no normal form; see <see cref="PathNormalizer"/>.</exception>
    public RouteTable(IReadOnlyList<RouteConfig> routes) => _routes = [.. routes.Select(Compile)];

    public int Count => _routes.Length;

    /// <summary>Index of the first route that takes the request, or -1.</summary>
    /// <param name="host">Without port, any case; empty when the client named none.</param>
    /// <param name="path">In normal form.</param>
    public int Match(ReadOnlySpan<byte> host, ReadOnlySpan<byte> path)
    {
        // A fully qualified name may end with the root's dot.
        if (host.Length > 1 && host[^1] == '.')
        {
            host = host[..^1];
        }

        for (var i = 0; i < _routes.Length; i++)
        {
            if (_routes[i].TakesPath(path) && _routes[i].TakesHost(host))
            {
                return i;
            }
        }

        return -1;
    }

    /// <summary>Whether a path prefix has a normal form, as a request's path must.</summary>
    public static bool IsValidPrefix(string prefix) => Normalize(prefix) is not null;

    private static byte[]? Normalize(string prefix)
    {
        var bytes = Encoding.UTF8.GetBytes(prefix);
        var normal = new byte[bytes.Length];
        var length = PathNormalizer.Normalize(bytes, normal);
        return length < 0 ? null : normal[..length];
    }

    private static Route Compile(RouteConfig route)
    {
        var prefix = Normalize(route.PathPrefix) ?? throw new FormatException($"path prefix '{route.PathPrefix}' has no normal form");

        // Without the trailing slash, so that the root's prefix is empty and every path follows it with a slash.
        return new Route([.. route.Hosts.Select(host => Encoding.ASCII.GetBytes(host))], [.. prefix.AsSpan().TrimEnd((byte)'/')]);
    }

    private sealed class Route(byte[][] hosts, byte[] prefix)
    {
        public bool TakesPath(ReadOnlySpan<byte> path) =>
            path.StartsWith(prefix) && (path.Length == prefix.Length || path[prefix.Length] == '/');

        public bool TakesHost(ReadOnlySpan<byte> host)
        {
            if (hosts.Length == 0)
            {
                return true;
            }

            foreach (var pattern in hosts)
            {
                if (pattern is [(byte)'*', (byte)'.', ..] ? IsBelow(host, pattern.AsSpan(1)) : Ascii.EqualsIgnoreCase(host, pattern))
                {
                    return true;
                }
            }

            return false;
        }

        private static bool IsBelow(ReadOnlySpan<byte> host, ReadOnlySpan<byte> suffix) =>
            host.Length > suffix.Length && Ascii.EqualsIgnoreCase(host[^suffix.Length..], suffix);
    }
}
