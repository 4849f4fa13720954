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
    // What is refused may itself be what is due, again and again.
    private static readonly TimeSpan SoonestWhenRefused = TimeSpan.FromSeconds(2);

    /// <inheritdoc/>
    public async Task<ReconciliationResult<ConnectionFleet>> ReconcileAsync(ConnectionFleet entity, CancellationToken cancellationToken)
    {
        Activity
            .Current?.SetTag("mooring.fleet.namespace", entity.Metadata.Namespace)
            .SetTag("mooring.fleet.name", entity.Metadata.Name)
            .SetTag("mooring.fleet.generation", entity.Metadata.Generation);
        var observed = Gather(entity);
        var (plan, blind) = observed.Input is null ? (null, null) : await PlanAsync(observed.Input, cancellationToken);
        var renewal = plan is null ? null : Direct(observed, plan);
        var outcome = await ApplyAsync(observed, plan, blind, cancellationToken);
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

    /// <summary>The plan; and, where it asks for fewer pods without a fresh look at them, why there was none: then nothing of it may be applied.</summary>
    private async Task<(FleetPlan Plan, ApplyProblem? Blind)> PlanAsync(FleetInput input, CancellationToken cancellation)
    {
        using var phase = ReconcilePhase.Begin("plan");
        var plan = FleetPlanner.Plan(input);
        if (!FreshLook.Lowers(input, plan))
        {
            return (plan, null);
        }

        var (seen, blind) = await fresh.TakeAsync(input, cancellation);
        return (seen is null ? plan : FleetPlanner.Plan(seen), blind);
    }

    /// <summary>Tells gateways what the marks on their pods mean. Returns when it has to be told again.</summary>
    private TimeSpan? Direct(FleetObservation observed, FleetPlan plan)
    {
        if (observed.View is not { } view)
        {
            return null;
        }

        var fleet = observed.Key.ToString();
        foreach (var gone in GatewayObserver.Gone(view, observed.Seen.Pods))
        {
            hub.Forget(fleet, gone);
        }

        return directives.Send(fleet, plan.Orders, view);
    }

    private async Task<(ApplyReport Report, StatusInput Status)> ApplyAsync(
        FleetObservation observed,
        FleetPlan? plan,
        ApplyProblem? blind,
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
        var report = blind is null ? await WriteAsync(observed, plan, cancellation) : new ApplyReport { Problems = [blind] };
        report = refused is null ? report : report with { Problems = [.. report.Problems, refused] };
        // Gateways have mostly taken the config while the API server took the rest: one status instead of two.
        var view = observed.View is null ? null : hub.View(observed.Key.ToString());
        return (report, observed.StatusAfter(plan, endpoints, report, view));
    }

    /// <summary>Marks, then objects, then the scale. What is refused of one does not keep the next from being written: no object goes by a mark that is not seen on its pod.</summary>
    private async Task<ApplyReport> WriteAsync(FleetObservation observed, FleetPlan plan, CancellationToken cancellation)
    {
        var (unmarked, raced) = await marks.WriteAsync(
            observed.Key.Namespace,
            [.. plan.Marks, .. plan.WorkloadMarks],
            mark => Tell(observed, plan, mark),
            cancellation
        );
        var report = await applier.ApplyAsync(observed.Fleet, plan, cancellation);
        var (unscaled, outrun) = report.WasCutShort ? (null, false) : await scaler.ScaleAsync(observed.Fleet, plan, cancellation);
        return report with
        {
            Problems = [.. unmarked, .. report.Problems, .. unscaled is null ? Array.Empty<ApplyProblem>() : [unscaled]],
            Raced = report.Raced || raced || outrun,
        };
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
            return Refused(observed, report, plan);
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
            return Refused(observed, report, plan);
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

    /// <summary>Tried again by the back-off, or as the API server asked. The fleet's own times go on meanwhile, unless the server itself is in the way: what is refused need not be what is due.</summary>
    private static ReconciliationResult<ConnectionFleet> Refused(FleetObservation observed, ApplyReport report, FleetPlan? plan) =>
        ReconciliationResult<ConnectionFleet>.Failure(
            observed.Fleet,
            string.Join("; ", report.Problems),
            requeueAfter: report.RetryAfter
        ) with
        {
            Due =
                report.RetryAfter is not null || report.WasCutShort || plan?.RequeueAfter is not { } due ? null
                : due > SoonestWhenRefused ? due
                : SoonestWhenRefused,
        };

    private static TimeSpan? Earlier(TimeSpan? one, TimeSpan? other) => one is null || other < one ? other ?? one : one;
}
