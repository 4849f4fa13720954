using System.Security.Cryptography;
using System.Text;
using Mooring.Contracts.Configuration;
using Mooring.Gateway.WebSockets.Http;

namespace Mooring.Gateway.WebSockets;

/// <summary>Keeps a client with its endpoint by a cookie that names it. Immutable and thread-safe.</summary>
/// <remarks>
/// The value is the endpoint's <see cref="Key"/>: opaque, equal on every gateway of a fleet, and without meaning once the endpoint is gone, when
/// the client is balanced anew and gets another. It is no secret: who forges one chooses an endpoint, which is all it can do.
/// </remarks>
internal sealed class AffinityCookie
{
    /// <summary>Characters of a key: enough that 10,000 endpoints do not collide, about 3 in 10^12.</summary>
    public const int KeyLength = 16;

    private readonly byte[] _name;
    private readonly byte[] _attributes;

    public AffinityCookie(AffinityConfig config)
    {
        _name = Encoding.ASCII.GetBytes(config.CookieName);
        var attributes = $"; Path={config.CookiePath}; HttpOnly; SameSite=Lax";
        if (config.CookieTtl > TimeSpan.Zero)
        {
            attributes += $"; Max-Age={(long)config.CookieTtl.TotalSeconds}";
        }

        _attributes = Encoding.ASCII.GetBytes(attributes);
    }

    /// <summary>First 16 hexadecimal digits of the SHA-256 of the endpoint's id.</summary>
    public static string Key(string endpointId) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(endpointId)))[..KeyLength];

    /// <summary>The key in the request's cookies, or empty. Of several cookies of the name the first counts.</summary>
    public ReadOnlySpan<byte> Find(HttpHead head, ReadOnlySpan<byte> data)
    {
        foreach (ref readonly var field in head.Fields)
        {
            if (!HopByHop.Is(field.Name.Of(data), "cookie"u8))
            {
                continue;
            }

            var rest = field.Value.Of(data);
            while (!rest.IsEmpty)
            {
                var end = rest.IndexOf((byte)';');
                var pair = (end < 0 ? rest : rest[..end]).Trim(" \t"u8);
                rest = end < 0 ? default : rest[(end + 1)..];

                // Cookie names are case-sensitive (RFC 6265 §4.1).
                if (pair.Length > _name.Length && pair[_name.Length] == '=' && pair.StartsWith(_name))
                {
                    var value = pair[(_name.Length + 1)..];
                    return value.Length == KeyLength ? value : default;
                }
            }
        }

        return default;
    }

    /// <summary>Writes the Set-Cookie value and returns its length, or -1 when it does not fit.</summary>
    public int WriteSetCookie(ReadOnlySpan<char> key, bool secure, Span<byte> destination)
    {
        var writer = new HeadWriter(destination);
        Span<byte> bytes = stackalloc byte[KeyLength];
        writer.Append(_name);
        writer.Append("="u8);
        writer.Append(bytes[..Encoding.ASCII.GetBytes(key[..KeyLength], bytes)]);
        writer.Append(_attributes);
        writer.Append(secure ? "; Secure"u8 : default);
        return writer.Overflow ? -1 : writer.Length;
    }
}
