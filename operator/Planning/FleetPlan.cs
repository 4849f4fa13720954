using Mooring.Contracts.Configuration;
using Mooring.Kubernetes.Models;
using Mooring.Operator.Planning.Tuning;
using Mooring.Operator.Scaling;
using Mooring.Operator.Scaling.Autoscaling;

namespace Mooring.Operator.Planning;

/// <summary>What a fleet is to consist of.</summary>
public sealed record FleetPlan
{
    /// <summary>
    /// Objects to apply, in this order. What else carries the fleet's labels (<see cref="ResourceLabels.Selector"/>) and is neither in <see cref="Retiring"/>
    /// nor in <see cref="Kept"/> is to be deleted.
    /// </summary>
    public required IReadOnlyList<IKubernetesObject> Objects { get; init; }

    /// <summary>Gateway Deployments of older revisions that are still needed: only their replicas are to be set, through the scale subresource.</summary>
    public required IReadOnlyList<RetiringDeployment> Retiring { get; init; }

    /// <summary>Objects to leave as they are: of workloads that are no longer in the spec, and drain.</summary>
    public IReadOnlyList<(string Kind, string Name)> Kept { get; init; } = [];

    /// <summary>The spec says paused: nothing is to be applied, scaled or deleted.</summary>
    public required bool Paused { get; init; }

    /// <summary>What the gateways are to do.</summary>
    public required GatewayConfig Config { get; init; }

    /// <summary><see cref="Contracts.ContractsJson.Hash(GatewayConfig)"/> of <see cref="Config"/>.</summary>
    public required string ConfigHash { get; init; }

    /// <summary>Gateways that are not told <see cref="Config"/>: their pods do not mount a Secret that it names. They keep the config that they have.</summary>
    public IReadOnlyList<string> Withheld { get; init; } = [];

    /// <summary>Revision of the gateways' pod template; empty in host mode.</summary>
    public required string Revision { get; init; }

    /// <summary>Name of the Deployment of <see cref="Revision"/>; empty in host mode.</summary>
    public required string GatewayDeployment { get; init; }

    /// <summary>Image of the gateways.</summary>
    public required string GatewayImage { get; init; }

    /// <summary>Image of the gateways while the spec names none.</summary>
    public required string DefaultGatewayImage { get; init; }

    /// <summary>Gateways wanted, surge not counted.</summary>
    public required int GatewayReplicas { get; init; }

    /// <summary>Where the sequence to <see cref="Revision"/> and <see cref="GatewayReplicas"/> stands.</summary>
    public required SequencePhase Rollout { get; init; }

    /// <summary>Marks to write on gateways' pods, or to take from them, before anything is lowered.</summary>
    public IReadOnlyList<MarkChange> Marks { get; init; } = [];

    /// <summary>What connected gateways are to be told, by the marks that are written.</summary>
    public IReadOnlyList<GatewayOrder> Orders { get; init; } = [];

    /// <summary>Marks to write on workloads' pods, or to take from them, before any of their Deployments is lowered.</summary>
    public IReadOnlyList<MarkChange> WorkloadMarks { get; init; } = [];

    /// <summary>WebSockets per second that each gateway is to send away from draining endpoints.</summary>
    public double EndpointClosesPerSecond { get; init; }

    /// <summary>How far the fullest gateway is above its share of the connections, in percent of that share.</summary>
    public int SkewPercent { get; init; }

    /// <summary>The backends whose endpoints the operator pushes, by name of the backend.</summary>
    public required IReadOnlyList<EndpointSourcePlan> EndpointSources { get; init; }

    /// <summary>The backends that the fleet runs itself; those that only drain, none of which is wanted, after the others.</summary>
    public required IReadOnlyList<WorkloadPlan> Workloads { get; init; }

    /// <summary>What the fleet wants of the kernel.</summary>
    public required NodeTuningPlan Tuning { get; init; }

    /// <summary>How many gateways the load wants; null where nobody is to scale the fleet.</summary>
    public ScalingDecision? Scaling { get; init; }

    /// <summary>When to plan again though nothing was seen to change; null: only when something changes.</summary>
    public TimeSpan? RequeueAfter { get; init; }
}

/// <summary>A gateway Deployment of an older revision.</summary>
/// <param name="Name">Of the Deployment.</param>
/// <param name="Replicas">How many it is to have.</param>
/// <param name="Version">The resource version that this was thought from; null: not known.</param>
public sealed record RetiringDeployment(string Name, int Replicas, string? Version);

/// <summary>The Service whose EndpointSlices hold a backend's endpoints.</summary>
/// <param name="Backend">Name of the backend.</param>
/// <param name="Service">Name of the Service, in the fleet's namespace.</param>
/// <param name="ServicePort">Port of the Service; null: whichever, since all of them lead to one number of each pod, as a workload's do.</param>
/// <param name="Protocol">TCP or UDP: the port's.</param>
public sealed record EndpointSourcePlan(string Backend, string Service, int? ServicePort, string Protocol = "TCP");

/// <summary>A backend that the fleet runs itself.</summary>
public sealed record WorkloadPlan
{
    /// <summary>Name of the backend.</summary>
    public required string Backend { get; init; }

    /// <summary>Name of the Deployment; empty in host mode.</summary>
    public required string Deployment { get; init; }

    public required string Image { get; init; }

    /// <summary>Program and arguments; empty: the image's own.</summary>
    public required IReadOnlyList<string> Command { get; init; }

    /// <summary>Besides PORT, which the one who runs it sets.</summary>
    public required IReadOnlyList<KeyValuePair<string, string>> Env { get; init; }

    /// <summary>Port in a pod; in host mode each process gets a free one.</summary>
    public required int Port { get; init; }

    /// <summary>How many are wanted, those that drain not counted.</summary>
    public required int Replicas { get; init; }

    /// <summary>Connections that one is to carry; null: not said.</summary>
    public int? MaxConnections { get; init; }

    /// <summary>Why as many; null where the spec alone says how many.</summary>
    public ScalingDecision? Scaling { get; init; }

    /// <summary>Pods that are being emptied: gateways give them no new connection.</summary>
    public IReadOnlySet<string> Draining { get; init; } = new HashSet<string>();

    /// <summary>Time for the connections of one that drains.</summary>
    public required TimeSpan DrainDeadline { get; init; }

    /// <summary>Only datagrams go there: that it accepts connections cannot be asked for.</summary>
    public bool UdpOnly { get; init; }
}
