using Mooring.Kubernetes.Models;
using Mooring.Operator.Entities;
using Mooring.Operator.Gateways;
using Mooring.Operator.Planning.Tuning;
using Mooring.Operator.Planning.Workloads;

namespace Mooring.Operator.Planning;

/// <summary>Everything that a plan follows from. Equal inputs, equal plan.</summary>
public sealed record FleetInput
{
    /// <summary>The fleet, found good by <see cref="Validation.FleetValidator"/>.</summary>
    public required ConnectionFleet Fleet { get; init; }

    /// <summary>Where it runs.</summary>
    public FleetPlatform Platform { get; init; } = FleetPlatform.Kubernetes;

    /// <summary>Where the gateways find Secrets.</summary>
    public SecretPaths Secrets { get; init; } = SecretPaths.Mounted;

    /// <summary>What keys that gateways share are made of, where the fleet has no uid; null: its uid.</summary>
    public string? CookieSeed { get; init; }

    /// <summary>Image of gateways whose fleet names none: the one that came with the operator.</summary>
    public string DefaultGatewayImage { get; init; } = "mooring/gateway:dev";

    /// <summary>The cluster has the Prometheus operator's ServiceMonitors.</summary>
    public bool HasServiceMonitors { get; init; }

    /// <summary>Where the gateways find the operator; null leaves the stream out, and gateways live on their ConfigMap alone.</summary>
    public StreamEndpoint? Stream { get; init; }

    /// <summary>The fleet's Deployments as last seen, those of gateways and of backends.</summary>
    public IReadOnlyList<Deployment> Deployments { get; init; } = [];

    /// <summary>The tuners of the nodes; null: the fleet has no DaemonSet of them.</summary>
    public TunerObservation? Tuner { get; init; }

    /// <summary>Pods that try unsafe kernel settings.</summary>
    public IReadOnlyList<Pod> SysctlTrials { get; init; } = [];

    /// <summary>The fleet's pods as last seen.</summary>
    public IReadOnlyList<Pod> Pods { get; init; } = [];

    /// <summary>Processes of the gateways in host mode; in a cluster they are in <see cref="Pods"/>.</summary>
    public IReadOnlyList<GatewayProcess> Gateways { get; init; } = [];

    /// <summary>Processes of the workloads in host mode, by backend; in a cluster they are in <see cref="Pods"/>.</summary>
    public IReadOnlyDictionary<string, IReadOnlyList<WorkloadMember>> Workloads { get; init; } =
        new Dictionary<string, IReadOnlyList<WorkloadMember>>();

    /// <summary>What the gateways say of themselves; null where there is no stream.</summary>
    public FleetView? View { get; init; }

    /// <summary>The fleet's HorizontalPodAutoscaler as last seen; null without one.</summary>
    public HorizontalPodAutoscaler? Autoscaler { get; init; }

    /// <summary>The time.</summary>
    public DateTimeOffset Now { get; init; }

    /// <summary>Since when this operator serves the stream: a gateway that has not come since then is away.</summary>
    public DateTimeOffset ListeningSince { get; init; }
}

public enum FleetPlatform
{
    Kubernetes,

    /// <summary>Processes of this machine; the plan then has no objects.</summary>
    Host,
}

/// <summary>The operator's end of the stream with the gateways.</summary>
/// <param name="Url">Such as <c>wss://mooring-stream.mooring-system.svc:8443/stream/v1</c>.</param>
/// <param name="CaBundle">PEM certificates that the operator's own is checked against.</param>
public sealed record StreamEndpoint(string Url, string CaBundle);
