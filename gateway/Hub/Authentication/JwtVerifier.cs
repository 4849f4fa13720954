using System.Buffers.Text;
using System.Text.Json;

namespace Mooring.Gateway.Hub.Authentication;

/// <summary>Checks tokens, RFC 7515 and 7519. Pure: keys and time are arguments.</summary>
internal static class JwtVerifier
{
    /// <summary>Longest token, in characters.</summary>
    public const int MaxLength = 16 * 1024;

    private const int MaxSubscriptions = 1024;

    /// <summary>Longest user, in bytes of UTF-8: presence has one byte for it.</summary>
    private const int MaxUserBytes = 255;

    /// <param name="token">Compact serialization: three parts in base64url.</param>
    /// <param name="keys">Who may have signed it.</param>
    /// <param name="rules">What else it must say.</param>
    /// <param name="now">Unix seconds.</param>
    public static JwtResult Verify(string token, IReadOnlyList<JwtKey> keys, JwtRules rules, long now)
    {
        if (token.Length > MaxLength)
        {
            return Invalid("longer than 16,384 characters");
        }

        var firstDot = token.IndexOf('.', StringComparison.Ordinal);
        var secondDot = firstDot < 0 ? -1 : token.IndexOf('.', firstDot + 1);
        if (secondDot < 0 || token.IndexOf('.', secondDot + 1) >= 0)
        {
            return Invalid("not three parts");
        }

        if (
            Decode(token.AsSpan(0, firstDot)) is not { } header
            || Decode(token.AsSpan(firstDot + 1, secondDot - firstDot - 1)) is not { } payload
            || Decode(token.AsSpan(secondDot + 1)) is not { } signature
        )
        {
            return Invalid("not base64url");
        }

        try
        {
            using var head = JsonDocument.Parse(header);
            var outcome = CheckSignature(head.RootElement, token.AsSpan(0, secondDot), signature, keys);
            if (outcome.Outcome != JwtOutcome.Valid)
            {
                return outcome;
            }

            using var body = JsonDocument.Parse(payload);
            return ReadClaims(body.RootElement, rules, now);
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException or FormatException)
        {
            return Invalid("not the JSON it should be");
        }
    }

    private static JwtResult CheckSignature(JsonElement head, ReadOnlySpan<char> signed, byte[] signature, IReadOnlyList<JwtKey> keys)
    {
        if (head.TryGetProperty("crit", out _))
        {
            return Invalid("has critical header fields");
        }

        if (!head.TryGetProperty("alg", out var named) || JwtAlgorithms.Parse(named.GetString()) is not { } algorithm)
        {
            return Invalid("no algorithm that is known");
        }

        var id = head.TryGetProperty("kid", out var kid) && kid.ValueKind == JsonValueKind.String ? kid.GetString() : null;
        var bytes = new byte[signed.Length];
        System.Text.Encoding.ASCII.GetBytes(signed, bytes);
        var known = false;
        foreach (var key in keys)
        {
            // A key without a name may be any; a token without one may be by any.
            if (id is not null && key.Id is not null && key.Id != id)
            {
                continue;
            }

            // The key says what it is for: a public key must never serve as somebody's HMAC secret.
            if (!key.Fits(algorithm))
            {
                continue;
            }

            // Without a name of both, another key may be meant, of which we do not know yet.
            known |= id is not null && key.Id is not null;
            if (key.Verify(algorithm, bytes, signature))
            {
                return new JwtResult(JwtOutcome.Valid, null);
            }
        }

        return known ? Invalid("the signature is not by a known key") : new JwtResult(JwtOutcome.UnknownKey, null, "no key fits");
    }

