using Mooring.Operator.Entities.Attributes;

namespace Mooring.Operator.Entities;

/// <summary>Values of <see cref="WebSocketListenerSpec.Mode"/>.</summary>
public static class WebSocketModes
{
    public const string Proxy = "Proxy";
    public const string Hub = "Hub";
}

[Description("The Hub: channels with publish and subscribe, which clients reach with the Centrifugo client protocol.")]
[ValidationRule(
    "!has(self.personalNamespace) || (has(self.namespaces) && self.namespaces.exists(n, n.name == self.personalNamespace))",
    "must be the name of one of namespaces",
    FieldPath = ".personalNamespace"
)]
public sealed record HubSpec
{
    [Description("Publications that wait for one client at most, 1 to 100000. Over it the namespace says what happens.")]
    [RangeMinimum(1), RangeMaximum(100_000)]
    public int QueueSize { get; set; } = 1000;

    [Description("Bytes that wait for one client at most, 65536 to 1073741824; a client with more is slow, and is disconnected.")]
    [RangeMinimum(65_536), RangeMaximum(1_073_741_824)]
    public int QueueBytes { get; set; } = 1_048_576;

    [Description("How long anything may wait for one client, 1s to 10m; longer, and it is slow, and is disconnected.")]
    [Length(2, Patterns.DurationLength), Pattern(Patterns.Duration, Patterns.DurationMeaning)]
    [ValidationRule("duration(self) >= duration('1s') && duration(self) <= duration('10m')", "must be 1s to 10m")]
    public string QueueAge { get; set; } = "30s";

    [Description("Longest message of a client in bytes, 1024 to 16777216.")]
    [RangeMinimum(1024), RangeMaximum(16_777_216)]
    public int MaxMessageBytes { get; set; } = 65_536;

    [Description("Channels that one client may be in, 1 to 1024.")]
    [RangeMinimum(1), RangeMaximum(1024)]
    public int MaxChannels { get; set; } = 128;

    [Description("How often clients are pinged, 5s to 10m; each has 8s to answer.")]
    [Length(2, Patterns.DurationLength), Pattern(Patterns.Duration, Patterns.DurationMeaning)]
    [ValidationRule("duration(self) >= duration('5s') && duration(self) <= duration('10m')", "must be 5s to 10m")]
    public string PingInterval { get; set; } = "25s";

    [Description("Lets clients in that have no token; they have no user.")]
    public bool Anonymous { get; set; }

    [Description(
        "Connects that one gateway answers in a second; faster ones wait for their answer, at most 4s, and beyond that are told to come again. Left out: as they come."
    )]
    [RangeMinimum(1), RangeMaximum(100_000)]
    public int? ConnectsPerSecond { get; set; }

    [Description(
        "Subscribes each user to the channel #user of this namespace. Empty: of the namespace with the empty name. Left out: to none."
    )]
    [Length(0, 63), Pattern(Patterns.HubNamespace, Patterns.HubNamespaceMeaning)]
    public string? PersonalNamespace { get; set; }

    [Description(
        "Kinds of channels. The namespace of a channel is its part before the first colon; a channel without one is in the namespace with the empty name. At most 64."
    )]
    [Items(0, 64), ListMapKey("name")]
    public IReadOnlyList<HubNamespaceSpec> Namespaces { get; set; } = [];

    [Description("Compresses messages. Left out: they are sent as they are.")]
    public HubCompressionSpec? Compression { get; set; }

    [Description("Where clients' RPCs go. Left out: they are answered with error 108.")]
    public HubRpcSpec? Rpc { get; set; }
}

[Description("Channels that are alike.")]
[ValidationRule(
    "!has(self.delta) || !self.delta || (has(self.history) && self.history.recovery)",
    "needs history with recovery",
    FieldPath = ".delta"
)]
[ValidationRule("!has(self.queue) || !has(self.history)", "is not for queues, which keep jobs until they are done", FieldPath = ".history")]
public sealed record HubNamespaceSpec
{
    [Description("Lower-case letters, digits and '-', at most 63; or empty, for channels without a colon.")]
    [Required, Length(0, 63), Pattern(Patterns.HubNamespace, Patterns.HubNamespaceMeaning)]
    public string Name { get; set; } = "";

