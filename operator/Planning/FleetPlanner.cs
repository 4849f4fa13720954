using Mooring.Contracts;
using Mooring.Kubernetes.Models;
using Mooring.Operator.Entities;
using Mooring.Operator.Planning.Tuning;
using Mooring.Operator.Planning.Workloads;
using Mooring.Operator.Scaling.Autoscaling;

namespace Mooring.Operator.Planning;

/// <summary>Decides what a fleet consists of. Pure: no client, no clock, no randomness; equal inputs give equal plans.</summary>
public static class FleetPlanner
{
    /// <summary>Plans a fleet that <see cref="Validation.FleetValidator"/> finds good; on any other the result is unspecified.</summary>
    public static FleetPlan Plan(FleetInput input)
    {
        var onHost = input.Platform == FleetPlatform.Host;
        var fleet = input.Fleet;
        var leaving = LeavingWorkload.Of(input);
        var config = GatewayConfigRenderer.Render(input, leaving);
        var tuning = NodeTuningPlan.Of(input);
        var revision = onHost ? null : GatewayRevision.Of(input, tuning.PodSysctls);
        var rollout = GatewayRollout.Decide(input, revision?.Name);
        var scaling = FleetScaling.Decide(input);
        var workloads = fleet
            .Spec.Backends.Where(static backend => backend.Workload is not null)
            .Select(backend => WorkloadStep.Decide(input, backend))
            .ToList();
        var emptying =
            workloads.Exists(static step => step.Sequence.Emptying.Count > 0) || leaving.Any(static workload => workload.IsEmptying);
        var orders = FleetOrders.Decide(input, rollout.Step.Phase, emptying);
        return new FleetPlan
        {
            Objects = revision is null ? [] : Render(input, config, revision, rollout.Replicas, tuning, workloads, scaling),
            Retiring = rollout.Retiring,
            Kept = [.. leaving.SelectMany(workload => workload.Objects(fleet))],
            Marks = fleet.Spec.Paused ? [] : rollout.Step.Marks,
            WorkloadMarks = fleet.Spec.Paused
                ? []
                : [.. workloads.SelectMany(static step => step.Sequence.Marks), .. leaving.SelectMany(static workload => workload.Marks)],
            EndpointClosesPerSecond = WorkloadDrains.Pace(input, emptying),
            Orders = orders.Orders,
            SkewPercent = orders.SkewPercent,
            Paused = fleet.Spec.Paused,
            Config = config,
            ConfigHash = ContractsJson.Hash(config),
            Withheld = MissingSecrets.Gateways(input),
            Revision = revision?.Name ?? "",
            GatewayDeployment = revision is null ? "" : ResourceNames.GatewayDeployment(fleet.Metadata.Name!, revision.Name),
            GatewayImage = GatewayImages.InForce(input),
            DefaultGatewayImage = GatewayImages.Default(input),
            GatewayReplicas = fleet.Spec.Gateway.Replicas,
            Rollout = rollout.Step.Phase,
            EndpointSources = onHost ? [] : [.. EndpointSources(fleet), .. leaving.Select(workload => workload.Source(fleet))],
            Workloads = [.. workloads.Select(step => Workload(fleet, step, onHost)), .. leaving.Select(workload => workload.Plan(fleet))],
            Tuning = tuning,
            Scaling = scaling,
            RequeueAfter = workloads
                .SelectMany(static step => new[] { step.Sequence.After, step.Scaling?.After })
                .Concat(leaving.Select(static workload => workload.After))
                .Aggregate(Earlier(tuning.After, Earlier(rollout.Step.After, scaling?.After)), Earlier),
        };
    }

    private static TimeSpan? Earlier(TimeSpan? one, TimeSpan? other) => one is null || other < one ? other ?? one : one;