    private static JwtResult ReadClaims(JsonElement body, JwtRules rules, long now)
    {
        if (body.ValueKind != JsonValueKind.Object)
        {
            return Invalid("claims are no object");
        }

        var leeway = (long)rules.Leeway.TotalSeconds;
        var expires = Seconds(body, "exp");
        if (Seconds(body, "nbf") is { } notBefore && now < notBefore - leeway)
        {
            return Invalid("not valid yet");
        }

        if (rules.Issuer is { } issuer && Text(body, "iss") != issuer)
        {
            return Invalid("of another issuer");
        }

        if (rules.Audience is { } audience && !HasAudience(body, audience))
        {
            return Invalid("for another audience");
        }

        if (expires is { } end && now >= end + leeway)
        {
            return new JwtResult(JwtOutcome.Expired, null, "expired");
        }

        var user = Text(body, "sub") ?? "";
        if (System.Text.Encoding.UTF8.GetByteCount(user) > MaxUserBytes)
        {
            return Invalid("sub is longer than 255 bytes");
        }

        var renewAt = Seconds(body, "expire_at");
        return new JwtResult(
            JwtOutcome.Valid,
            new JwtClaims
            {
                User = user,
                ExpiresAt = renewAt is { } at ? (at == 0 ? null : at) : expires,
                Info = ReadInfo(body),
                Channel = Text(body, "channel"),
                Subscriptions = ReadSubscriptions(body),
            }
        );
    }

    private static List<ServerSubscription> ReadSubscriptions(JsonElement body)
    {
        var result = new List<ServerSubscription>();
        if (body.TryGetProperty("subs", out var subs) && subs.ValueKind == JsonValueKind.Object)
        {
            foreach (var property in subs.EnumerateObject().Take(MaxSubscriptions))
            {
                var data = property.Value.TryGetProperty("data", out var raw) ? Raw(raw) : default;
                result.Add(new ServerSubscription(property.Name, ReadInfo(property.Value), data));
            }
        }

        if (body.TryGetProperty("channels", out var channels) && channels.ValueKind == JsonValueKind.Array)
        {
            foreach (var channel in channels.EnumerateArray().Take(MaxSubscriptions))
            {
                result.Add(new ServerSubscription(channel.GetString() ?? "", default, default));
            }
        }

        return result;
    }

    private static ReadOnlyMemory<byte> ReadInfo(JsonElement body)
    {
        if (body.TryGetProperty("b64info", out var encoded) && encoded.ValueKind == JsonValueKind.String)
        {
            return encoded.GetBytesFromBase64();
        }

        return body.TryGetProperty("info", out var info) && info.ValueKind != JsonValueKind.Null ? Raw(info) : default;
    }

    private static ReadOnlyMemory<byte> Raw(JsonElement element) => System.Text.Encoding.UTF8.GetBytes(element.GetRawText());

    private static bool HasAudience(JsonElement body, string audience) =>
        body.TryGetProperty("aud", out var value)
        && (
            value.ValueKind == JsonValueKind.String
                ? value.GetString() == audience
                : value.ValueKind == JsonValueKind.Array
                    && value.EnumerateArray().Any(one => one.ValueKind == JsonValueKind.String && one.GetString() == audience)
        );

    private static string? Text(JsonElement body, string name) =>
        body.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null ? value.GetString() : null;

    /// <summary>NumericDate may have a fraction (RFC 7519 §2). What does not fit in 64 bits is no date.</summary>
    private static long? Seconds(JsonElement body, string name) =>
        body.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null
            ? (long)Math.Clamp(value.GetDouble(), -1e15, 1e15)
            : null;

    private static byte[]? Decode(ReadOnlySpan<char> part)
    {
        // The decoder would let white space and padding pass.
        if (part.IndexOfAny(" \t\r\n=") >= 0 || !Base64Url.IsValid(part, out var length))
        {
            return null;
        }

        var bytes = new byte[length];
        Base64Url.DecodeFromChars(part, bytes);
        return bytes;
    }

    private static JwtResult Invalid(string why) => new(JwtOutcome.Invalid, null, why);
}

/// <param name="Issuer">Null: any.</param>
/// <param name="Audience">Null: any.</param>
/// <param name="Leeway">How far clocks may differ.</param>
internal sealed record JwtRules(string? Issuer, string? Audience, TimeSpan Leeway);
