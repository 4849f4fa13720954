namespace Mooring.Benchmarks.WebSockets.Echo;

internal sealed record WsOptions
{
    public required bool Quick { get; init; }

    /// <summary>Keys of measurements; none: all of them.</summary>
    public required IReadOnlyList<string> Only { get; init; }

    public required int Rounds { get; init; }

    /// <summary>Idle connections whose memory is taken.</summary>
    public required int Idle { get; init; }

    /// <summary>The gateway program; null: beside this one.</summary>
    public string? Gateway { get; init; }

    public bool Wants(string key) => Only.Count == 0 || Only.Contains(key);
}
