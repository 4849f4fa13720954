using System.Text.Json.Serialization;

namespace Mooring.Gateway.Hub.Control;

[JsonConverter(typeof(JsonStringEnumConverter<ControlKind>))]
internal enum ControlKind
{
    /// <summary>A gateway is there, with so many clients.</summary>
    Hello,

    /// <summary>Connections of a user, or one, are to end.</summary>
    Disconnect,

    /// <summary>Connections of a user, or one, are to leave a channel.</summary>
    Unsubscribe,

    /// <summary>Likewise, to enter one.</summary>
    Subscribe,

    /// <summary>Likewise, to expire at another time.</summary>
    Refresh,

    /// <summary>Every gateway is to say which channels it has.</summary>
    Survey,

    /// <summary>The answer to <see cref="Survey"/> or <see cref="UserSurvey"/>.</summary>
    Answer,

    /// <summary>Every gateway is to say how many users it has.</summary>
    UserSurvey,
}

/// <summary>What gateways of a fleet tell each other.</summary>
internal sealed record ControlMessage
{
    /// <summary>Latest <see cref="ExpiresAt"/>, as of tokens: 64 bits still hold it in milliseconds.</summary>
    public const long MaxExpiresAt = 1_000_000_000_000_000;

    public required ControlKind Kind { get; init; }

    /// <summary>The gateway that says it.</summary>
    public string From { get; set; } = "";

    /// <summary>Of a survey and its answers.</summary>
    public string? Id { get; init; }

    /// <summary>Connections with this user; empty with <see cref="Client"/> alone.</summary>
    public string User { get; set; } = "";

    /// <summary>Only this connection.</summary>
    public string? Client { get; init; }

    public string? Channel { get; init; }

    public int Code { get; init; }

    public string? Reason { get; init; }

    /// <summary>JSON for subscribe: what others are shown, and what the client gets.</summary>
    public string? Info { get; init; }

    public string? Data { get; init; }

    /// <summary>Connections that stay.</summary>
    public IReadOnlyList<string>? Except { get; init; }

    /// <summary>Of a refresh, or of a subscription: Unix seconds, 0 for never; null with <see cref="Expired"/>.</summary>
    public long? ExpiresAt { get; init; }

    /// <summary>Of a refresh: at once.</summary>
    public bool Expired { get; init; }

    public NodeFigures? Figures { get; init; }

    /// <summary>Clients by channel; of users, how many by gateway.</summary>
    public IReadOnlyDictionary<string, int>? Channels { get; init; }
}

/// <param name="Clients">Connected.</param>
/// <param name="Subscriptions">Of all of them.</param>
/// <param name="Channels">With subscribers.</param>
/// <param name="UptimeSeconds">Since the gateway serves the listener.</param>
internal sealed record NodeFigures(int Clients, int Subscriptions, int Channels, long UptimeSeconds);

[JsonSerializable(typeof(ControlMessage))]
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull
)]
internal sealed partial class ControlJson : JsonSerializerContext;
