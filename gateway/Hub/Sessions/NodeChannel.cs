// Hot path: per publication. See tests/benchmarks.
using Mooring.Gateway.Hub.Delivery;

namespace Mooring.Gateway.Hub.Sessions;

/// <summary>A channel with subscribers on this gateway.</summary>
/// <remarks><see cref="Loops"/>, <see cref="Ready"/> and <see cref="IsWatched"/> change under the node's locks; what was published last belongs to the broker's callback, which is one at a time.</remarks>
internal sealed class NodeChannel(string name) : INamed
{
    private HubLoop[] _loops = [];
    private Published? _last;

    public string Name { get; } = name;

    public int NameHash { get; } = NameTable<NodeChannel>.HashOf(name);

    /// <summary>Loops that have subscribers. Replaced as a whole.</summary>
    public HubLoop[] Loops
    {
        get => Volatile.Read(ref _loops);
        set => Volatile.Write(ref _loops, value);
    }

    /// <summary>Its position is looked at in turn, as long as it is there.</summary>
    public bool IsWatched { get; set; }

    /// <summary>Waits for its position to be looked at before its turn. For <see cref="PositionChecker"/>, under its lock.</summary>
    public bool IsUrgent { get; set; }

    /// <summary>What the broker says to the subscription; null: it stands.</summary>
    public Task<BrokerStatus>? Ready { get; set; }

    /// <summary>Notes a publication; returns the data of the one right before it, or nothing when that is not known.</summary>
    public ReadOnlyMemory<byte> Advance(StreamPosition position, ReadOnlyMemory<byte> data)
    {
        var follows = _last is { } last && position.Offset == last.Position.Offset + 1 && position.Epoch == last.Position.Epoch;
        var previous = follows ? _last!.Data : default;
        _last = new Published(position, data);
        return previous;
    }

    private sealed record Published(StreamPosition Position, ReadOnlyMemory<byte> Data);
}
