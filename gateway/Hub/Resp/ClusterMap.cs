using System.Globalization;

namespace Mooring.Gateway.Hub.Resp;

/// <summary>Which node of a Redis Cluster has which slots, at one moment. Immutable.</summary>
internal sealed class ClusterMap
{
    /// <summary>Nodes at most; a cluster has 1,000.</summary>
    public const int MaxNodes = 1024;

    private readonly RespEndpoint?[] _slots;

    private ClusterMap(RespEndpoint?[] slots, IReadOnlyList<RespEndpoint> masters)
    {
        _slots = slots;
        Masters = masters;
    }

    public static ClusterMap Empty { get; } = new(new RespEndpoint?[KeySlot.Count], []);

    /// <summary>Those that have slots.</summary>
    public IReadOnlyList<RespEndpoint> Masters { get; }

    /// <summary>Null: nobody has it.</summary>
    public RespEndpoint? this[int slot] => _slots[slot];

    /// <summary>Reads the reply to CLUSTER SLOTS.</summary>
    /// <param name="reply">First slot, last slot, then nodes (host, port, …), the master first.</param>
    /// <param name="asked">The node that gave it: an empty host means its own.</param>
    /// <exception cref="RespShapeException">Not such a reply.</exception>
    public static ClusterMap Parse(in RespValue reply, RespEndpoint asked)
    {
        var slots = new RespEndpoint?[KeySlot.Count];
        var masters = new Dictionary<RespEndpoint, RespEndpoint>();
        foreach (var range in reply.Items)
        {
            var parts = range.Items;
            if (parts.Length < 3)
            {
                throw new RespShapeException("CLUSTER SLOTS gave a range without a node");
            }

            var (first, last) = (parts[0].Integer, parts[1].Integer);
            if (first < 0 || last < first || last >= KeySlot.Count)
            {
                throw new RespShapeException($"CLUSTER SLOTS gave slots {first} to {last}");
            }

            var master = Node(parts[2].Items, asked);
            if (!masters.TryGetValue(master, out var known))
            {
                if (masters.Count == MaxNodes)
                {
                    throw new RespShapeException($"CLUSTER SLOTS gave more than {MaxNodes} nodes");
                }

                masters[master] = known = master;
            }

            Array.Fill(slots, known, (int)first, (int)(last - first + 1));
        }

        return new ClusterMap(slots, [.. masters.Keys]);
    }

    /// <summary>Where <c>MOVED slot host:port</c> or <c>ASK slot host:port</c> points; null: it is neither.</summary>
    public static (bool Ask, int Slot, RespEndpoint Target)? Redirect(string error, RespEndpoint asked)
    {
        var words = error.Split(' ');
        if (words is not [("MOVED" or "ASK") and var kind, var number, var address])
        {
            return null;
        }

        var colon = address.LastIndexOf(':');
        return
            int.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out var slot)
            && slot < KeySlot.Count
            && colon >= 0
            && int.TryParse(address.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var port)
            && port is >= 1 and <= 65_535
            ? (kind == "ASK", slot, new RespEndpoint(colon == 0 ? asked.Host : address[..colon].Trim('[', ']'), port))
            : null;
    }

    private static RespEndpoint Node(ReadOnlySpan<RespValue> parts, RespEndpoint asked)
    {
        if (parts.Length < 2 || parts[1].Integer is < 1 or > 65_535)
        {
            throw new RespShapeException("CLUSTER SLOTS gave a node without an address");
        }

        var host = parts[0].Text;
        return host?.Length > 253
            ? throw new RespShapeException("CLUSTER SLOTS gave a host's name of more than 253 bytes")
            : new RespEndpoint(string.IsNullOrEmpty(host) || host == "?" ? asked.Host : host, (int)parts[1].Integer);
    }
}
