namespace Mooring.Contracts.Stream;

/// <summary>How a gateway stands with the registry that it shares with others.</summary>
public sealed record RegistryLoad
{
    /// <summary>It is registered, and the registry answers.</summary>
    public required bool Connected { get; init; }

    /// <summary>Why not; null where it is. At most 512 characters.</summary>
    public string? Problem { get; init; }

    /// <summary>Connections of the fleet's limit that this gateway may have; null without such a limit.</summary>
    public int? FleetShare { get; init; }
}
