using Mooring.Kubernetes.Controllers;
using Mooring.Kubernetes.Models;
using Mooring.Operator.Entities;
using Mooring.Operator.Gateways;
using Mooring.Operator.Metrics;
using Mooring.Operator.Planning;

namespace Mooring.Operator.Reconciliation;

/// <summary>Brings a fleet to what its spec asks for: gather, plan, apply, status. Level-based: it never asks what has changed.</summary>
internal sealed class FleetReconciler(
    FleetGatherer gatherer,
    PlanApplier applier,
    GatewayPublisher publisher,
    StatusWriter statuses,
    FleetEvents events,
    FleetMetrics metrics,
    GatewayHub hub
) : IEntityController<ConnectionFleet>
{
    /// <inheritdoc/>
    public async Task<ReconciliationResult<ConnectionFleet>> ReconcileAsync(ConnectionFleet entity, CancellationToken cancellationToken)
    {
        var observed = gatherer.Gather(statuses.WithNewestStatus(entity));
        var plan = observed.Input is null ? null : FleetPlanner.Plan(observed.Input);
        var outcome = await ApplyAsync(observed, plan, cancellationToken);
        return await ConcludeAsync(observed, FleetStatusCalculator.Calculate(outcome.Status), outcome.Report, plan, cancellationToken);
    }

    /// <inheritdoc/>
    public Task<ReconciliationResult<ConnectionFleet>> DeletedAsync(ConnectionFleet entity, CancellationToken cancellationToken)
    {
        var key = ObjectKey.Of(entity);
        hub.Remove(key.ToString());
        gatherer.Forget(key);
        applier.Forget(key);
        statuses.Forget(key);
        metrics.Forget(key);
        return Task.FromResult(ReconciliationResult<ConnectionFleet>.Success(entity));
    }

    private async Task<(ApplyReport Report, StatusInput Status)> ApplyAsync(
        FleetObservation observed,
        FleetPlan? plan,
        CancellationToken cancellation
    )
    {
        if (plan is null)
        {
            return (
                ApplyReport.Nothing,
                observed.StatusAfter(null, new Dictionary<string, IReadOnlyList<Contracts.Stream.EndpointInfo>>(), ApplyReport.Nothing)
            );
        }

        // Gateways first: a change of config is in force there before the API server has answered.
        var endpoints = gatherer.Endpoints(observed.Key, plan);
        var refused = publisher.Publish(observed.Key, plan, endpoints);
        var report = await applier.ApplyAsync(observed.Fleet, plan, cancellation);
        report = refused is null ? report : report with { Problems = [.. report.Problems, refused] };
        return (report, observed.StatusAfter(plan, endpoints, report));
    }

    private async Task<ReconciliationResult<ConnectionFleet>> ConcludeAsync(
        FleetObservation observed,
        Entities.Status.FleetStatus status,
        ApplyReport report,
        FleetPlan? plan,
        CancellationToken cancellation
    )
    {
        var again = await statuses.WriteAsync(observed.Fleet, status, cancellation);
        events.Report(observed.Fleet, status, report);
        metrics.Note(observed.Key, status, report);
        if (report.Problems.Count > 0)
        {
            // What the API server refused now it may take later: a quota that was raised, a role that was granted.
            return ReconciliationResult<ConnectionFleet>.Failure(observed.Fleet, string.Join("; ", report.Problems));
        }

        return ReconciliationResult<ConnectionFleet>.Success(observed.Fleet, Earlier(again, plan?.RequeueAfter));
    }

    private static TimeSpan? Earlier(TimeSpan? one, TimeSpan? other) => one is null || other < one ? other ?? one : one;
}
