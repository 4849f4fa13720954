using Mooring.Kubernetes.Models;
using Mooring.Operator.Entities.Attributes;

namespace Mooring.Operator.Entities;

[Description("The gateways of a fleet.")]
public sealed record GatewaySpec
{
    [Description("How many gateways. Changed by kubectl scale and by autoscalers too.")]
    [RangeMinimum(0), RangeMaximum(1000)]
    public int Replicas { get; set; } = 2;

    [Description(
        "Container image. Left out: the one that came with the operator when the fleet was made; it stays until this names one, or imagePolicy is Follow."
    )]
    [Length(1, 512), Pattern(Patterns.Image, Patterns.ImageMeaning)]
    public string? Image { get; set; }

    [Description(
        "What an operator that comes with another image does to a fleet that names none. Keep: nothing. Follow: its gateways roll to that image."
    )]
    [AllowedValues("Keep", "Follow")]
    public string ImagePolicy { get; set; } = "Keep";

    [Description("CPU and memory of each gateway.")]
    public ResourcesSpec? Resources { get; set; }

    [Description("The Service that clients reach the gateways by.")]
    public GatewayServiceSpec Service { get; set; } = new();

    [Description("What may reach the fleet's pods, as NetworkPolicies.")]
    public FleetNetworkPolicySpec NetworkPolicy { get; set; } = new();

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

[Description("How many connections one gateway takes.")]
[ValidationRule(
    "!has(self.workers) || !has(self.maxConnections) || type(self.maxConnections) != int",
    "workers bounds Auto, and maxConnections is a number",
    FieldPath = ".workers"
)]
public sealed record CapacitySpec
{
    [Description(
        "Client connections at most on one gateway, 1 to 10000000, or Auto: what descriptors, memory and ports allow where it runs. Default Auto."
    )]
    [ValidationRule("type(self) == int ? (self >= 1 && self <= 10000000) : self == 'Auto'", "must be Auto or a number of 1 to 10000000")]
    public IntOrString? MaxConnections { get; set; }

    [Description("Bounds Auto by the processors that a gateway may use. Left out: they do not bound it.")]
    public WorkersSpec? Workers { get; set; }

    [Description("Share of maxConnections that is kept free from new work, in percent: 0 to 90. Default 0.")]
    [RangeMinimum(0), RangeMaximum(90)]
    public int? ReservedPercent { get; set; }

    [Description("Connections at most from one client address on one gateway; an IPv6 client counts by its /64. 0: no limit. Default 0.")]
    [RangeMinimum(0), RangeMaximum(10_000_000)]
    public int? PerAddress { get; set; }

    [Description(
        "WebSockets at most of one user, on listeners that say who that is (webSocket.identity), and of clients of a Hub, whose user is their token's: on all "
            + "gateways that share a registry; without one, on each. 0: no limit. Default 10 where a listener has an identity, else none."
    )]
    [RangeMinimum(0), RangeMaximum(1_000_000)]
    public int? PerUser { get; set; }

    [Description("The same of one device. 0: no limit. Default 5.")]
    [RangeMinimum(0), RangeMaximum(1_000_000)]
    public int? PerDevice { get; set; }

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

    [Description("Tunnels of Tunnel listeners. Left out: the defaults.")]
    public TunnelCapacitySpec? Tunnels { get; set; }
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

    [Description("Reason that the WebSocket close frame gives, at most 123 bytes of UTF-8; empty: none. Default draining.")]
    [Length(0, 123)]
    public string? CloseReason { get; set; }
}
