using Mooring.Kubernetes.Models;
using Mooring.Operator.Entities.Attributes;

namespace Mooring.Operator.Entities.Status;

[Description("What a fleet is, as the operator last saw it.")]
public sealed record FleetStatus
{
    [Description("Generation of the spec that this status is about.")]
    public long? ObservedGeneration { get; set; }

    [Description("Serving gateways: none that is surplus or draining. The scale subresource reads it.")]
    public int? Replicas { get; set; }

    [Description("Label selector of the gateways' pods, which autoscalers read.")]
    [Length(0, 1024)]
    public string? Selector { get; set; }

    [Description(
        "State in one word, for people: Pending, Progressing, Ready, Degraded, Paused, Invalid or Deleting. Conditions are the contract."
    )]
    [Length(0, 63)]
    public string? Phase { get; set; }

    [Description("The gateways.")]
    public GatewaysStatus? Gateways { get; set; }

    [Description("The backends' endpoints.")]
    public BackendsStatus? Backends { get; set; }

    [Description("Client connections.")]
    public ConnectionsStatus? Connections { get; set; }

    [Description("What clients send and get. Written anew when it has changed by a fifth.")]
    public BandwidthStatus? Bandwidth { get; set; }

    [Description("Reverse tunnels, where the fleet has a Tunnel listener.")]
    public TunnelsStatus? Tunnels { get; set; }

    [Description("The change of the gateways' pod template.")]
    public RolloutStatus? Rollout { get; set; }

    [Description("Kernel settings of the nodes, where the fleet wants any.")]
    public TuningStatus? Tuning { get; set; }

    [Description("How many gateways the load wants, where there is a driver to scale them.")]
    public ScalingStatus? Scaling { get; set; }

    [Description("The backends that the fleet runs itself.")]
    [Items(0, 64), ListMapKey("name")]
    public IReadOnlyList<WorkloadStatus>? Workloads { get; set; }

    [Description("The gateways' config.")]
    public ConfigStatus? Config { get; set; }

    [Description(
        "Ready, Progressing, Degraded, LimitsSufficient and, where they concern the fleet, RegistryConnected, ScalingActive, WorkloadScalingActive and NodesTuned."
    )]
    [Items(0, 16), ListMapKey("type")]
    public IReadOnlyList<Condition>? Conditions { get; set; }
}

[Description("The gateways of a fleet.")]
public sealed record GatewaysStatus
{
    [Description("How many are wanted.")]
    public int Desired { get; set; }

    [Description("How many are ready.")]
    public int Ready { get; set; }

    [Description("How many are being emptied.")]
    public int Draining { get; set; }

    [Description("Ready of wanted, such as 2/2.")]
    [Length(0, 63)]
    public string? Summary { get; set; }

    [Description("Image that they run.")]
    [Length(0, 512)]
    public string? Image { get; set; }

    [Description("Image that they run while the spec names none.")]
    [Length(0, 512)]
    public string? DefaultImage { get; set; }
}

[Description("The backends' endpoints.")]
public sealed record BackendsStatus
{
    [Description("How many are wanted, or (outside the fleet) known.")]
    public int Desired { get; set; }

    [Description("How many are ready.")]
    public int Ready { get; set; }

    [Description("Ready of wanted, such as 4/4.")]
    [Length(0, 63)]
    public string? Summary { get; set; }
}

[Description("Client connections of all gateways.")]
public sealed record ConnectionsStatus
{
    [Description("Open now.")]
    public int Current { get; set; }

    [Description("What the serving gateways take.")]
    public int Capacity { get; set; }

    [Description("Capacity that is free.")]
    public int Available { get; set; }

    [Description("Open in percent of the capacity.")]
    public int UtilizationPercent { get; set; }

    [Description("How far the fullest gateway is above its share of the connections, in percent of that share.")]
    public int SkewPercent { get; set; }
}

[Description("The change of the gateways' pod template.")]
public sealed record RolloutStatus
{
    [Description("Revision that is wanted.")]
    [Length(0, 63)]
    public string? Revision { get; set; }

    [Description(
        "Complete, Surging (gateways of the revision are starting), Draining (older ones are being emptied) or ScalingIn (surplus ones are being emptied)."
    )]
    [Length(0, 63)]
    public string? Phase { get; set; }

    [Description("Gateways of the revision that serve.")]
    public int Updated { get; set; }

    [Description("Gateways of older revisions that are still there.")]
    public int Outdated { get; set; }

    [Description("Gateways that are being emptied.")]
    public int Draining { get; set; }

    [Description("Connections that are left on gateways that are being emptied.")]
    public int Remaining { get; set; }

    [Description("When the last of those drains closes what is left.")]
    [Length(0, 63)]
    public string? Deadline { get; set; }

    [Description(
        "While gateways of the revision are missing: when one came, went or was asked for last. Older than gateway.rollout.progressDeadline, the fleet is degraded."
    )]
    [Length(0, 63)]
    public string? LastProgressTime { get; set; }
}

[Description("The gateways' config.")]
public sealed record ConfigStatus
{
    [Description("Hash of the config that is wanted.")]
    [Length(0, 63)]
    public string? Hash { get; set; }

    [Description("Gateways that have it in force, of those connected or ready, such as 2/2.")]
    [Length(0, 63)]
    public string? Acked { get; set; }
}
