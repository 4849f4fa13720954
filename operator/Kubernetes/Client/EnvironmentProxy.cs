using System.Net;

namespace Mooring.Kubernetes.Client;

/// <summary>Proxies by HTTPS_PROXY, HTTP_PROXY and NO_PROXY, with client-go's rules.</summary>
/// <remarks>
/// The runtime's own reading of NO_PROXY knows no CIDR blocks, and service networks are commonly exempted as such. An entry is a host
/// (with its subdomains), <c>.domain</c> (only subdomains), an address, a CIDR block, any of them with <c>:port</c>, or <c>*</c>.
/// localhost and loopback addresses never go through a proxy. Immutable and thread-safe.
/// </remarks>
internal sealed class EnvironmentProxy : IWebProxy
{
    private readonly Uri? _http;
    private readonly Uri? _https;
    private readonly string[] _exempt;

    public EnvironmentProxy(string? http, string? https, string? exempt)
    {
        _http = Parse(http);
        _https = Parse(https);
        _exempt = (exempt ?? "").Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
    }

    public ICredentials? Credentials { get; set; }

    public static EnvironmentProxy FromEnvironment() => new(Read("HTTP_PROXY"), Read("HTTPS_PROXY"), Read("NO_PROXY"));

    public Uri? GetProxy(Uri destination) =>
        IsBypassed(destination) ? null
        : destination.Scheme == Uri.UriSchemeHttps ? _https
        : _http;

    public bool IsBypassed(Uri host)
    {
        if ((host.Scheme == Uri.UriSchemeHttps ? _https : _http) is null)
        {
            return true;
        }

        var name = host.IdnHost.TrimEnd('.');
        var address = IPAddress.TryParse(name, out var parsed) ? parsed : null;
        if (name.Equals("localhost", StringComparison.OrdinalIgnoreCase) || (address is not null && IPAddress.IsLoopback(address)))
        {
            return true;
        }

        return Array.Exists(_exempt, entry => Matches(entry, name, address, host.Port));
    }

    private static bool Matches(string entry, string name, IPAddress? address, int port)
    {
        if (entry == "*")
        {
            return true;
        }

        if (IPNetwork.TryParse(entry, out var block))
        {
            return address is not null && block.BaseAddress.AddressFamily == address.AddressFamily && block.Contains(address);
        }

        var colon = entry.LastIndexOf(':');
        if (colon > 0 && (entry.IndexOf(':') == colon || entry[colon - 1] == ']') && int.TryParse(entry[(colon + 1)..], out var wanted))
        {
            if (wanted != port)
            {
                return false;
            }

            entry = entry[..colon];
        }

        entry = entry.Trim('[', ']');
        if (IPAddress.TryParse(entry, out var exact))
        {
            return exact.Equals(address);
        }

        var suffix = entry.TrimStart('*');
        return suffix.StartsWith('.')
            ? name.EndsWith(suffix, StringComparison.OrdinalIgnoreCase)
            : name.Equals(suffix, StringComparison.OrdinalIgnoreCase) || name.EndsWith("." + suffix, StringComparison.OrdinalIgnoreCase);
    }

    private static Uri? Parse(string? value) =>
        string.IsNullOrEmpty(value) ? null
        : Uri.TryCreate(value.Contains("://", StringComparison.Ordinal) ? value : "http://" + value, UriKind.Absolute, out var uri) ? uri
        : null;

    private static string? Read(string name) =>
        Environment.GetEnvironmentVariable(name) is { Length: > 0 } upper
            ? upper
            : Environment.GetEnvironmentVariable(name.ToLowerInvariant());
}
