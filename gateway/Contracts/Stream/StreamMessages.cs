using System.Text.Json.Serialization;
using Mooring.Contracts.Configuration;

namespace Mooring.Contracts.Stream;

/// <summary>A message from the operator to a gateway. One WebSocket text message holds one, as JSON with its kind under <c>type</c>.</summary>
/// <remarks>Unknown kinds are skipped and counted, so that an older gateway lives with a newer operator.</remarks>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "type", IgnoreUnrecognizedTypeDiscriminators = false)]
[JsonDerivedType(typeof(ConfigMessage), "config")]
[JsonDerivedType(typeof(EndpointsMessage), "endpoints")]
[JsonDerivedType(typeof(DirectiveMessage), "directive")]
[JsonDerivedType(typeof(TuningMessage), "tuning")]
[JsonDerivedType(typeof(QuestionMessage), "question")]
public abstract record OperatorMessage;

/// <summary>The fleet's config. Answered by one <see cref="AckMessage"/> with the same hash.</summary>
public sealed record ConfigMessage : OperatorMessage
{
    /// <summary><see cref="ContractsJson.Hash(GatewayConfig)"/> of <see cref="Config"/>. Equal hash, equal effect: a gateway that has it does nothing but ack.</summary>
    public required string Hash { get; init; }

    public required GatewayConfig Config { get; init; }
}

/// <summary>All endpoints of one backend; replaces what was known of it.</summary>
public sealed record EndpointsMessage : OperatorMessage
{
    public required string Backend { get; init; }

    /// <summary>Each with the key <see cref="EndpointInfo.Id"/> unique. At most 10,000.</summary>
    public required IReadOnlyList<EndpointInfo> Endpoints { get; init; }

    /// <summary>
    /// WebSockets to draining endpoints that this gateway sends away per second, those of all its backends together: the highest of their messages holds. 0 to
    /// 1,000,000; 0: they stay until they end.
    /// </summary>
    public double ClosesPerSecond { get; set; }
}

public sealed record EndpointInfo
{
    /// <summary>Stable name of the endpoint over its life, such as the pod's name: counts and affinity follow it.</summary>
    public required string Id { get; init; }

    /// <summary>IP address, or host name.</summary>
    public required string Address { get; init; }

    public required int Port { get; init; }

    public int Weight { get; set; } = 1;

    /// <summary>No new connections; the open ones stay.</summary>
    public bool Draining { get; init; }
}

[JsonConverter(typeof(JsonStringEnumConverter<DirectiveKind>))]
public enum DirectiveKind
{
    /// <summary>Serve normally; takes back a cordon or a drain.</summary>
    Serve,

    /// <summary>Readiness fails; after the lame-duck time, new connections are refused. Open ones stay.</summary>
    Cordon,

    /// <summary>As cordon, and the open connections are closed at <see cref="DirectiveMessage.ClosesPerSecond"/>.</summary>
    Drain,

    /// <summary>Close connections, oldest first, until at most <see cref="DirectiveMessage.TargetConnections"/> are left.</summary>
    Shed,
}

/// <summary>What one gateway is to do. Idempotent, a target rather than a delta, fenced, and with a time to live.</summary>
public sealed record DirectiveMessage : OperatorMessage
{
    public required DirectiveKind Kind { get; init; }

    /// <summary>Fence, first part: the Lease's number of transitions. A lower (epoch, sequence) than the last accepted is rejected.</summary>
    public required long Epoch { get; init; }

    /// <summary>Fence, second part: rises with every change the leader decides.</summary>
    public required long Sequence { get; init; }

    /// <summary>How long the directive holds without being repeated, after which a gateway serves again; null: until replaced.</summary>
    public TimeSpan? TimeToLive { get; init; }

    /// <summary>Why, for logs: <c>rollout</c>, <c>scale-in</c>, <c>rebalance</c>, <c>manual</c>.</summary>
    public string Reason { get; set; } = "";

    /// <summary>When what is left is closed, for <see cref="DirectiveKind.Drain"/>; null: the config's deadline from now.</summary>
    public DateTimeOffset? Deadline { get; init; }

    /// <summary>Until <see cref="Deadline"/> by the operator's clock as it sends, which a gateway goes by at first sight of that deadline: their clocks may differ.</summary>
    public TimeSpan? Remaining { get; init; }