    [Description("Keeps publications. Left out: they are not kept, and have no offset.")]
    public HubHistorySpec? History { get; set; }

    [Description("Notes who is in a channel.")]
    public bool Presence { get; set; }

    [Description("Tells subscribers that ask for it who joins and leaves.")]
    public bool JoinLeave { get; set; }

    [Description("Lets subscribers have what differs from the publication before instead of the whole one.")]
    public bool Delta { get; set; }

    [Description("Who may subscribe without a token for the channel: Nobody, Users (clients that have a user) or Everyone.")]
    [AllowedValues("Nobody", "Users", "Everyone")]
    public string Subscribe { get; set; } = "Nobody";

    [Description("Who may publish: Nobody, Subscribers, Users or Everyone. The HTTP API always may.")]
    [AllowedValues("Nobody", "Subscribers", "Users", "Everyone")]
    public string Publish { get; set; } = "Nobody";

    [Description("Who may read the history: Nobody, Subscribers, Users or Everyone.")]
    [AllowedValues("Nobody", "Subscribers", "Users", "Everyone")]
    public string ReadHistory { get; set; } = "Nobody";

    [Description("Who may read who is present: Nobody, Subscribers, Users or Everyone.")]
    [AllowedValues("Nobody", "Subscribers", "Users", "Everyone")]
    public string ReadPresence { get; set; } = "Nobody";

    [Description(
        "What happens to a publication for a client whose queue is full. Disconnect: the client is slow, and comes again. DropOldest: the oldest one that waits makes room. "
            + "DropNewest: it is not delivered. With recovery, who misses one is told to subscribe again, and recovers it."
    )]
    [AllowedValues("Disconnect", "DropOldest", "DropNewest")]
    public string WhenQueueFull { get; set; } = "Disconnect";

    [Description("Makes its channels queues of jobs. Left out: they are no queues.")]
    public HubQueueSpec? Queue { get; set; }
}

[Description("How publications of a channel are kept.")]
public sealed record HubHistorySpec
{
    [Description("Publications kept for each channel, 1 to 100000.")]
    [Required, RangeMinimum(1), RangeMaximum(100_000)]
    public int Size { get; set; }

    [Description("How long they are kept after the last one, 1s to 720h.")]
    [Required, Length(2, Patterns.DurationLength), Pattern(Patterns.Duration, Patterns.DurationMeaning)]
    [ValidationRule("duration(self) >= duration('1s') && duration(self) <= duration('720h')", "must be 1s to 720h")]
    public string Ttl { get; set; } = "";

    [Description(
        "How long a channel's offset and epoch are kept after the last use, ttl to 8760h. Who comes again later cannot recover, even if nothing was published meanwhile. Shorter is less memory where channels are many and short-lived; less than 80s is 80s."
    )]
    [Length(2, Patterns.DurationLength), Pattern(Patterns.Duration, Patterns.DurationMeaning)]
    public string MetaTtl { get; set; } = "720h";

    [Description("Watches subscribers for gaps, and gives them what they have missed when they come again.")]
    public bool Recovery { get; set; } = true;

    [Description("Gives those that come again the newest publication alone.")]
    public bool Cache { get; set; }
}

[Description("An HTTP backend that answers clients' RPCs.")]
public sealed record HubRpcSpec
{
    [Description("http or https URL that gets a POST for each RPC, in the form of Centrifugo's RPC proxy.")]
    [Required, Length(8, 2048), Pattern(Patterns.HttpUrl, Patterns.HttpUrlMeaning)]
    public string Url { get; set; } = "";

    [Description("How long an answer may take, 100ms to 30s. Clients wait 5s.")]
    [Length(2, Patterns.DurationLength), Pattern(Patterns.Duration, Patterns.DurationMeaning)]
    [ValidationRule("duration(self) >= duration('100ms') && duration(self) <= duration('30s')", "must be 100ms to 30s")]
    public string Timeout { get; set; } = "4s";

    [Description("RPCs under way from one gateway, 1 to 10000; more get error 111.")]
    [RangeMinimum(1), RangeMaximum(10_000)]
    public int MaxConcurrent { get; set; } = 256;
}
