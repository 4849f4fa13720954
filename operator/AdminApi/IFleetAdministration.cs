using Mooring.Contracts.Stream;
using Mooring.Kubernetes.Models;
using Mooring.Operator.Gateways;
using Mooring.Operator.Scaling;

namespace Mooring.Operator.AdminApi;

/// <summary>What the admin API acts on: a cluster's fleets, or those of a machine. For any thread.</summary>
internal interface IFleetAdministration
{
    /// <summary><c>cluster</c> or <c>host</c>.</summary>
    string Mode { get; }

    /// <summary>Null: it knows and may do everything; else why it cannot answer at present.</summary>
    string? Unavailable { get; }

    /// <summary>The fleets as last seen, ordered by namespace and name.</summary>
    IReadOnlyList<AdminFleet> Fleets();

    /// <summary>Null: there is none.</summary>
    AdminFleet? Find(ObjectKey fleet);

    /// <summary>Asks each of the fleet's gateways; two seconds at most.</summary>
    Task<IReadOnlyList<GatewayAnswer>> AskAsync(AdminFleet fleet, QuestionKind about, CancellationToken cancellation);

    /// <summary>Asks for so many gateways more, or (negative) fewer.</summary>
    Task<AdminOutcome<ScaleAnswer>> ScaleAsync(AdminFleet fleet, int change, string caller, CancellationToken cancellation);

    /// <summary>Pauses the fleet, or only its scaling; or lets it go on.</summary>
    Task<AdminOutcome<PauseAnswer>> PauseAsync(
        AdminFleet fleet,
        PauseScope scope,
        bool paused,
        string caller,
        CancellationToken cancellation
    );

    /// <summary>Says what is wanted of one gateway; null: that it serves.</summary>
    Task<AdminOutcome<HoldAnswer>> HoldAsync(
        AdminFleet fleet,
        string gateway,
        GatewayHold? hold,
        string caller,
        CancellationToken cancellation
    );
}

internal enum PauseScope
{
    Fleet,
    Scaling,
}