    /// <summary>Pace of closes of this gateway; 0: the config's.</summary>
    public double ClosesPerSecond { get; init; }

    /// <summary>For <see cref="DirectiveKind.Shed"/>.</summary>
    public int? TargetConnections { get; init; }
}

/// <summary>A message from a gateway to the operator.</summary>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "type", IgnoreUnrecognizedTypeDiscriminators = false)]
[JsonDerivedType(typeof(HelloMessage), "hello")]
[JsonDerivedType(typeof(AckMessage), "ack")]
[JsonDerivedType(typeof(ReportMessage), "report")]
[JsonDerivedType(typeof(TuningReport), "tuningReport")]
[JsonDerivedType(typeof(AnswerMessage), "answer")]
public abstract record GatewayMessage;

[JsonConverter(typeof(JsonStringEnumConverter<StreamRole>))]
public enum StreamRole
{
    Gateway,

    /// <summary>The tuner of a node: gets <see cref="TuningMessage"/>, answers with <see cref="TuningReport"/>, and counts as no gateway.</summary>
    Tuner,
}

/// <summary>First message on a stream.</summary>
public sealed record HelloMessage : GatewayMessage
{
    /// <summary><c>namespace/name</c> of the fleet.</summary>
    public required string Fleet { get; init; }

    /// <summary>Name of the gateway, unique in the fleet: the pod's name, or the worker's in host mode.</summary>
    public required string Gateway { get; init; }

    /// <summary>Version of the gateway's program.</summary>
    public required string Version { get; init; }

    /// <summary>Hash of the config in force, from its file; null without one.</summary>
    public string? ConfigHash { get; init; }

    /// <summary>Process id: host mode matches it with its child.</summary>
    public int ProcessId { get; init; }

    /// <summary>Who speaks: a gateway, or the tuner of a node.</summary>
    public StreamRole Role { get; init; }

    public GatewayLimits? Limits { get; init; }
}

/// <summary>What this node and process allow, as really seen.</summary>
public sealed record GatewayLimits
{
    /// <summary>RLIMIT_NOFILE, soft, after the gateway raised it.</summary>
    public long MaxOpenFiles { get; init; }

    /// <summary>Effective sysctl values by name, of those that bound connections; a key that cannot be read is absent.</summary>
    public IReadOnlyDictionary<string, string> Sysctls { get; set; } = new Dictionary<string, string>();
}

/// <summary>Answer to a <see cref="ConfigMessage"/>.</summary>
public sealed record AckMessage : GatewayMessage
{
    public required string Hash { get; init; }

    /// <summary>The config is in force. When false, the one before stays in force and <see cref="Errors"/> says why.</summary>
    public required bool Accepted { get; init; }

    /// <summary>At most 64, each with its path.</summary>
    public IReadOnlyList<string> Errors { get; set; } = [];
}

[JsonConverter(typeof(JsonStringEnumConverter<GatewayState>))]
public enum GatewayState
{
    Serving,
    Cordoned,
    Draining,

    /// <summary>A drain has ended: no connection is left.</summary>
    Drained,
}

/// <summary>Load, every 10 s (<see cref="ReportPace"/>) and at once on a big change (state, or 10 % of the connections).</summary>
public sealed record ReportMessage : GatewayMessage
{
    public required GatewayState State { get; init; }

    /// <summary>The fence of the directive in force; zero without one.</summary>
    public long DirectiveEpoch { get; init; }

    public long DirectiveSequence { get; init; }

    /// <summary>Client connections open now.</summary>
    public required int Connections { get; init; }

    /// <summary>Connections this gateway takes.</summary>
    public required int Capacity { get; init; }

    /// <summary>What <see cref="Capacity"/> follows from.</summary>
    public CapacityBound CapacityBound { get; init; }

    /// <summary>What allows fewer connections than the number in the config, which are taken all the same; null: nothing does, or there is no such number.</summary>
    public CapacityShortfall? Shortfall { get; init; }

    /// <summary>When the drain closes what is left; null when not draining.</summary>
    public DateTimeOffset? DrainDeadline { get; init; }

    /// <summary>Pace of closes in force; 0: none are being closed. The operator divides the fleet's rate by what is in force.</summary>
    public double ClosesPerSecond { get; init; }

    /// <summary>Resident set size of the process, bytes.</summary>
    public long ResidentBytes { get; init; }

