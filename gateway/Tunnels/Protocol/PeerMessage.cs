using System.Net;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Mooring.Gateway.Tunnels.Protocol;

/// <summary>What a gateway says to the owner of a tunnel before a visitor's bytes: whose visitor, and who it is.</summary>
/// <remarks>Data connections are brought with the clients' own messages.</remarks>
internal sealed record ForwardMessage
{
    /// <summary>The Tunnel listener of the visitor; the owner's limits are those of its own listener of that name.</summary>
    public string Listener { get; set; } = "";

    /// <summary>The port or name, as the registry has it.</summary>
    public string Thing { get; set; } = "";

    /// <summary>The visitor's address.</summary>
    public string Address { get; set; } = "";

    public ushort Port { get; init; }

    /// <summary>It has asked for a name by HTTP: where the tunnel's client does not come for it, the owner says so by HTTP.</summary>
    public bool Http { get; init; }

    [JsonIgnore]
    public bool IsBounded => Listener.Length <= 63 && Thing.Length <= 253 && IPAddress.TryParse(Address, out _);

    public static byte[] Write(ForwardMessage message) =>
        [.. "{\"Forward\":"u8, .. JsonSerializer.SerializeToUtf8Bytes(message, PeerJson.Default.ForwardMessage), .. "}\0"u8];

    /// <summary>The owner has the visitor: what follows are its tunnel's bytes.</summary>
    public static ReadOnlySpan<byte> Go => "\"Go\"\0"u8;
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, RespectNullableAnnotations = true)]
[JsonSerializable(typeof(ForwardMessage))]
internal sealed partial class PeerJson : JsonSerializerContext;
