namespace Mooring.Benchmarks.L4;

internal sealed record L4Options
{
    /// <summary>Ends within 90 s, with coarser figures.</summary>
    public bool Quick { get; init; }

    /// <summary>Only metrics with these keys, or that begin with one and a dash; empty for all.</summary>
    public IReadOnlyList<string> Only { get; init; } = [];

    /// <summary>Only these servers; empty for all.</summary>
    public IReadOnlyList<string> Servers { get; init; } = [];

    /// <summary>Path of the <c>gateway</c> executable; null for the one that was built beside this program.</summary>
    public string? Gateway { get; init; }

    /// <summary>Path of another build of the gateway that takes part as a peer; null for none.</summary>
    public string? Before { get; init; }

    /// <summary>Times that each metric is taken from each server.</summary>
    public int Rounds { get; init; }

    /// <summary>Where <c>l4.json</c> goes.</summary>
    public required string Output { get; init; }

    /// <summary>Whether a measurement is wanted, by its key: what comes before the slash in its metrics' keys.</summary>
    public bool Wants(string key) =>
        Only.Count == 0 || Only.Any(only => key == only || key.StartsWith(only + "-", StringComparison.Ordinal));

    public int SettleMilliseconds => Quick ? 150 : 500;

    public int MeasureMilliseconds => Quick ? 700 : 2_500;
}
