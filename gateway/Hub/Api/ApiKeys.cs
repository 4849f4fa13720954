using System.Security.Cryptography;
using System.Text;
using Mooring.Gateway.WebSockets.Http;

namespace Mooring.Gateway.Hub.Api;

/// <summary>The keys that open the API. Kept as hashes, which are compared in constant time. Immutable and thread-safe.</summary>
internal sealed class ApiKeys(IEnumerable<string> keys)
{
    public const int MinLength = 16;
    public const int MaxLength = 256;

    private readonly byte[][] _hashes = [.. keys.Select(static key => SHA256.HashData(Encoding.UTF8.GetBytes(key)))];

    /// <summary>Whether a request has one of them, in <c>X-API-Key</c> or as <c>Authorization: apikey …</c>.</summary>
    public bool Knows(HttpHead head, ReadOnlySpan<byte> data)
    {
        if (head.Find(data, "x-api-key"u8, out var key) != 1)
        {
            var scheme = "apikey "u8;
            if (
                head.Find(data, "authorization"u8, out key) != 1
                || key.Length <= scheme.Length
                || !Ascii.EqualsIgnoreCase(key[..scheme.Length], scheme)
            )
            {
                return false;
            }

            key = key[scheme.Length..].TrimStart(" "u8);
        }

        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(key, hash);
        var known = false;
        foreach (var one in _hashes)
        {
            known |= CryptographicOperations.FixedTimeEquals(one, hash);
        }

        return known;
    }
}
