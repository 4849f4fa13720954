namespace Mooring.Gateway.Hub.Broker;

/// <summary>Names in Redis of what a Hub keeps there: <c>mooring:namespace/fleet:hub:{cCHANNEL}:…</c>.</summary>
/// <remarks>
/// The braces are what Redis Cluster places a key by: all keys of a channel are on one node, and channels on all. The <c>c</c> keeps them from
/// being empty for a channel that begins with a brace, which would place each key by its whole name.
/// </remarks>
internal sealed class BrokerKeys(string fleet)
{
    private readonly string _prefix = $"mooring:{fleet}:hub:";

    /// <summary>Where the gateways tell each other something.</summary>
    public string Control => _prefix + "control";

    /// <summary>Where a channel's subscribers are.</summary>
    public string Channel(string channel) => string.Concat(_prefix, "{c", channel, "}");

    /// <summary>Epoch and top offset.</summary>
    public string Meta(string channel) => Channel(channel) + ":m";

    /// <summary>Publications.</summary>
    public string Stream(string channel) => Channel(channel) + ":s";

    /// <summary>Result of an idempotency key.</summary>
    public string Known(string channel, string key) => Channel(channel) + ":k:" + key;

    /// <summary>What is known of those present, by client.</summary>
    public string Present(string channel) => Channel(channel) + ":h";

    /// <summary>When they expire, by client.</summary>
    public string Expiries(string channel) => Channel(channel) + ":z";

    /// <summary>How many connections of those present each user has.</summary>
    public string Users(string channel) => Channel(channel) + ":u";

    /// <summary>All three that presence is in.</summary>
    public string[] Presence(string channel) => [Present(channel), Expiries(channel), Users(channel)];
}
