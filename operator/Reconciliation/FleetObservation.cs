using Mooring.Contracts.Stream;
using Mooring.Kubernetes.Models;
using Mooring.Operator.Entities;
using Mooring.Operator.Gateways;
using Mooring.Operator.Planning;
using Mooring.Operator.Validation;

namespace Mooring.Operator.Reconciliation;

/// <summary>Everything that one reconcile goes by, as seen at one moment. Immutable.</summary>
internal sealed record FleetObservation
{
    /// <summary>The fleet as it stands in the cluster, with the status that was last written, and its Deployments.</summary>
    public required FleetInput Seen { get; init; }

    /// <summary>What is wrong with its spec.</summary>
    public required IReadOnlyList<FieldError> Errors { get; init; }

    /// <summary>What is planned from: what was seen, but with the last good spec where the present one is wrong. Null: there was no good one yet.</summary>
    public required FleetInput? Input { get; init; }

    /// <summary>What the gateways say; null where there is no stream.</summary>
    public required FleetView? View { get; init; }

    public required DateTimeOffset Now { get; init; }

    /// <summary>What may not be read of the cluster at present, so that what was seen of it may be old.</summary>
    public IReadOnlyList<string> Forbidden { get; init; } = [];

    public ConnectionFleet Fleet => Seen.Fleet;

    public ObjectKey Key => ObjectKey.Of(Fleet);

    /// <summary>What the fleet's status is, after the plan was applied.</summary>
    /// <param name="plan">What was planned; null: nothing could be.</param>
    /// <param name="endpoints">What the gateways were told of the backends.</param>
    /// <param name="report">What applying came to.</param>
    /// <param name="view">What the gateways say by now; null where there is no stream.</param>
    public StatusInput StatusAfter(
        FleetPlan? plan,
        IReadOnlyDictionary<string, IReadOnlyList<EndpointInfo>> endpoints,
        ApplyReport report,
        FleetView? view
    ) =>
        new()
        {
            // The figures are about what was asked for, also where the last good state is what runs.
            Input = Seen,
            Plan = plan,
            Errors = Errors,
            ApplyError = report.Problems.Count == 0 ? null : string.Join("; ", report.Problems),
            Blind = Forbidden.Count == 0 ? null : string.Join("; ", Forbidden),
            View = view,
            Endpoints = endpoints,
            Now = Now,
        };
}
