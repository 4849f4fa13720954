using System.Diagnostics.CodeAnalysis;
using Mooring.Contracts.Stream;

namespace Mooring.Gateway.Streams;

/// <summary>Where the operator listens: the option <c>--stream</c>.</summary>
/// <param name="Uri">Address for the WebSocket handshake.</param>
/// <param name="UnixPath">Socket to connect to instead of the URI's host; null over TCP.</param>
/// <param name="CaFile">PEM certificates that the operator's certificate must chain to; null: the system's.</param>
/// <param name="TokenFile">File with the bearer token; null: none is sent. Read at each dial, since kubelet replaces it.</param>
internal sealed record StreamEndpoint(Uri Uri, string? UnixPath, string? CaFile, string? TokenFile)
{
    private const string UnixPrefix = "unix:";

    // sun_path of sockaddr_un, with its terminating zero.
    private const int MaxUnixPath = 107;

    /// <summary>Reads <c>unix:PATH</c>, or a <c>wss://</c> or <c>ws://</c> URI; a URI without path gets <see cref="StreamLimits.Path"/>.</summary>
    /// <param name="text">The option's value.</param>
    /// <param name="caFile">As the member.</param>
    /// <param name="tokenFile">As the member.</param>
    /// <param name="endpoint">Null on an error.</param>
    /// <param name="error">Null on success.</param>
    public static bool TryParse(
        string text,
        string? caFile,
        string? tokenFile,
        [NotNullWhen(true)] out StreamEndpoint? endpoint,
        [NotNullWhen(false)] out string? error
    )
    {
        endpoint = null;
        error = null;
        if (text.StartsWith(UnixPrefix, StringComparison.Ordinal))
        {
            var path = text[UnixPrefix.Length..];
            if (path.Length == 0 || System.Text.Encoding.UTF8.GetByteCount(path) > MaxUnixPath)
            {
                error = $"'{text}': the path of a Unix socket has 1 to {MaxUnixPath} bytes";
                return false;
            }

            endpoint = new StreamEndpoint(new Uri("ws://localhost" + StreamLimits.Path), path, null, tokenFile);
            return true;
        }

        if (!Uri.TryCreate(text, UriKind.Absolute, out var uri) || uri.Scheme is not ("ws" or "wss"))
        {
            error = $"'{text}' is neither unix:PATH nor a wss:// address";
            return false;
        }

        if (uri.Scheme == "ws" && tokenFile is not null)
        {
            error = $"'{text}': a token is not sent without TLS";
            return false;
        }

        endpoint = new StreamEndpoint(uri.AbsolutePath == "/" ? new Uri(uri, StreamLimits.Path) : uri, null, caFile, tokenFile);
        return true;
    }
}
