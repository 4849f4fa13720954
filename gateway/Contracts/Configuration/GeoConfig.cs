namespace Mooring.Contracts.Configuration;

/// <summary>Traffic by country.</summary>
public sealed record GeoConfig
{
    /// <summary>A country or city database in MaxMind's format (MMDB), absolute path, at most 512 MiB. Opened anew when it changes.</summary>
    public required string DatabasePath { get; init; }
}
