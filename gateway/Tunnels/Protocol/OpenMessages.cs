using System.Text.Json.Serialization;

namespace Mooring.Gateway.Tunnels.Protocol;

/// <summary>How a port of a tunnel is reached.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<TunnelProtocol>))]
internal enum TunnelProtocol
{
    Tcp,
    Udp,

    /// <summary>By a name on a port that tunnels share.</summary>
    Name,
}

/// <summary>What our client opens a tunnel with: bore's Hello for several ports.</summary>
internal sealed record OpenRequest
{
    public const int MaxPorts = 64;
    public const int MaxPool = 64;

    /// <summary>Of the protocol; 1.</summary>
    public int Version { get; set; } = 1;

    /// <summary>1 to <see cref="MaxPorts"/>.</summary>
    public IReadOnlyList<PortRequest> Ports { get; set; } = [];

    /// <summary>Key of the tunnel that it had before, to go on with it: see <see cref="OpenAnswer.Key"/>. Null: a new one.</summary>
    public string? Resume { get; init; }

    /// <summary>Data connections that the client keeps ready. 0 to <see cref="MaxPool"/>.</summary>
    public int Pool { get; init; }

    /// <summary>The client says that it lives on data connections that it keeps ready, when it is asked there; and waits for a first word after this message.</summary>
    public bool Echoes { get; init; }

    /// <summary>Everything is within its bounds, so that nothing else has to look.</summary>
    [JsonIgnore]
    public bool IsBounded =>
        Ports.Count is > 0 and <= MaxPorts
        && Pool is >= 0 and <= MaxPool
        && Resume is null or { Length: TunnelKey.Digits }
        && Ports.All(port => port is { Port: >= 0 and <= 65_535, Name: null or { Length: <= 63 } } && Enum.IsDefined(port.Protocol));
}

/// <summary>One port that is asked for.</summary>
internal sealed record PortRequest
{
    public TunnelProtocol Protocol { get; init; }

    /// <summary>0: any of the range.</summary>
    public int Port { get; init; }

    /// <summary>Of <see cref="TunnelProtocol.Name"/>: a DNS label; null: any.</summary>
    public string? Name { get; init; }
}

/// <summary>What the client got.</summary>
internal sealed record OpenAnswer
{
    /// <summary>What the tunnel is taken up again with. A secret.</summary>
    public required string Key { get; init; }

    /// <summary>What data connections say that wait for a visitor. A secret.</summary>
    public Guid Ready { get; init; }

    /// <summary>What people call the tunnel.</summary>
    public required string Tunnel { get; init; }

    /// <summary>The gateway's name.</summary>
    public required string Gateway { get; init; }

    /// <summary>As many as were asked for, in that order.</summary>
    public required IReadOnlyList<PortAnswer> Ports { get; init; }

    /// <summary>Milliseconds for which the ports are kept when the client is gone.</summary>
    public int GraceMs { get; init; }

    /// <summary>Milliseconds between two heartbeats, of either end.</summary>
    public int HeartbeatMs { get; init; }

    /// <summary>Milliseconds between two heartbeats on a data connection that waits for a visitor; 0: there are none.</summary>
    public int ReadyHeartbeatMs { get; init; }

    /// <summary>It is the tunnel that was asked for with <see cref="OpenRequest.Resume"/>.</summary>
    public bool Resumed { get; init; }
}

/// <summary>One port that was granted.</summary>
internal sealed record PortAnswer
{
    public TunnelProtocol Protocol { get; init; }

    /// <summary>0 of a name.</summary>
    public int Port { get; init; }

    /// <summary>The whole host name; null of a port.</summary>
    public string? Host { get; init; }
}

/// <summary>A visitor came: on the control connection with an id to bring back, or on a ready data connection, which is the visitor's from here on.</summary>
internal sealed record VisitMessage
{
    /// <summary>Null on a ready data connection.</summary>
    public Guid? Id { get; init; }

    /// <summary>Which of the tunnel's ports, from 0 on.</summary>
    public int Port { get; init; }

    /// <summary>Address and port of the visitor; null: it carries datagrams of many.</summary>
    public string? From { get; init; }

    /// <summary>True on a ready data connection: the client says "Go" before anything else. Null: it does not.</summary>
    public bool? Answer { get; init; }
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    RespectNullableAnnotations = true
)]
[JsonSerializable(typeof(OpenRequest))]
[JsonSerializable(typeof(OpenAnswer))]
[JsonSerializable(typeof(VisitMessage))]
internal sealed partial class TunnelJson : JsonSerializerContext;
