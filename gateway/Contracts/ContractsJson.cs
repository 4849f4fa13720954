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
    public static GatewayConfig ParseConfig(ReadOnlySpan<byte> json) =>
        JsonSerializer.Deserialize(json, Strict.GatewayConfig) ?? throw new JsonException("the config is null");
}
