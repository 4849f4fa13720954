namespace Mooring.Benchmarks.Million;

/// <summary>How large the run is. The short form is a twentieth of the whole.</summary>
internal sealed record MillionOptions
{
    public static readonly MillionOptions Whole = new();

    public static readonly MillionOptions Quick = new()
    {
        Connections = 50_000,
        Gateways = 10,
        PingSeconds = 25,
        Hold = TimeSpan.FromSeconds(60),
        RolloutAfter = TimeSpan.FromSeconds(10),
    };

    public int Connections { get; init; } = 1_000_000;

    /// <summary>Processes, so that each stays below 20,000 descriptors while a tenth of them is drained.</summary>
    public int Gateways { get; init; } = 64;

    /// <summary>Connections of one process of clients, below its 20,000 descriptors.</summary>
    public int PerClientProcess { get; init; } = 18_500;

    /// <summary>New connections per second, of all processes together.</summary>
    public int ConnectsPerSecond { get; init; } = 12_500;

    /// <summary>How fast a gateway that drains sends its clients away.</summary>
    public int DrainsPerSecond { get; init; } = 60;

    /// <summary>The fleet's pace of drains, of which each gateway has its share.</summary>
    public int ReconnectsPerSecond => DrainsPerSecond * Gateways;

    /// <summary>Seconds between two pings of one connection, the first of which comes after half of them at the earliest.</summary>
    public int PingSeconds { get; init; } = 240;

    /// <summary>Publications per second, each to one random user.</summary>
    public int MessagesPerSecond { get; init; } = 1_000;

    /// <summary>How long all is held, once all stand.</summary>
    public TimeSpan Hold { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>When a tenth of the gateways is replaced.</summary>
    public TimeSpan RolloutAfter { get; init; } = TimeSpan.FromMinutes(2);

    public int ClientProcesses => (Connections + PerClientProcess - 1) / PerClientProcess;

    public int Replaced => Math.Max(1, Gateways / 10);
}
