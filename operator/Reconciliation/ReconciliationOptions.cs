namespace Mooring.Operator.Reconciliation;

/// <summary>What the reconciles go by besides the cluster.</summary>
internal sealed record ReconciliationOptions
{
    /// <summary>Image of gateways whose fleet names none.</summary>
    public required string GatewayImage { get; init; }

    /// <summary>Fleets in work at once. 1 to 64; default 8.</summary>
    public int Workers { get; init; } = 4;
}
