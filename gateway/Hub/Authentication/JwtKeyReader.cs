using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace Mooring.Gateway.Hub.Authentication;

/// <summary>Reads keys: PEM, and JSON Web Key Sets (RFC 7517). Pure.</summary>
internal static class JwtKeyReader
{
    /// <summary>Keys of one file or set that are used at most.</summary>
    public const int MaxKeys = 64;

    // SubjectPublicKeyInfo of an Ed25519 key is this and the key (RFC 8410 §4).
    private static readonly byte[] Ed25519Prefix = [0x30, 0x2A, 0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0x70, 0x03, 0x21, 0x00];

    /// <summary>The secret of a file: its bytes, without line ends behind them.</summary>
    /// <exception cref="FormatException">It is too short.</exception>
    public static JwtKey ReadSecret(byte[] file)
    {
        var secret = file.AsSpan().TrimEnd("\r\n"u8).ToArray();
        return secret.Length >= HmacKey.MinBytes
            ? new HmacKey(secret)
            : throw new FormatException($"the secret has {secret.Length} bytes; must have at least {HmacKey.MinBytes}");
    }

    /// <summary>Public keys in PEM (<c>BEGIN PUBLIC KEY</c> or <c>BEGIN RSA PUBLIC KEY</c>).</summary>
    /// <exception cref="FormatException">One is of a kind that is not known, too short, or no key; or there is none.</exception>
    public static IReadOnlyList<JwtKey> ReadPem(string text)
    {
        var keys = new List<JwtKey>();
        var rest = text.AsSpan();
        while (PemEncoding.TryFind(rest, out var fields))
        {
            if (keys.Count == MaxKeys)
            {
                throw new FormatException($"more than {MaxKeys} keys");
            }

            var label = rest[fields.Label].ToString();
            var data = Convert.FromBase64String(rest[fields.Base64Data].ToString());
            keys.Add(
                label is "PUBLIC KEY" or "RSA PUBLIC KEY" ? ReadDer(data, label) : throw new FormatException($"'{label}' is no public key")
            );
            rest = rest[fields.Location.End..];
        }

        return keys.Count > 0 ? keys : throw new FormatException("there is no public key in PEM");
    }

    /// <summary>The keys of a set that can be used; others are passed over, as RFC 7517 §5 asks for.</summary>
    /// <exception cref="FormatException">It is no set of keys.</exception>
    public static IReadOnlyList<JwtKey> ReadSet(ReadOnlyMemory<byte> json)
    {
        try
        {
            using var document = JsonDocument.Parse(json);
            return [.. document.RootElement.GetProperty("keys").EnumerateArray().Select(ReadJwk).OfType<JwtKey>().Take(MaxKeys)];
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException or KeyNotFoundException)
        {
            throw new FormatException("no JSON Web Key Set", error);
        }
    }

    private static JwtKey ReadDer(byte[] data, string label)
    {
        if (data.Length == Ed25519Prefix.Length + Ed25519.KeyBytes && data.AsSpan().StartsWith(Ed25519Prefix))
        {
            return new Ed25519Key(data[Ed25519Prefix.Length..]);
        }

        try
        {
            return new RsaKey(ImportRsa(data, label));
        }
        catch (CryptographicException) when (label == "PUBLIC KEY")
        {
            var key = ECDsa.Create();
            try
            {
                key.ImportSubjectPublicKeyInfo(data, out _);
                return new EcKey(key);
            }
            catch (CryptographicException error)
            {
                key.Dispose();
                throw new FormatException("a key that is neither RSA, EC nor Ed25519", error);
            }
        }
        catch (CryptographicException error)
        {
            throw new FormatException("an RSA key that cannot be read", error);
        }
    }

    private static RSA ImportRsa(byte[] data, string label)
    {
        var key = RSA.Create();
        try
        {
            if (label == "RSA PUBLIC KEY")
            {
                key.ImportRSAPublicKey(data, out _);
            }
            else
            {
                key.ImportSubjectPublicKeyInfo(data, out _);
            }

            return key.KeySize >= RsaKey.MinBits
                ? key
                : throw new FormatException($"an RSA key of {key.KeySize} bits; must have at least {RsaKey.MinBits}");
        }
        catch
        {
            key.Dispose();
            throw;
        }
    }

    private static JwtKey? ReadJwk(JsonElement jwk)
    {
        try
        {
            if (Text(jwk, "use") is { } use && use != "sig")
            {
                return null;
            }

            var id = Text(jwk, "kid");
            var named = Text(jwk, "alg");
            var only = JwtAlgorithms.Parse(named);
            if (named is not null && only is null)
            {
                return null;
            }

            return Text(jwk, "kty") switch
            {
                "RSA" => ReadRsa(jwk, id, only),
                "EC" => ReadEc(jwk, id, only),
                "OKP" when Text(jwk, "crv") == "Ed25519" && Number(jwk, "x") is { Length: Ed25519.KeyBytes } x => new Ed25519Key(x, id),
                "oct" when Number(jwk, "k") is { Length: >= HmacKey.MinBytes } secret => new HmacKey(secret, id, only),
                _ => null,
            };
        }
        catch (Exception error) when (error is CryptographicException or FormatException or InvalidOperationException)
        {
            return null;
        }
    }

    private static RsaKey? ReadRsa(JsonElement jwk, string? id, JwtAlgorithm? only)
    {
        var key = RSA.Create(new RSAParameters { Modulus = Number(jwk, "n"), Exponent = Number(jwk, "e") });
        if (key.KeySize >= RsaKey.MinBits)
        {
            return new RsaKey(key, id, only);
        }

        key.Dispose();
        return null;
    }

    private static EcKey? ReadEc(JsonElement jwk, string? id, JwtAlgorithm? only)
    {
        ECCurve? curve = Text(jwk, "crv") switch
        {
            "P-256" => ECCurve.NamedCurves.nistP256,
            "P-384" => ECCurve.NamedCurves.nistP384,
            "P-521" => ECCurve.NamedCurves.nistP521,
            _ => null,
        };
        return curve is null
            ? null
            : new EcKey(
                ECDsa.Create(
                    new ECParameters
                    {
                        Curve = curve.Value,
                        Q = new ECPoint { X = Number(jwk, "x"), Y = Number(jwk, "y") },
                    }
                ),
                id,
                only
            );
    }

    private static string? Text(JsonElement jwk, string name) => jwk.TryGetProperty(name, out var value) ? value.GetString() : null;

    private static byte[]? Number(JsonElement jwk, string name) =>
        Text(jwk, name) is { } text ? Base64Url.DecodeFromUtf8(Encoding.ASCII.GetBytes(text)) : null;
}
