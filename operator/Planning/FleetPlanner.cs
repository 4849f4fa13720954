using Mooring.Contracts;
using Mooring.Kubernetes.Models;
using Mooring.Operator.Entities;
using Mooring.Operator.Planning.Tuning;

namespace Mooring.Operator.Planning;

/// <summary>Decides what a fleet consists of. Pure: no client, no clock, no randomness; equal inputs give equal plans.</summary>
public static class FleetPlanner
{
    /// <summary>Plans a fleet that <see cref="Validation.FleetValidator"/> finds good; on any other the result is unspecified.</summary>
    public static FleetPlan Plan(FleetInput input)
    {
        var onHost = input.Platform == FleetPlatform.Host;
        var fleet = input.Fleet;
        var config = GatewayConfigRenderer.Render(input);
        var tuning = NodeTuningPlan.Of(input);
        var revision = onHost ? null : GatewayRevision.Of(input, tuning.PodSysctls);
        var rollout = GatewayRollout.Decide(input, revision?.Name);
        var scaling = FleetScaling.Decide(input);
        var orders = FleetOrders.Decide(input, rollout.Step.Phase);
        return new FleetPlan
        {
            Objects = revision is null ? [] : Render(input, config, revision, rollout.Replicas, tuning),
            Retiring = rollout.Retiring,
            Marks = fleet.Spec.Paused ? [] : rollout.Step.Marks,
            Orders = orders.Orders,
            SkewPercent = orders.SkewPercent,
            Paused = fleet.Spec.Paused,
            Config = config,
            ConfigHash = ContractsJson.Hash(config),
            Revision = revision?.Name ?? "",
            GatewayDeployment = revision is null ? "" : ResourceNames.GatewayDeployment(fleet.Metadata.Name!, revision.Name),
            GatewayImage = GatewayImages.InForce(input),
            DefaultGatewayImage = GatewayImages.Default(input),
            GatewayReplicas = fleet.Spec.Gateway.Replicas,
            Rollout = rollout.Step.Phase,
            EndpointSources = onHost ? [] : EndpointSources(fleet),
            Workloads = Workloads(fleet, onHost),
            Tuning = tuning,
            Scaling = scaling,
            RequeueAfter = Earlier(rollout.Step.After, scaling?.After),
        };
    }

    private static TimeSpan? Earlier(TimeSpan? one, TimeSpan? other) => one is null || other < one ? other ?? one : one;

    // What others refer to comes first: a pod whose ConfigMap is missing waits a minute for it.
    private static IReadOnlyList<IKubernetesObject> Render(
        FleetInput input,
        Contracts.Configuration.GatewayConfig config,
        GatewayRevision revision,
        int replicas,
        NodeTuningPlan tuning
    )
    {
        var workloads = input.Fleet.Spec.Backends.Where(backend => backend.Workload is not null).ToList();
        return
        [
            ServiceAccountRenderer.Render(input.Fleet),
            ConfigMapRenderer.Render(input, config),
            GatewayServiceRenderer.Render(input.Fleet, config),
            PodDisruptionBudgetRenderer.Render(input.Fleet),
            .. NetworkPolicyRenderer.Render(input.Fleet, config, tuning),
            .. MetricsRenderer.Render(input),
            .. workloads.Select(backend => BackendServiceRenderer.Render(input.Fleet, backend)),
            .. workloads.Select(backend => BackendDeploymentRenderer.Render(input.Fleet, backend)),
            .. tuning.HasTuners && input.Stream is { } stream
                ? new IKubernetesObject[] { TunerRenderer.RenderAccount(input.Fleet), TunerRenderer.Render(input, stream) }
                : [],
            .. tuning.Trial.Count > 0 ? [SysctlTrialRenderer.Render(input, tuning.Trial)] : Array.Empty<IKubernetesObject>(),
            GatewayDeploymentRenderer.Render(input.Fleet, revision, replicas),
            .. input.Fleet.Spec.Scaling is { Driver: ScalingDrivers.HorizontalPodAutoscaler } scaling
                ? [HorizontalPodAutoscalerRenderer.Render(input.Fleet, scaling)]
                : Array.Empty<IKubernetesObject>(),
        ];
    }

    private static List<EndpointSourcePlan> EndpointSources(ConnectionFleet fleet)
    {
        var sources = new List<EndpointSourcePlan>();
        foreach (var backend in fleet.Spec.Backends)
        {
            var protocol = BackendTransport.Of(fleet.Spec, backend.Name).Tcp ? "TCP" : "UDP";
            if (backend.ServiceRef is { } service)
            {
                sources.Add(new EndpointSourcePlan(backend.Name, service.Name, service.Port, protocol));
            }
            else if (backend.Workload is { } workload)
            {
                sources.Add(
                    new EndpointSourcePlan(backend.Name, ResourceNames.Backend(fleet.Metadata.Name!, backend.Name), workload.Port, protocol)
                );
            }
        }

        return sources;
    }

    private static List<WorkloadPlan> Workloads(ConnectionFleet fleet, bool onHost) =>
        fleet
            .Spec.Backends.Where(backend => backend.Workload is not null)
            .Select(backend => new WorkloadPlan
            {
                Backend = backend.Name,
                Deployment = onHost ? "" : ResourceNames.Backend(fleet.Metadata.Name!, backend.Name),
                Image = backend.Workload!.Image,
                Command = backend.Workload.Command,
                Env = backend.Workload.Env.Select(variable => KeyValuePair.Create(variable.Name, variable.Value)).ToList(),
                Port = backend.Workload.Port,
                Replicas = backend.Workload.Replicas,
                UdpOnly = !BackendTransport.Of(fleet.Spec, backend.Name).Tcp,
            })
            .ToList();
}
