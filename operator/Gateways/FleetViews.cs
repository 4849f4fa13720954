using Mooring.Contracts.Configuration;
using Mooring.Contracts.Stream;

namespace Mooring.Operator.Gateways;

/// <summary>What the gateways of one fleet are to have.</summary>
public sealed record FleetDesired
{
    public required GatewayConfig Config { get; init; }

    /// <summary>Endpoints of the backends with <see cref="EndpointSource.Pushed"/>, by backend. At most 10,000 a backend.</summary>
    public IReadOnlyDictionary<string, IReadOnlyList<EndpointInfo>> Endpoints { get; init; } =
        new Dictionary<string, IReadOnlyList<EndpointInfo>>();

    /// <summary>WebSockets to draining endpoints that each gateway is to send away per second; 0: they stay until they end.</summary>
    public double EndpointClosesPerSecond { get; init; }

    /// <summary>Gateways that cannot have the config, and keep what they have: they are told its endpoints alone.</summary>
    public IReadOnlyList<string> Withheld { get; init; } = [];
}

/// <summary>One fleet as its gateways tell it, at one moment. Immutable.</summary>
public sealed record FleetView
{
    /// <summary><c>namespace/name</c>.</summary>
    public required string Fleet { get; init; }

    /// <summary>Hash of the config that was last set; null before the first.</summary>
    public string? DesiredHash { get; init; }

    /// <summary>Connected gateways, ordered by name.</summary>
    public required IReadOnlyList<GatewayView> Gateways { get; init; }

    /// <summary>Gateways whose stream ended since this operator serves it, and that have not come back; the newest 1,000.</summary>
    public IReadOnlyList<DepartedGateway> Departed { get; init; } = [];

    /// <summary>Gateways that have <see cref="DesiredHash"/> in force.</summary>
    public int AckedCount => Gateways.Count(gateway => DesiredHash is not null && gateway.ConfigHash == DesiredHash);

    /// <summary>Such as <c>2/2</c>: gateways with the config in force, of those connected.</summary>
    public string AckedSummary => $"{AckedCount}/{Gateways.Count}";

    /// <summary>Client connections open now, on all connected gateways.</summary>
    public long Connections => Gateways.Sum(static gateway => (long)(gateway.Report?.Connections ?? 0));

    /// <summary>Connections that the serving gateways take.</summary>
    public long Capacity => Gateways.Sum(static gateway => gateway.State == GatewayState.Serving ? gateway.Report?.Capacity ?? 0L : 0L);
}

/// <summary>A gateway whose stream has ended.</summary>
/// <param name="Name">Of the gateway.</param>
/// <param name="At">When it ended.</param>
/// <param name="Directive">What it was told last; null: nothing.</param>
public sealed record DepartedGateway(string Name, DateTimeOffset At, DirectiveMessage? Directive);

/// <summary>One connected gateway at one moment. Immutable.</summary>
public sealed record GatewayView
{
    public required HelloMessage Hello { get; init; }

    public string Name => Hello.Gateway;

    public required DateTimeOffset ConnectedAt { get; init; }

    /// <summary>When its last message came.</summary>
    public required DateTimeOffset SeenAt { get; init; }

    /// <summary>Hash of the config in force; null when it runs without one.</summary>
    public string? ConfigHash { get; init; }

    /// <summary>Hash of the config that it refused last, and why; null when the last one was accepted.</summary>
    public string? RefusedHash { get; init; }

    public IReadOnlyList<string> ConfigErrors { get; init; } = [];

    /// <summary>Null until the first report, which comes right after the hello.</summary>
    public ReportMessage? Report { get; init; }

    /// <summary>When <see cref="Report"/> came; null before.</summary>
    public DateTimeOffset? ReportedAt { get; init; }

    /// <summary>Null until two reports are ten seconds apart.</summary>
    public GatewayRates? Rates { get; init; }

    /// <summary>The directive that it was given last; null without one.</summary>
    public DirectiveMessage? Directive { get; init; }

    public GatewayState? State => Report?.State;

    /// <summary>When <see cref="Directive"/> was given; null without one.</summary>
    public DateTimeOffset? DirectedAt { get; init; }

    /// <summary>The gateway has taken the directive that was given last (or none was given).</summary>
    public bool DirectiveTaken =>
        Directive is null
        || (Report is not null && (Report.DirectiveEpoch, Report.DirectiveSequence).CompareTo((Directive.Epoch, Directive.Sequence)) >= 0);
}

/// <summary>What follows from two reports.</summary>
/// <param name="CpuPercent">CPU time in percent of one core.</param>
/// <param name="MessagesPerSecond">WebSocket messages, both directions.</param>
public sealed record GatewayRates(double CpuPercent, double MessagesPerSecond);

/// <summary>What has changed of a gateway.</summary>
public enum GatewayChange
{
    Connected,
    Disconnected,

    /// <summary>It took or refused a config.</summary>
    Acked,

    /// <summary>A report with another state, directive in force or capacity than the one before.</summary>
    State,

    /// <summary>A report with other figures only.</summary>
    Figures,

    /// <summary>A node's tuner reports another state than before.</summary>
    Tuned,
}
