using System.Security.Cryptography;

namespace Mooring.Gateway.Hub.Authentication;

/// <summary>A key that tokens may be signed with. Immutable and thread-safe.</summary>
/// <param name="id">Its <c>kid</c>; null: it has none, and is tried for any token that it fits.</param>
/// <param name="only">The one algorithm that it is for, as a JWK may say; null: all of its kind.</param>
internal abstract class JwtKey(string? id, JwtAlgorithm? only)
{
    public string? Id { get; } = id;

    public bool Fits(JwtAlgorithm algorithm) => (only is null || only == algorithm) && Suits(algorithm);

    public abstract bool Verify(JwtAlgorithm algorithm, byte[] data, byte[] signature);

    protected abstract bool Suits(JwtAlgorithm algorithm);
}

internal sealed class HmacKey(byte[] secret, string? id = null, JwtAlgorithm? only = null) : JwtKey(id, only)
{
    /// <summary>Shorter secrets can be guessed by trying.</summary>
    public const int MinBytes = 16;

    public override bool Verify(JwtAlgorithm algorithm, byte[] data, byte[] signature)
    {
        var expected = algorithm switch
        {
            JwtAlgorithm.HS384 => HMACSHA384.HashData(secret, data),
            JwtAlgorithm.HS512 => HMACSHA512.HashData(secret, data),
            _ => HMACSHA256.HashData(secret, data),
        };
        return CryptographicOperations.FixedTimeEquals(expected, signature);
    }

    protected override bool Suits(JwtAlgorithm algorithm) => algorithm is JwtAlgorithm.HS256 or JwtAlgorithm.HS384 or JwtAlgorithm.HS512;
}

/// <remarks>The key object lives as long as anybody may verify with it: the finalizer of its handle frees it.</remarks>
internal sealed class RsaKey(RSA key, string? id = null, JwtAlgorithm? only = null) : JwtKey(id, only)
{
    /// <summary>RFC 7518 §3.3.</summary>
    public const int MinBits = 2048;

    public override bool Verify(JwtAlgorithm algorithm, byte[] data, byte[] signature)
    {
        var padding = algorithm is JwtAlgorithm.PS256 or JwtAlgorithm.PS384 or JwtAlgorithm.PS512
            ? RSASignaturePadding.Pss
            : RSASignaturePadding.Pkcs1;
        return key.VerifyData(data, signature, JwtAlgorithms.Hash(algorithm), padding);
    }

    protected override bool Suits(JwtAlgorithm algorithm) => algorithm is >= JwtAlgorithm.RS256 and <= JwtAlgorithm.PS512;
}

internal sealed class EcKey(ECDsa key, string? id = null, JwtAlgorithm? only = null) : JwtKey(id, only)
{
    // Signatures are the two numbers, each as long as the curve's order (RFC 7518 §3.4).
    public override bool Verify(JwtAlgorithm algorithm, byte[] data, byte[] signature) =>
        key.VerifyData(data, signature, JwtAlgorithms.Hash(algorithm), DSASignatureFormat.IeeeP1363FixedFieldConcatenation);

    /// <summary>Each algorithm is of one curve.</summary>
    protected override bool Suits(JwtAlgorithm algorithm) =>
        (algorithm, key.KeySize) is (JwtAlgorithm.ES256, 256) or (JwtAlgorithm.ES384, 384) or (JwtAlgorithm.ES512, 521);
}

internal sealed class Ed25519Key(byte[] publicKey, string? id = null) : JwtKey(id, JwtAlgorithm.EdDSA)
{
    public override bool Verify(JwtAlgorithm algorithm, byte[] data, byte[] signature) => Ed25519.Verify(publicKey, data, signature);

    protected override bool Suits(JwtAlgorithm algorithm) => algorithm == JwtAlgorithm.EdDSA;
}
