using Mooring.Kubernetes.Models;
using Mooring.Operator.Entities.Attributes;

namespace Mooring.Operator.Entities;

[Description("The gateways of a fleet.")]
public sealed record GatewaySpec
{
    [Description("How many gateways. Changed by kubectl scale and by autoscalers too.")]
    [RangeMinimum(0), RangeMaximum(1000)]
    public int Replicas { get; set; } = 2;

    [Description("Container image. Left out: the one that came with the operator.")]
    [Length(1, 512), Pattern(Patterns.Image, Patterns.ImageMeaning)]
    public string? Image { get; set; }

    [Description("CPU and memory of each gateway.")]
    public ResourcesSpec? Resources { get; set; }

    [Description("The Service that clients reach the gateways by.")]
    public GatewayServiceSpec Service { get; set; } = new();

    [Description("Where the gateways' pods go, and what else they carry.")]
    public PodTemplate? Template { get; set; }

    [Description("How many connections one gateway takes.")]
    public CapacitySpec? Capacity { get; set; }

    [Description("What a gateway does when its memory runs short. Left out: the defaults in pods with a limit of memory, else nothing.")]
    public OverloadSpec? Overload { get; set; }

    [Description("How a gateway lets go of its connections when it has to stop.")]
    public DrainSpec? Drain { get; set; }

    [Description("How gateways of a new pod template take the place of the older ones.")]
    public RolloutSpec? Rollout { get; set; }
}

[Description("The Service that clients reach the gateways by.")]
[ValidationRule(
    "!has(self.externalTrafficPolicy) || self.type != 'ClusterIP'",
    "externalTrafficPolicy needs type NodePort or LoadBalancer",
    FieldPath = ".externalTrafficPolicy"
)]
[ValidationRule(
    "!has(self.loadBalancerClass) || self.type == 'LoadBalancer'",
    "loadBalancerClass needs type LoadBalancer",
    FieldPath = ".loadBalancerClass"
)]
public sealed record GatewayServiceSpec
{
    [Description("ClusterIP: from inside the cluster. NodePort: by each node's address too. LoadBalancer: by one from the cloud too.")]
    [AllowedValues("ClusterIP", "NodePort", "LoadBalancer")]
    public string Type { get; set; } = "ClusterIP";

    [Description("Annotations of the Service, which load balancers read. At most 64.")]
    [Items(0, 64, MaxTextLength = 4096)]
    public IReadOnlyDictionary<string, string>? Annotations { get; set; }

    [Description("Local keeps the client's address and skips nodes without a gateway; Cluster spreads over all.")]
    [AllowedValues("Cluster", "Local")]
    public string? ExternalTrafficPolicy { get; set; }

    [Description("Which load balancer implementation takes the Service.")]
    [Length(1, 253), Pattern(Patterns.QualifiedName, Patterns.QualifiedNameMeaning)]
    public string? LoadBalancerClass { get; set; }
}

[Description("How many connections one gateway takes.")]
public sealed record CapacitySpec
{
    [Description("Client connections at most on one gateway, 1 to 10000000, or Auto: what its process limits allow. Default Auto.")]
    [ValidationRule("type(self) == int ? (self >= 1 && self <= 10000000) : self == 'Auto'", "must be Auto or a number of 1 to 10000000")]
    public IntOrString? MaxConnections { get; set; }

    [Description("Share of maxConnections that is kept free from new work, in percent: 0 to 90. Default 0.")]
    [RangeMinimum(0), RangeMaximum(90)]
    public int? ReservedPercent { get; set; }

    [Description("Connections at most from one client address on one gateway; an IPv6 client counts by its /64. 0: no limit. Default 0.")]
    [RangeMinimum(0), RangeMaximum(10_000_000)]
    public int? PerAddress { get; set; }

    [Description("Connections at most from one network on one gateway. Left out: no limit.")]
    public PrefixLimitSpec? PerPrefix { get; set; }

    [Description("New connections of one client address on one gateway; an IPv6 client counts by its /64. Left out: no limit.")]
    public RateSpec? NewPerAddress { get; set; }

    [Description(
        "Client connections at most on all gateways together: 1 to 1000000000. With a registry each gateway leases what it needs of it, and the sum is never more; "
            + "without one, and while it is away, each has an even share. Left out: no limit."
    )]
    [RangeMinimum(1), RangeMaximum(1_000_000_000)]
    public int? FleetConnections { get; set; }
}

[Description("How a gateway lets go of its connections when it has to stop.")]
[ValidationRule(
    "(has(self.lameDuck) ? duration(self.lameDuck) : duration('10s')) + (has(self.deadline) ? duration(self.deadline) : duration('9m')) <= duration('590s')",
    "lameDuck and deadline together must be at most 590s: cluster autoscalers wait 600s for a pod",
    FieldPath = ".deadline"
)]
[ValidationRule(
    "!has(self.jitter) || duration(self.jitter) <= (has(self.deadline) ? duration(self.deadline) : duration('9m'))",
    "jitter must not be longer than deadline",
    FieldPath = ".jitter"
)]
public sealed record DrainSpec
{
    [Description("How long a gateway that has to stop still accepts connections while load balancers notice. Default 10s.")]
    [Length(2, Patterns.DurationLength), Pattern(Patterns.Duration, Patterns.DurationMeaning)]
    public string? LameDuck { get; set; }

    [Description("What is still open after this is closed. With lameDuck at most 590s. Default 9m.")]
    [Length(2, Patterns.DurationLength), Pattern(Patterns.Duration, Patterns.DurationMeaning)]
    public string? Deadline { get; set; }

    [Description(
        "How many clients of the whole fleet are sent away per second, so that their reconnects don't come all at once: 1 to 100000. Default 200."
    )]
    [RangeMinimum(1), RangeMaximum(100_000)]
    public int? ReconnectsPerSecond { get; set; }

    [Description("Each close is put off by a random part of this. Default 0s.")]
    [Length(2, Patterns.DurationLength), Pattern(Patterns.Duration, Patterns.DurationMeaning)]
    public string? Jitter { get; set; }

    [Description(
        "On one machine (operator up): whether a gateway that has to stop hands its open connections over to the others, so that nobody is sent away; TLS cannot be handed over and is drained. Default true. In a cluster it does nothing: a connection cannot move to another pod."
    )]
    public bool? Handover { get; set; }

    [Description("Code of the WebSocket close frame: 1001 (going away) or 1012 (service restart). Default 1012.")]
    [AllowedNumbers(1001, 1012)]
    public int? CloseCode { get; set; }
}
