using System.Text.Json;
using System.Text.Json.Serialization;

namespace Mooring.Gateway.Handover;

/// <summary>What the one who dials wants.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<HandoverPurpose>))]
internal enum HandoverPurpose
{
    /// <summary>It has connections to hand over.</summary>
    Give,

    /// <summary>It is to take the place of the one who listens: sockets, connections and all.</summary>
    Take,
}

/// <summary>First message each way between two gateways.</summary>
internal sealed record HandoverHello
{
    /// <summary>The form of what follows. Two processes of different forms do not hand over: what is open is drained then.</summary>
    public const int CurrentVersion = 2;

    public required int Version { get; init; }

    public required HandoverPurpose Purpose { get; init; }

    /// <summary>Of the one who listens: it takes new connections, so it may be given open ones.</summary>
    public bool Serves { get; init; }

    /// <summary>For the log.</summary>
    public required int ProcessId { get; init; }

    /// <exception cref="InvalidDataException">Not this form.</exception>
    public static HandoverHello Parse(ReadOnlySpan<byte> json)
    {
        try
        {
            return JsonSerializer.Deserialize(json, HandoverJson.Default.HandoverHello)
                ?? throw new InvalidDataException("the hello is null");
        }
        catch (JsonException problem)
        {
            throw new InvalidDataException($"hello: {problem.Message}", problem);
        }
    }

    public byte[] ToJson() => JsonSerializer.SerializeToUtf8Bytes(this, HandoverJson.Default.HandoverHello);
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(HandoverHello))]
internal sealed partial class HandoverJson : JsonSerializerContext;
