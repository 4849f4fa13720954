using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Mooring.Contracts.Configuration;
using Mooring.Gateway.WebSockets.Http;

namespace Mooring.Gateway.WebSockets;

/// <summary>One value that requests carry: to hash by, or to count by. Immutable and thread-safe.</summary>
internal sealed class RequestValue(RequestValueSource source, string name)
{
    /// <summary>Of users.</summary>
    public const byte UserSalt = 1;

    private const int MaxToken = 8 * 1024;

    private readonly byte[] _name = Encoding.UTF8.GetBytes(name);

    /// <summary>A number that stands for the value on every gateway of a fleet; 0 when the request has none. Of several the first counts.</summary>
    /// <param name="head">The request's.</param>
    /// <param name="data">What it was parsed from.</param>
    /// <param name="target">Its target with the query.</param>
    /// <param name="salt">Keeps the numbers of different kinds apart.</param>
    public ulong Key(HttpHead head, ReadOnlySpan<byte> data, ReadOnlySpan<byte> target, byte salt)
    {
        if (source == RequestValueSource.JwtClaim)
        {
            return Hash(Claim(Token(head, data, target)), salt);
        }

        var value = source switch
        {
            RequestValueSource.Header => head.Find(data, _name, out var sent) > 0 ? sent : default,
            RequestValueSource.Query => Parameter(target, _name),
            _ => Cookie(head, data, _name),
        };
        return Hash(value, salt);
    }

    /// <summary>The number of a user, the same wherever the name came from.</summary>
    public static ulong UserKey(string user) => Hash(Encoding.UTF8.GetBytes(user), UserSalt);

    /// <summary>The first 8 bytes of a SHA-256: nobody makes two values meet. Never 0 for a value that is there.</summary>
    public static ulong Hash(ReadOnlySpan<byte> value, byte salt)
    {
        if (value.IsEmpty)
        {
            return 0;
        }

        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        using var sha = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        sha.AppendData([salt]);
        sha.AppendData(value);
        sha.GetHashAndReset(hash);
        return BitConverter.ToUInt64(hash) | 1;
    }

    /// <summary>A cookie's value in the request, or empty. Names are case-sensitive (RFC 6265 §4.1).</summary>
    public static ReadOnlySpan<byte> Cookie(HttpHead head, ReadOnlySpan<byte> data, ReadOnlySpan<byte> name)
    {
        foreach (ref readonly var field in head.Fields)
        {
            if (!HopByHop.Is(field.Name.Of(data), "cookie"u8))
            {
                continue;
            }

            if (Pair(field.Value.Of(data), (byte)';', name, out var value))
            {
                return value;
            }
        }

        return default;
    }

    private static ReadOnlySpan<byte> Parameter(ReadOnlySpan<byte> target, ReadOnlySpan<byte> name)
    {
        var query = target.IndexOf((byte)'?');
        return query >= 0 && Pair(target[(query + 1)..], (byte)'&', name, out var value) ? value : default;
    }

    private static bool Pair(ReadOnlySpan<byte> rest, byte separator, ReadOnlySpan<byte> name, out ReadOnlySpan<byte> value)
    {
        while (!rest.IsEmpty)
        {
            var end = rest.IndexOf(separator);
            var pair = (end < 0 ? rest : rest[..end]).Trim(" \t"u8);
            rest = end < 0 ? default : rest[(end + 1)..];
            if (pair.Length > name.Length && pair[name.Length] == '=' && pair.StartsWith(name))
            {
                value = pair[(name.Length + 1)..];
                return true;
            }
        }

        value = default;
        return false;
    }

    private static ReadOnlySpan<byte> Token(HttpHead head, ReadOnlySpan<byte> data, ReadOnlySpan<byte> target)
    {
        if (head.Find(data, "authorization"u8, out var sent) > 0 && sent.Length > 7 && Ascii.EqualsIgnoreCase(sent[..7], "bearer "u8))
        {
            return sent[7..].Trim((byte)' ');
        }

        return Parameter(target, "access_token"u8);
    }

    /// <summary>A claim at the top of a JWT's payload (RFC 7519 §7.2), as text; empty where there is none.</summary>
    private byte[] Claim(ReadOnlySpan<byte> token)
    {
        var first = token.IndexOf((byte)'.');
        var rest = first < 0 ? default : token[(first + 1)..];
        var second = rest.IndexOf((byte)'.');
        if (second <= 0 || token.Length > MaxToken)
        {
            return [];
        }

        try
        {
            var payload = new byte[Base64Url.GetMaxDecodedLength(second)];
            var length = Base64Url.DecodeFromUtf8(rest[..second], payload);
            var reader = new Utf8JsonReader(payload.AsSpan(0, length));
            reader.Read();
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                var found = reader.ValueTextEquals(_name);
                reader.Read();
                if (found && reader.TokenType is JsonTokenType.String or JsonTokenType.Number)
                {
                    return reader.TokenType == JsonTokenType.String
                        ? Encoding.UTF8.GetBytes(reader.GetString()!)
                        : reader.ValueSpan.ToArray();
                }

                reader.Skip();
            }
        }
        catch (Exception e) when (e is FormatException or JsonException or InvalidOperationException)
        {
            // No JWT: the backend's to refuse.
        }

        return [];
    }
}