    // What others refer to comes first: a pod whose ConfigMap is missing waits a minute for it.
    private static IReadOnlyList<IKubernetesObject> Render(
        FleetInput input,
        Contracts.Configuration.GatewayConfig config,
        GatewayRevision revision,
        int replicas,
        NodeTuningPlan tuning,
        List<WorkloadStep> workloads,
        ScalingDecision? decision
    )
    {
        return
        [
            ServiceAccountRenderer.Render(input.Fleet),
            ConfigMapRenderer.Render(input, config),
            GatewayServiceRenderer.Render(input.Fleet, config),
            PodDisruptionBudgetRenderer.Render(input.Fleet),
            .. NetworkPolicyRenderer.Render(input.Fleet, config, tuning),
            .. MetricsRenderer.Render(input),
            .. workloads.Select(step => BackendServiceRenderer.Render(input.Fleet, step.Backend)),
            .. workloads.Select(step => BackendDeploymentRenderer.Render(input.Fleet, step.Backend, step.Sequence.Replicas)),
            .. tuning.HasTuners && input.Stream is { } stream
                ? new IKubernetesObject[]
                {
                    TunerRenderer.RenderAccount(input.Fleet),
                    TunerRenderer.Render(input, stream, tuning.RestoringSince),
                }
                : [],
            .. tuning.Trial.Count > 0 ? [SysctlTrialRenderer.Render(input, tuning.Trial)] : Array.Empty<IKubernetesObject>(),
            GatewayDeploymentRenderer.Render(input.Fleet, revision, replicas),
            // It has no pause of its own, and would hold the number within its bounds.
            .. input.Fleet.Spec.Scaling is { Driver: ScalingDrivers.HorizontalPodAutoscaler, Paused: false } scaling
                ? [HorizontalPodAutoscalerRenderer.Render(input.Fleet, scaling, input.Autoscaler, decision?.Recommended)]
                : Array.Empty<IKubernetesObject>(),
        ];
    }

    private static List<EndpointSourcePlan> EndpointSources(ConnectionFleet fleet)
    {
        var sources = new List<EndpointSourcePlan>();
        foreach (var backend in fleet.Spec.Backends)
        {
            if (backend.ServiceRef is { } service)
            {
                var protocol = BackendTransport.Of(fleet.Spec, backend.Name).Tcp ? "TCP" : "UDP";
                sources.Add(new EndpointSourcePlan(backend.Name, service.Name, service.Port, protocol));
            }
            else if (backend.Workload is not null)
            {
                sources.Add(new EndpointSourcePlan(backend.Name, ResourceNames.Backend(fleet.Metadata.Name!, backend.Name), null));
            }
        }

        return sources;
    }

    private static WorkloadPlan Workload(ConnectionFleet fleet, WorkloadStep step, bool onHost)
    {
        var (backend, workload) = (step.Backend, step.Backend.Workload!);
        return new WorkloadPlan
        {
            Backend = backend.Name,
            Deployment = onHost ? "" : ResourceNames.Backend(fleet.Metadata.Name!, backend.Name),
            Image = workload.Image,
            Command = workload.Command,
            Env = workload.Env.Select(variable => KeyValuePair.Create(variable.Name, variable.Value)).ToList(),
            Port = workload.Port,
            Replicas = step.Wanted,
            MaxConnections = workload.MaxConnections,
            Scaling = step.Scaling,
            Draining = step.Sequence.Draining,
            DrainDeadline = WorkloadSequence.Deadline(fleet, backend),
            UdpOnly = !BackendTransport.Of(fleet.Spec, backend.Name).Tcp,
        };
    }

    /// <summary>How many of a workload are wanted, and the next step to that.</summary>
    private sealed record WorkloadStep(BackendSpec Backend, int Wanted, ScalingDecision? Scaling, WorkloadSequence Sequence)
    {
        public static WorkloadStep Decide(FleetInput input, BackendSpec backend)
        {
            var scaling = WorkloadScaling.Decide(input, backend);
            var wanted = scaling?.Recommended ?? backend.Workload!.Replicas;
            return new WorkloadStep(backend, wanted, scaling, WorkloadSequence.Decide(input, backend, wanted));
        }
    }
}
