using System.Text;
using Mooring.Gateway.Transport.Tls;

namespace Mooring.Gateway.Telemetry;

/// <summary>What a client's own TLS to the gateway says of it, as the access log shows it.</summary>
/// <param name="ServerName">Server that it asked for.</param>
/// <param name="Alpn">Protocol that was agreed on.</param>
/// <param name="Version">Such as <c>TLSv1.3</c>; null where the gateway passes it through, or the handshake came to none.</param>
/// <param name="Cipher">OpenSSL's name.</param>
/// <param name="CommonName">Common name of the client's certificate.</param>
/// <param name="Problem">Why the client's certificate was refused, in OpenSSL's words.</param>
internal sealed record TlsLog(
    string? ServerName,
    string? Alpn = null,
    string? Version = null,
    string? Cipher = null,
    string? CommonName = null,
    string? Problem = null
)
{
    /// <summary>Of a connection that was terminated; null: its handshake had not begun.</summary>
    public static TlsLog? Of(nint ssl)
    {
        if (ssl == 0)
        {
            return null;
        }

        var cipher = Text(TlsPeer.Cipher(ssl));
        Span<byte> name = stackalloc byte[TlsPeer.MaxCommonName];
        return new TlsLog(
            Text(TlsPeer.ServerName(ssl)),
            Text(TlsPeer.Alpn(ssl)),
            cipher is null ? null : Text(TlsPeer.Version(ssl)),
            cipher,
            Text(name[..TlsPeer.CommonName(ssl, name)]),
            OpenSsl.VerifyResult(ssl) is not 0 and var verdict ? SslVerdict.Words(verdict) : null
        );
    }

    /// <summary>Of one that is passed through; null: it named no server.</summary>
    public static TlsLog? Named(ReadOnlySpan<byte> name) => Text(name) is { } text ? new TlsLog(text) : null;

    private static string? Text(ReadOnlySpan<byte> bytes) => bytes.IsEmpty ? null : Encoding.UTF8.GetString(bytes);
}