    /// <summary>CPU time of the process since it started, seconds.</summary>
    public double CpuSeconds { get; init; }

    /// <summary>Null where the gateway shares no registry with others.</summary>
    public RegistryLoad? Registry { get; init; }

    /// <summary>Null where the gateway has no Tunnel listener.</summary>
    public TunnelsLoad? Tunnels { get; init; }

    public OverloadLoad? Overload { get; init; }

    /// <summary>What is wrong with files that the config names, such as a certificate, while their last good content serves on. At most <see cref="MaxProblems"/>.</summary>
    public IReadOnlyList<string> Problems { get; set; } = [];

    public const int MaxProblems = 20;

    public IReadOnlyList<ListenerLoad> Listeners { get; set; } = [];

    public IReadOnlyList<BackendLoad> Backends { get; set; } = [];

    /// <summary>Those with traffic so far; empty where countries are not counted. At most 677.</summary>
    public IReadOnlyList<CountryLoad> Countries { get; set; } = [];
}

/// <param name="Connections">So many it allows, as far as that can be reckoned.</param>
/// <param name="Bound">What does.</param>
public sealed record CapacityShortfall(int Connections, CapacityBound Bound);

/// <summary>Totals count from the process's start.</summary>
public sealed record ListenerLoad
{
    public required string Name { get; init; }

    public int Connections { get; init; }

    public long AcceptedTotal { get; init; }

    /// <summary>Refused by reason (<c>per_address</c>, <c>capacity</c>, <c>draining</c>, <c>no_backend</c>, …).</summary>
    public IReadOnlyDictionary<string, long> RefusedTotal { get; set; } = new Dictionary<string, long>();

    /// <summary>Bytes from clients.</summary>
    public long ReceivedBytesTotal { get; init; }

    /// <summary>Bytes to clients.</summary>
    public long SentBytesTotal { get; init; }

    /// <summary>Times that reading waited for a limit of bandwidth.</summary>
    public long BandwidthPausesTotal { get; init; }

    /// <summary>WebSocket messages of both directions, control frames not counted; 0 for TCP.</summary>
    public long MessagesTotal { get; init; }

    public TrafficLoad Traffic { get; set; } = new();

    /// <summary>Null without TLS.</summary>
    public TlsLoad? Tls { get; init; }

    /// <summary>Of a UDP listener, whose flows count as connections.</summary>
    public DatagramLoad? Datagrams { get; init; }
}

public sealed record BackendLoad
{
    public required string Name { get; init; }

    /// <summary>At most 10,000.</summary>
    public IReadOnlyList<EndpointLoad> Endpoints { get; set; } = [];

    /// <summary>Bytes from the backend.</summary>
    public long ReceivedBytesTotal { get; init; }

    /// <summary>Bytes to the backend.</summary>
    public long SentBytesTotal { get; init; }

    public TrafficLoad Traffic { get; set; } = new();

    /// <summary>Null without a queue.</summary>
    public QueueLoad? Queue { get; init; }

    /// <summary>The breaker that the endpoints share; null without one.</summary>
    public BreakerLoad? Breaker { get; init; }

    /// <summary>Connects tried at another endpoint after one had failed.</summary>
    public long RetriesTotal { get; init; }

    /// <summary>Retries that the budget did not allow.</summary>
    public long RetriesDeniedTotal { get; init; }

    /// <summary>Null without TLS.</summary>
    public TlsLoad? Tls { get; init; }
}

public sealed record EndpointLoad
{
    /// <summary>Unique in its backend.</summary>
    public required string Id { get; init; }

    /// <summary>It is not among the backend's endpoints any more, and said to be there only while it has connections: these are all that is told of it.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool Gone { get; init; }

    public int Connections { get; init; }

    public long ConnectsTotal { get; init; }

    public long FailuresTotal { get; init; }

    /// <summary>Neither passive nor active checks nor an open breaker have put it out.</summary>
    public bool Healthy { get; set; } = true;

    /// <summary>Used only while no other endpoint can be.</summary>
    public bool Backup { get; init; }

    /// <summary>Null where it is not checked actively.</summary>
    public CheckLoad? Check { get; init; }

    /// <summary>Its own breaker; null without one.</summary>
    public BreakerLoad? Breaker { get; init; }
}
