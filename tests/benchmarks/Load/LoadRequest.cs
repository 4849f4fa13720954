using System.Text.Json.Serialization;

namespace Mooring.Benchmarks.Load;

[JsonConverter(typeof(JsonStringEnumConverter<LoadKind>))]
internal enum LoadKind
{
    /// <summary>Each connection sends a message, waits for its echo, checks it, sends the next.</summary>
    RoundTrips,

    /// <summary>Each slot connects, sends one message, checks its echo, closes, starts again.</summary>
    Connects,

    /// <summary>Each connection asks the backend for bytes and checks every one of them.</summary>
    Bulk,

    /// <summary>Opens connections, one round trip each, and leaves them open.</summary>
    OpenIdle,

    /// <summary>Each slot opens a tunnel in the protocol of <c>gateway tunnel</c>, says goodbye, starts again.</summary>
    Tunnels,

    /// <summary>One more round trip on each connection of <see cref="OpenIdle"/>, then closes them all.</summary>
    CloseIdle,

    /// <summary>Each WebSocket sends so many messages a second, whether or not the last ones are back.</summary>
    OpenLoop,

    /// <summary>The WebSockets of <see cref="OpenIdle"/> are closed by the server: waits until all are, and answers each close frame.</summary>
    AwaitCloses,
}

/// <summary>What is spoken on the connections of a load.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<LoadWebSocket>))]
internal enum LoadWebSocket
{
    /// <summary>Bytes, as they are.</summary>
    None,

    /// <summary>Binary messages that come back as they are. Connects are an upgrade and a closing handshake.</summary>
    Echo,

    /// <summary>The Hub's JSON: each connection is in a channel of its own, publishes to it, and gets both the reply and the publication.</summary>
    Hub,
}

/// <summary>TLS on the connections of a load.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<LoadTls>))]
internal enum LoadTls
{
    None,

    /// <summary>TLS 1.3, each handshake from scratch.</summary>
    Full,

    /// <summary>TLS 1.3, each with the last session ticket that the server gave.</summary>
    Resumed,
}

/// <summary>What the load generator is to do next: one line of JSON on its input.</summary>
internal sealed record LoadRequest
{
    public required LoadKind Kind { get; init; }

    /// <summary>IPv4 address and port of the server under test.</summary>
    public required string Target { get; init; }

    public required int Connections { get; init; }

    public LoadTls Tls { get; init; }

    public LoadWebSocket WebSocket { get; init; }

    /// <summary>Messages a second on each connection; of <see cref="LoadKind.OpenLoop"/>.</summary>
    public double Rate { get; init; }

    /// <summary>Bytes of a message, 16 to 65,536.</summary>
    public int MessageBytes { get; init; } = 64;

    /// <summary>Time under load before anything counts.</summary>
    public int SettleMilliseconds { get; init; }

    /// <summary>Time that counts.</summary>
    public int MeasureMilliseconds { get; init; }

    /// <summary>Processes of the server: their CPU time is read at both ends of the time that counts.</summary>
    public int[] Processes { get; init; } = [];
}

/// <summary>What came of it: one line of JSON on the generator's output.</summary>
internal sealed record LoadResult
{
    /// <summary>The server lost, changed or held back bytes, or closed a connection; null when all was right.</summary>
    public string? Error { get; init; }

    /// <summary>Round trips, or connections, completed in the time that counts.</summary>
    public long Operations { get; init; }

    /// <summary>Payload bytes that passed in the time that counts, one direction.</summary>
    public long Bytes { get; init; }

    public double WallSeconds { get; init; }

    /// <summary>The server's on-CPU time.</summary>
    public double CpuSeconds { get; init; }

    /// <summary>How long the server's threads were ready to run but kept waiting by other processes.</summary>
    public double WaitSeconds { get; init; }

    /// <summary>Packets on the loopback device in the time that counts, those of other processes too.</summary>
    public long Packets { get; init; }

    /// <summary>Latencies of the operations, in microseconds.</summary>
    public double P50 { get; init; }

    public double P99 { get; init; }

    public double P999 { get; init; }

    /// <summary>Messages that were due in the time that counts; of <see cref="LoadKind.OpenLoop"/>.</summary>
    public long Offered { get; init; }

    /// <summary>Close frames by code; 0: closed without one. Of <see cref="LoadKind.AwaitCloses"/>.</summary>
    public Dictionary<int, int>? Closes { get; init; }

    /// <summary>The most closes within any second.</summary>
    public int MostPerSecond { get; init; }
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull
)]
[JsonSerializable(typeof(LoadRequest))]
[JsonSerializable(typeof(LoadResult))]
internal sealed partial class LoadJson : JsonSerializerContext;
