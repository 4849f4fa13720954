using System.Security.Cryptography;
using System.Text;

namespace Mooring.Gateway.Tunnels.Protocol;

/// <summary>Proofs and keys of tunnels. Pure but for the random numbers.</summary>
internal static class TunnelKey
{
    /// <summary>Hexadecimal digits of a tunnel's key: 128 random bits.</summary>
    public const int Digits = 32;

    private const int TagDigits = 64;

    public static string New() => RandomNumberGenerator.GetHexString(Digits, lowercase: true);

    /// <summary>What others may know of a key, to tell whether somebody has it.</summary>
    public static string Print(string key) => Convert.ToHexStringLower(SHA256.HashData(Encoding.ASCII.GetBytes(key)))[..32];

    /// <summary>What a secret proves itself with: its SHA-256, as bore has it.</summary>
    public static byte[] Of(string secret) => SHA256.HashData(Encoding.UTF8.GetBytes(secret));

    /// <summary>Hexadecimal tag that answers a challenge.</summary>
    public static string Answer(ReadOnlySpan<byte> key, Guid challenge)
    {
        Span<byte> tag = stackalloc byte[HMACSHA256.HashSizeInBytes];
        Tag(key, challenge, tag);
        return Convert.ToHexStringLower(tag);
    }

    /// <summary>Whether an answer is right; either case of digits will do.</summary>
    public static bool Verify(ReadOnlySpan<byte> key, Guid challenge, string answer)
    {
        Span<byte> given = stackalloc byte[HMACSHA256.HashSizeInBytes];
        if (answer.Length != TagDigits || Convert.FromHexString(answer, given, out _, out _) != System.Buffers.OperationStatus.Done)
        {
            return false;
        }

        Span<byte> tag = stackalloc byte[HMACSHA256.HashSizeInBytes];
        Tag(key, challenge, tag);
        return CryptographicOperations.FixedTimeEquals(tag, given);
    }

    private static void Tag(ReadOnlySpan<byte> key, Guid challenge, Span<byte> tag)
    {
        Span<byte> bytes = stackalloc byte[TunnelId.Bytes];
        challenge.TryWriteBytes(bytes, bigEndian: true, out _);
        HMACSHA256.HashData(key, bytes, tag);
    }
}
