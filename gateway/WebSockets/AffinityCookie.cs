using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using Mooring.Contracts.Configuration;
using Mooring.Gateway.WebSockets.Http;

namespace Mooring.Gateway.WebSockets;

/// <summary>Keeps a client with its endpoint by a cookie that names it. Immutable and thread-safe.</summary>
/// <remarks>
/// The value is the endpoint's <see cref="Key"/>: opaque, equal on every gateway of a fleet, and without meaning once the endpoint is gone, when
/// the client is balanced anew and gets another. With a key in the config it is signed, by a HMAC of the cookie's name and the value, and
/// a cookie with another signature is as none. Without, who forges one chooses an endpoint, which is all it can do.
/// </remarks>
internal sealed class AffinityCookie
{
    /// <summary>Characters of a key: enough that 10,000 endpoints do not collide, about 3 in 10^12.</summary>
    public const int KeyLength = 16;

    /// <summary>Characters of a signature: 96 bits of a HMAC-SHA-256 in base64url.</summary>
    private const int SignatureLength = 16;

    private const int SignatureBytes = 12;

    private readonly byte[] _name;
    private readonly byte[] _attributes;
    private readonly byte[]? _secret;

    /// <summary>Of a cookie for other sites' pages: TLS may end in front of the gateway, and without the attribute browsers refuse it.</summary>
    private readonly bool _isAlwaysSecure;

    public AffinityCookie(AffinityConfig config)
    {
        _name = Encoding.ASCII.GetBytes(config.CookieName);
        var attributes = $"; Path={config.CookiePath}; HttpOnly; SameSite={config.CookieSameSite}";
        if (config.CookieTtl > TimeSpan.Zero)
        {
            attributes += $"; Max-Age={(long)config.CookieTtl.TotalSeconds}";
        }

        _attributes = Encoding.ASCII.GetBytes(attributes);
        _isAlwaysSecure = config.CookieSameSite == CookieSameSite.None;
        _secret = config.Key is { } key ? HMACSHA256.HashData(Encoding.UTF8.GetBytes(key), _name) : null;
    }

    /// <summary>First 16 hexadecimal digits of the SHA-256 of the endpoint's id.</summary>
    public static string Key(string endpointId) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(endpointId)))[..KeyLength];

    /// <summary>The key in the request's cookies, or empty. Of several cookies of the name the first counts.</summary>
    public ReadOnlySpan<byte> Find(HttpHead head, ReadOnlySpan<byte> data)
    {
        var value = RequestValue.Cookie(head, data, _name);
        if (_secret is null)
        {
            return value.Length == KeyLength ? value : default;
        }

        if (value.Length != KeyLength + 1 + SignatureLength || value[KeyLength] != '.')
        {
            return default;
        }

        Span<byte> expected = stackalloc byte[SignatureLength];
        Sign(value[..KeyLength], expected);
        return CryptographicOperations.FixedTimeEquals(expected, value[(KeyLength + 1)..]) ? value[..KeyLength] : default;
    }

    /// <summary>Writes the Set-Cookie value and returns its length, or -1 when it does not fit.</summary>
    public int WriteSetCookie(ReadOnlySpan<char> key, bool secure, Span<byte> destination)
    {
        var writer = new HeadWriter(destination);
        Span<byte> bytes = stackalloc byte[KeyLength];
        Encoding.ASCII.GetBytes(key[..KeyLength], bytes);
        writer.Append(_name);
        writer.Append("="u8);
        writer.Append(bytes);
        if (_secret is not null)
        {
            Span<byte> signature = stackalloc byte[SignatureLength];
            Sign(bytes, signature);
            writer.Append("."u8);
            writer.Append(signature);
        }

        writer.Append(_attributes);
        writer.Append(secure || _isAlwaysSecure ? "; Secure"u8 : default);
        return writer.Overflow ? -1 : writer.Length;
    }

    private void Sign(ReadOnlySpan<byte> key, Span<byte> destination)
    {
        Span<byte> hash = stackalloc byte[HMACSHA256.HashSizeInBytes];
        HMACSHA256.HashData(_secret, key, hash);
        Base64Url.EncodeToUtf8(hash[..SignatureBytes], destination);
    }
}
