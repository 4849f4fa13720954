using System.Text.Json.Serialization;

namespace Mooring.Benchmarks.Million;

/// <summary>What a process of clients is to hold: one line of JSON on its input. It holds until its input ends.</summary>
internal sealed record HoldRequest
{
    /// <summary>IPv4 address and port of a Hub listener.</summary>
    public required string Target { get; init; }

    /// <summary>Addresses that the connections come from, in turn: with half of its ports in use, connecting from one takes the kernel milliseconds of looking for another.</summary>
    public required IReadOnlyList<string> Sources { get; init; }

    public required int Connections { get; init; }

    /// <summary>Number of the first connection's user; the others follow.</summary>
    public required int FirstUser { get; init; }

    /// <summary>New connections per second, the first time. Later each comes back as centrifuge-js does.</summary>
    public required int ConnectsPerSecond { get; init; }

    /// <summary>Connects under way at most.</summary>
    public int UnderWay { get; init; } = 64;

    /// <summary>Key of the tokens, HS256.</summary>
    public required string Secret { get; init; }

    /// <summary>Namespace of each user's own channel, to which the token subscribes it.</summary>
    public required string Namespace { get; init; }
}

/// <summary>What became of it in the second that has passed (totals say so): one line of JSON a second.</summary>
internal sealed record HoldReport
{
    /// <summary>Connections that stand, their connect answered.</summary>
    public int Live { get; init; }

    /// <summary>Connects answered since the start.</summary>
    public long Connected { get; init; }

    /// <summary>Connects that failed before they were answered, since the start.</summary>
    public long Failed { get; init; }

    /// <summary>The last of those, in words.</summary>
    public string? LastFailure { get; init; }

    /// <summary>Closes of connections that stood, since the start, by code; 1006: without a close frame.</summary>
    public SortedDictionary<int, long> Closes { get; init; } = [];

    /// <summary>Pings answered since the start.</summary>
    public long Pings { get; init; }

    /// <summary>Publications received since the start.</summary>
    public long Messages { get; init; }

    /// <summary>Publications that were for another user, or said nothing: there must be none.</summary>
    public long Strays { get; init; }

    /// <summary>From publication to arrival, in µs, of this second's messages.</summary>
    public double P50 { get; init; }

    public double P99 { get; init; }

    public double Max { get; init; }

    /// <summary>Connects answered within this second.</summary>
    public int ConnectedNow { get; init; }

    /// <summary>Since each connection's last close, the longest that one was away, in seconds, of those that came back in this second.</summary>
    public double LongestAway { get; init; }
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull
)]
[JsonSerializable(typeof(HoldRequest))]
[JsonSerializable(typeof(HoldReport))]
internal sealed partial class HoldJson : JsonSerializerContext;
