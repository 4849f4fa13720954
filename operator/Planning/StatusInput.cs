using Mooring.Contracts.Stream;
using Mooring.Operator.Gateways;
using Mooring.Operator.Validation;

namespace Mooring.Operator.Planning;

/// <summary>Everything that a fleet's status follows from.</summary>
public sealed record StatusInput
{
    /// <summary>What was planned from: the fleet with its last status, and its Deployments.</summary>
    public required FleetInput Input { get; init; }

    /// <summary>The plan in force; null where the spec is not good and none was made.</summary>
    public FleetPlan? Plan { get; init; }

    /// <summary>What is wrong with the spec; the last good state runs on.</summary>
    public IReadOnlyList<FieldError> Errors { get; init; } = [];

    /// <summary>Why the plan could not be applied as a whole; null: it was.</summary>
    public string? ApplyError { get; init; }

    /// <summary>What the operator may not read of the cluster at present, so that it goes by what it saw before; null: nothing.</summary>
    public string? Blind { get; init; }

    /// <summary>What the gateways say of themselves; null where there is no stream.</summary>
    public FleetView? View { get; init; }

    /// <summary>Endpoints of the backends of <see cref="FleetPlan.EndpointSources"/> (in host mode: of the workloads), by name of the backend.</summary>
    public IReadOnlyDictionary<string, IReadOnlyList<EndpointInfo>> Endpoints { get; init; } =
        new Dictionary<string, IReadOnlyList<EndpointInfo>>();

    /// <summary>Workloads of host mode of which processes have not come to serve for longer than the fleet allows, each with the reason.</summary>
    public IReadOnlyList<string> StalledWorkloads { get; init; } = [];

    /// <summary>Gateways without which the fleet does not serve as it did before it was scaled out; null: as many as are wanted.</summary>
    public int? GatewaysNeeded { get; init; }

    /// <summary>Whether it has been ready as its spec has it now, but for the number of gateways; null: as its last status says.</summary>
    public bool? WasReady { get; init; }

    public required DateTimeOffset Now { get; init; }
}
