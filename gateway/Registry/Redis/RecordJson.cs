using System.Text.Json;
using System.Text.Json.Serialization;

namespace Mooring.Gateway.Registry.Redis;

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    RespectNullableAnnotations = true,
    IgnoreReadOnlyProperties = true,
    UseStringEnumConverter = true
)]
[JsonSerializable(typeof(GatewayRecord))]
internal sealed partial class RecordJson : JsonSerializerContext
{
    // Two sets of ports, of all that there are, are the greatest part of it.
    private const int MaxBytes = 32 * 1024;

    public static byte[] Write(GatewayRecord record) => JsonSerializer.SerializeToUtf8Bytes(record, Default.GatewayRecord);

    /// <summary>A gateway's entry; null where it is none: another version may have written it, and the others still count.</summary>
    public static GatewayRecord? Read(byte[]? json, string name, long generation)
    {
        if (json is null || json.Length > MaxBytes)
        {
            return null;
        }

        try
        {
            return
                JsonSerializer.Deserialize(json, Default.GatewayRecord)
                    is { Load: >= 0, Capacity: >= 0, Bandwidth: >= 0, BandwidthCapacity: >= 0 } record
                && record.Name == name
                && record.Process.Length <= RegistryLimits.MaxName
                && record.Address.Length <= RegistryLimits.MaxName
                && record.Peer?.IsBounded != false
                ? record with
                {
                    Generation = generation,
                }
                : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
