using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Serialization;
using Mooring.Contracts.Configuration;
using Mooring.Contracts.Handover;
using Mooring.Contracts.Stream;
using Mooring.Contracts.Text;

namespace Mooring.Contracts;

/// <summary>JSON of the contracts: camelCase, nulls left out, null refused where there must be a value, unknown members refused, durations as <see cref="Duration"/>.</summary>
/// <remarks>
/// A property with a default has <c>set</c>, not <c>init</c>: the source generator assigns every <c>init</c> property, so an absent member would
/// become zero or null instead of its default. Treat the records as immutable all the same.
/// </remarks>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    AllowOutOfOrderMetadataProperties = true,
    RespectNullableAnnotations = true,
    Converters = [typeof(DurationJsonConverter)]
)]
[JsonSerializable(typeof(GatewayConfig))]
[JsonSerializable(typeof(OperatorMessage))]
[JsonSerializable(typeof(GatewayMessage))]
[JsonSerializable(typeof(HandoverMessage))]
public sealed partial class ContractsJson : JsonSerializerContext
{
    private static ContractsJson? _strict;

    /// <summary>As <c>Default</c>, but an unknown member is an error: for what people write, where a misspelt key must not pass silently.</summary>
    public static ContractsJson Strict =>
        _strict ??= new ContractsJson(
            new JsonSerializerOptions(Default.Options)
            {
                UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
                WriteIndented = true,
                TypeInfoResolver = null,
            }
        );

    /// <summary>First 16 hexadecimal digits of the SHA-256 of the config's JSON: equal for semantically equal configs.</summary>
    public static string Hash(GatewayConfig config) =>
        Convert.ToHexStringLower(SHA256.HashData(JsonSerializer.SerializeToUtf8Bytes(config, Default.GatewayConfig)))[..16];

    /// <summary>Parses a config file.</summary>
    /// <exception cref="JsonException">Not JSON, an unknown member, or a value of the wrong form; the message has path and byte position.</exception>
    public static GatewayConfig ParseConfig(ReadOnlySpan<byte> json)
    {
        try
        {
            return JsonSerializer.Deserialize(json, Strict.GatewayConfig) ?? throw new JsonException("the config is null");
        }
        catch (JsonException error) when (error.Path is { } path)
        {
            throw new JsonException(Describe(error, path), path, error.LineNumber, error.BytePositionInLine, error);
        }
    }

    /// <summary>The serializer's own words name types of this program, and not always the place.</summary>
    private static string Describe(JsonException error, string path)
    {
        const string Missing = "missing required properties including: ";
        var text = error.Message;
        var place = text.IndexOf(" Path: $", StringComparison.Ordinal);
        var missing = text.IndexOf(Missing, StringComparison.Ordinal);
        var what =
            text.Contains("could not be mapped to any", StringComparison.Ordinal) ? "there is no such field"
            : missing >= 0 ? $"must have {text[(missing + Missing.Length)..].TrimEnd('.').Replace("'", "", StringComparison.Ordinal)}"
            : text.Contains("could not be converted to", StringComparison.Ordinal) ? "has a value of the wrong form"
            : text.Contains("doesn't allow", StringComparison.Ordinal) ? "must not be null"
            : place >= 0 ? text[..place].TrimEnd('.')
            : text;
        var field = path.Length > 2 ? path[2..] : "the config";
        return $"{field}: {what} (line {error.LineNumber + 1}, byte {error.BytePositionInLine})";
    }
}
