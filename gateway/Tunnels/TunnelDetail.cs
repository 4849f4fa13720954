using System.Text.Json;
using System.Text.Json.Serialization;

namespace Mooring.Gateway.Tunnels;

/// <summary>What the owner of a tunnel's port notes in the registry.</summary>
internal sealed record TunnelDetail
{
    /// <summary>What tells who has the tunnel's key; empty: it cannot be taken up again.</summary>
    public string Print { get; set; } = "";

    public string Tenant { get; set; } = "";

    public string Listener { get; set; } = "";

    public static string Write(TunnelDetail detail) => JsonSerializer.Serialize(detail, TunnelDetailJson.Default.TunnelDetail);

    /// <summary>Null: another version wrote it.</summary>
    public static TunnelDetail? Read(string json)
    {
        try
        {
            return JsonSerializer.Deserialize(json, TunnelDetailJson.Default.TunnelDetail);
        }
        catch (JsonException)
        {
            return null;
        }
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, RespectNullableAnnotations = true)]
[JsonSerializable(typeof(TunnelDetail))]
internal sealed partial class TunnelDetailJson : JsonSerializerContext;
