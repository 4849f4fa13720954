using Mooring.Contracts.Stream;
using Mooring.Kubernetes.Models;
using Mooring.Operator.AdminApi;
using Mooring.Operator.Gateways;
using Mooring.Operator.Scaling;

namespace Mooring.Operator.Host;

/// <summary>Acts on this machine's fleets, on the supervisor's loop; what the manifest says stays as it is written. For any thread.</summary>
internal sealed class HostAdministration(HostContext host, Supervisor supervisor) : IFleetAdministration
{
    /// <inheritdoc/>
    public string Mode => "host";

    /// <inheritdoc/>
    public string? Unavailable => null;

    /// <inheritdoc/>
    public IReadOnlyList<AdminFleet> Fleets() => supervisor.Fleets;

    /// <inheritdoc/>
    public AdminFleet? Find(ObjectKey fleet) =>
        supervisor.Fleets.FirstOrDefault(one => one.Namespace == fleet.Namespace && one.Name == fleet.Name);

    /// <inheritdoc/>
    public Task<IReadOnlyList<GatewayAnswer>> AskAsync(AdminFleet fleet, QuestionKind about, CancellationToken cancellation) =>
        host.Hub.AskAsync($"{fleet.Namespace}/{fleet.Name}", about, GatewayHub.AnswerLimit, cancellation);

    /// <inheritdoc/>
    public Task<AdminOutcome<ScaleAnswer>> ScaleAsync(AdminFleet fleet, int change, string caller, CancellationToken cancellation) =>
        DoAsync<ScaleAnswer>(
            fleet,
            runtime =>
            {
                var spec = runtime.Entity.Spec;
                if (ScaleRules.Check(spec, spec.Gateway.Replicas, change) is { } problem)
                {
                    return problem;
                }

                var (before, after) = (spec.Gateway.Replicas, spec.Gateway.Replicas + change);
                if (!runtime.ScaleTo(after))
                {
                    supervisor.Override(runtime.Key, (overrides, manifest) => overrides.Scale(manifest, after));
                }

                host.Say($"{runtime.Key}: {after} gateways instead of {before}, asked for by {caller}");
                return new ScaleAnswer(before, after, ScaleRules.Note(spec));
            },
            cancellation
        );

    /// <inheritdoc/>
    public Task<AdminOutcome<PauseAnswer>> PauseAsync(
        AdminFleet fleet,
        PauseScope scope,
        bool paused,
        string caller,
        CancellationToken cancellation
    ) =>
        DoAsync<PauseAnswer>(
            fleet,
            runtime =>
            {
                if (scope == PauseScope.Scaling && runtime.Entity.Spec.Scaling is null)
                {
                    return Problem.Unprocessable("spec.scaling", "the fleet has none, so there is nothing to pause");
                }

                supervisor.Override(
                    runtime.Key,
                    (overrides, manifest) =>
                    {
                        if (scope == PauseScope.Fleet)
                        {
                            overrides.Pause(manifest, paused);
                        }
                        else
                        {
                            overrides.PauseScaling(manifest, paused);
                        }
                    }
                );
                host.Say(
                    $"{runtime.Key}: {(scope == PauseScope.Fleet ? "" : "scaling ")}{(paused ? "paused" : "resumed")}, asked for by {caller}"
                );
                return (fleet with { Entity = runtime.Entity }).Pauses;
            },
            cancellation
        );

    /// <inheritdoc/>
    public Task<AdminOutcome<HoldAnswer>> HoldAsync(
        AdminFleet fleet,
        string gateway,
        GatewayHold? hold,
        string caller,
        CancellationToken cancellation
    ) =>
        DoAsync<HoldAnswer>(
            fleet,
            runtime =>
            {
                if (runtime.Gateways.Slots.FirstOrDefault(slot => slot.Name == gateway) is not { } slot)
                {
                    return Problem.NotFound($"the fleet {runtime.Key} has no gateway {gateway}");
                }

                if (slot.Phase is SlotPhase.Stopping or SlotPhase.Gone)
                {
                    return Problem.Conflict($"{gateway} is ending");
                }

                if (HoldRules.Check(runtime.Entity.Spec, gateway, slot.Mark, hold) is { } problem)
                {
                    return problem;
                }

                slot.Hold = hold;
                host.Say($"{runtime.Key}: {HoldAnnotation.Write(hold) ?? "uncordon"} of {gateway}, asked for by {caller}");
                return HoldRules.Answer(fleet, gateway, hold);
            },
            cancellation
        );

    private Task<AdminOutcome<T>> DoAsync<T>(AdminFleet fleet, Func<FleetRuntime, AdminOutcome<T>> action, CancellationToken cancellation)
        where T : class
    {
        var answer = new TaskCompletionSource<AdminOutcome<T>>(TaskCreationOptions.RunContinuationsAsynchronously);
        host.Post(() =>
        {
            try
            {
                answer.SetResult(
                    supervisor.Find($"{fleet.Namespace}/{fleet.Name}") switch
                    {
                        null => Problem.NotFound($"there is no fleet {fleet.Namespace}/{fleet.Name}"),
                        { IsStopping: true } => Problem.Conflict($"the fleet {fleet.Namespace}/{fleet.Name} is being ended"),
                        var runtime => action(runtime),
                    }
                );
            }
            catch (Exception error) when (error is IOException or InvalidOperationException)
            {
                answer.SetResult(Problem.Conflict(error.Message));
            }
            catch (Exception error) when (error is not OutOfMemoryException)
            {
                // A defect: whoever asked is told, and the fleets on the same loop go on.
                answer.SetException(error);
            }
        });
        return answer.Task.WaitAsync(cancellation);
    }
}
