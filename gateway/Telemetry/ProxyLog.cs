using System.Text;
using System.Text.Json;
using Mooring.Gateway.Transport;
using Mooring.Gateway.Transport.ProxyProtocol;

namespace Mooring.Gateway.Telemetry;

/// <summary>What a client's PROXY header said, as the access log shows it. Texts are the sender's word: cut to their bounds, escaped by JSON.</summary>
/// <param name="Sender">Address of the proxy.</param>
/// <param name="SenderPort">Its port.</param>
/// <param name="Authority">Host name that the client asked for.</param>
/// <param name="UniqueId">Id of the connection.</param>
/// <param name="Alpn">Protocol that the client and the proxy agreed on.</param>
/// <param name="TlsVersion">The client's TLS, to the proxy.</param>
/// <param name="TlsCommonName">Common name of the client's certificate.</param>
internal sealed record ProxyLog(
    NetworkAddress Sender,
    int SenderPort,
    string? Authority,
    string? UniqueId,
    string? Alpn,
    string? TlsVersion,
    string? TlsCommonName
)
{
    public static unsafe ProxyLog? Of(ProxyDetails* details) =>
        details == null
            ? null
            : new ProxyLog(
                details->Sender,
                details->SenderPort,
                Text(details, details->Tlvs.AuthorityRange),
                Id(details, details->Tlvs.UniqueIdRange),
                Text(details, details->Tlvs.AlpnRange),
                Text(details, details->Tlvs.SslVersionRange),
                Text(details, details->Tlvs.SslCommonNameRange)
            );

    /// <summary>What is known of a client by its PROXY header and its TLS: of what both say, who sent the header saw more.</summary>
    public static void Write(Utf8JsonWriter json, ProxyLog? proxy, TlsLog? tls)
    {
        if (proxy is not null)
        {
            json.WriteString("via"u8, new System.Net.IPEndPoint(proxy.Sender.ToIPAddress(), proxy.SenderPort).ToString());
        }

        Write(json, "authority"u8, proxy?.Authority ?? tls?.ServerName);
        Write(json, "uniqueId"u8, proxy?.UniqueId);
        Write(json, "alpn"u8, proxy?.Alpn ?? tls?.Alpn);
        Write(json, "tlsVersion"u8, proxy?.TlsVersion ?? tls?.Version);
        Write(json, "tlsCipher"u8, proxy?.TlsVersion is null ? tls?.Cipher : null);
        Write(json, "tlsCommonName"u8, proxy?.TlsCommonName ?? tls?.CommonName);
        Write(json, "tlsProblem"u8, tls?.Problem);
    }

    private static void Write(Utf8JsonWriter json, ReadOnlySpan<byte> name, string? value)
    {
        if (value is not null)
        {
            json.WriteString(name, value);
        }
    }

    private static unsafe string? Text(ProxyDetails* details, ProxyRange range) =>
        range.Length == 0 ? null : Encoding.UTF8.GetString(details->Of(range));

    /// <summary>The id is opaque bytes (§2.2.5): as text where it is, else in hexadecimal.</summary>
    private static unsafe string? Id(ProxyDetails* details, ProxyRange range)
    {
        if (range.Length == 0)
        {
            return null;
        }

        var bytes = details->Of(range);
        return bytes.ContainsAnyExceptInRange((byte)' ', (byte)'~') ? Convert.ToHexStringLower(bytes) : Encoding.ASCII.GetString(bytes);
    }
}
