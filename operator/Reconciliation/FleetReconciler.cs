using System.Diagnostics;
using Mooring.Kubernetes.Controllers;
using Mooring.Kubernetes.Models;
using Mooring.Operator.Entities;
using Mooring.Operator.Gateways;
using Mooring.Operator.Metrics;
using Mooring.Operator.Planning;
using Mooring.Operator.Planning.Workloads;
using Mooring.Operator.Scaling;

namespace Mooring.Operator.Reconciliation;

/// <summary>Brings a fleet to what its spec asks for: gather, plan, apply, status. Level-based: it never asks what has changed.</summary>
internal sealed class FleetReconciler(
    FleetGatherer gatherer,
    PlanApplier applier,
    GatewayPublisher publisher,
    StatusWriter statuses,
    FleetEvents events,
    FleetMetrics metrics,
    GatewayHub hub,
    FreshLook fresh,
    MarkWriter marks,
    DirectiveSender directives,
    GatewayScaler scaler,
    PassingTroubles troubles
) : IEntityController<ConnectionFleet>
{
    /// <inheritdoc/>
    public async Task<ReconciliationResult<ConnectionFleet>> ReconcileAsync(ConnectionFleet entity, CancellationToken cancellationToken)
    {
        Activity
            .Current?.SetTag("mooring.fleet.namespace", entity.Metadata.Namespace)
            .SetTag("mooring.fleet.name", entity.Metadata.Name)
            .SetTag("mooring.fleet.generation", entity.Metadata.Generation);
        var observed = Gather(entity);
        var plan = observed.Input is null ? null : await PlanAsync(observed.Input, cancellationToken);
        var renewal = plan is null ? null : Direct(observed, plan);
        var outcome = await ApplyAsync(observed, plan, cancellationToken);
        plan = plan is null ? null : plan with { RequeueAfter = Earlier(plan.RequeueAfter, renewal) };
        return await ConcludeAsync(observed, FleetStatusCalculator.Calculate(outcome.Status), outcome.Report, plan, cancellationToken);
    }

    /// <inheritdoc/>
    public Task<ReconciliationResult<ConnectionFleet>> DeletedAsync(ConnectionFleet entity, CancellationToken cancellationToken)
    {
        var key = ObjectKey.Of(entity);
        hub.Remove(key.ToString());
        gatherer.Forget(key);
        applier.Forget(key);
        scaler.Forget(key);
        statuses.Forget(key);
        metrics.Forget(key);
        troubles.Forget(key);
        return Task.FromResult(ReconciliationResult<ConnectionFleet>.Success(entity));
    }

    private FleetObservation Gather(ConnectionFleet entity)
    {
        using var phase = ReconcilePhase.Begin("gather");
        var observed = gatherer.Gather(statuses.WithNewestStatus(entity));
        return observed with
        {
            Seen = applier.WithNewest(observed.Seen),
            Input = observed.Input is { } input ? applier.WithNewest(input) : null,
        };
    }

    private async Task<FleetPlan> PlanAsync(FleetInput input, CancellationToken cancellation)
    {
        using var phase = ReconcilePhase.Begin("plan");
        var plan = FleetPlanner.Plan(input);
        return FreshLook.Lowers(input, plan) ? FleetPlanner.Plan(await fresh.TakeAsync(input, cancellation)) : plan;
    }

    /// <summary>Tells gateways what the marks on their pods mean. Returns when it has to be told again.</summary>
    private TimeSpan? Direct(FleetObservation observed, FleetPlan plan)
    {
        if (observed.View is not { } view)
        {
            return null;
        }

        var fleet = observed.Key.ToString();
        foreach (var gone in view.Departed.Where(gone => !observed.Seen.Pods.Any(pod => pod.Metadata.Name == gone.Name)))
        {
            hub.Forget(fleet, gone.Name);
        }

        return directives.Send(fleet, plan.Orders, view);
    }

    private async Task<(ApplyReport Report, StatusInput Status)> ApplyAsync(
        FleetObservation observed,
        FleetPlan? plan,
        CancellationToken cancellation
    )
    {
        using var phase = ReconcilePhase.Begin("apply");
        if (plan is null)
        {
            return (
                ApplyReport.Nothing,
                observed.StatusAfter(
                    null,
                    new Dictionary<string, IReadOnlyList<Contracts.Stream.EndpointInfo>>(),
                    ApplyReport.Nothing,
                    observed.View
                )
            );
        }

        // Gateways first: a change of config is in force there before the API server has answered.
        var endpoints = WorkloadDrains.Mark(gatherer.Endpoints(observed.Key, plan), plan);
        var refused = publisher.Publish(observed.Key, plan, endpoints);
        var (unmarked, raced) = await marks.WriteAsync(
            observed.Key.Namespace,
            [.. plan.Marks, .. plan.WorkloadMarks],
            mark => Tell(observed, plan, mark),
            cancellation
        );
        var report = await applier.ApplyAsync(observed.Fleet, plan, cancellation);
        var (unscaled, outrun) = report.WasCutShort ? (null, false) : await scaler.ScaleAsync(observed.Fleet, plan, cancellation);
        ApplyProblem?[] others = [refused, unscaled];
        report = report with
        {
            Problems = [.. unmarked, .. report.Problems, .. others.OfType<ApplyProblem>()],
            Raced = report.Raced || raced || outrun,
        };
        // Gateways have mostly taken the config while the API server took the rest: one status instead of two.
        var view = observed.View is null ? null : hub.View(observed.Key.ToString());
        return (report, observed.StatusAfter(plan, endpoints, report, view));
    }

    private async Task<ReconciliationResult<ConnectionFleet>> ConcludeAsync(
        FleetObservation observed,
        Entities.Status.FleetStatus status,
        ApplyReport report,
        FleetPlan? plan,
        CancellationToken cancellation
    )
    {
        if (troubles.IsPassing(observed.Key, report))
        {
            return Refused(observed, report);
        }

        using var phase = ReconcilePhase.Begin("status");
        var again = await statuses.WriteAsync(observed.Fleet, status, cancellation);
        events.Report(observed.Fleet, status, report);
        events.ReportUnrestored(observed.Fleet, plan?.Tuning.Unrestored ?? []);
        metrics.Note(observed.Key, status, report);
        hub.SetAtRest(observed.Key.ToString(), report.Problems.Count == 0 && AtRest.Is(status));
        SequenceMetrics.Decided(observed.Fleet.Status?.Scaling, status.Scaling);
        if (report.Problems.Count > 0)
        {
            // What the API server refused now it may take later: a quota that was raised, a role that was granted.
            return Refused(observed, report);
        }

        return ReconciliationResult<ConnectionFleet>.Success(
            observed.Fleet,
            Earlier(
                report.Raced ? StatusWriter.AfterConflict : null,
                Earlier(RolloutProgress.UntilOverdue(observed.Fleet, status, observed.Now), Earlier(again, plan?.RequeueAfter))
            )
        );
    }

    /// <summary>At once, whatever becomes of the rest of the pass: no later one finds it changed.</summary>
    private void Tell(FleetObservation observed, FleetPlan plan, MarkChange mark)
    {
        var isGateway = plan.Marks.Contains(mark);
        events.Report(observed.Fleet, mark, isGateway ? "Gateway" : "Backend");
        if (isGateway)
        {
            SequenceMetrics.Marked(mark, observed.Now);
        }
    }

    private static ReconciliationResult<ConnectionFleet> Refused(FleetObservation observed, ApplyReport report) =>
        ReconciliationResult<ConnectionFleet>.Failure(observed.Fleet, string.Join("; ", report.Problems), requeueAfter: report.RetryAfter);

    private static TimeSpan? Earlier(TimeSpan? one, TimeSpan? other) => one is null || other < one ? other ?? one : one;
}
