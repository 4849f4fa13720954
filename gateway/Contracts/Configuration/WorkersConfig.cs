namespace Mooring.Contracts.Configuration;

/// <summary>Shares in which the capacity of a gateway that takes what it can is counted.</summary>
public sealed record WorkersConfig
{
    /// <summary>Connections of one share. 1 to 10,000,000; default 10,000.</summary>
    public int Connections { get; set; } = 10_000;

    /// <summary>Shares for each processor that the gateway may use. 1 to 64; default 4.</summary>
    public int PerCore { get; set; } = 4;
}
