using Mooring.Gateway.Hub.Delivery;

namespace Mooring.Gateway.Hub.Broker;

/// <summary>A channel that this gateway is subscribed to, and how far it has seen its stream. Thread-safe.</summary>
internal sealed class SubscribedChannel(string name)
{
    private readonly Lock _gate = new();
    private StreamPosition _seen;

    /// <summary>As the Hub knows it.</summary>
    public string Name => name;

    /// <summary>The farthest publication that came.</summary>
    public StreamPosition Seen
    {
        get
        {
            lock (_gate)
            {
                return _seen;
            }
        }
    }

    /// <summary>Notes a publication. False: it is not beyond those before, so the stream may have gone back.</summary>
    public bool TrySee(StreamPosition position)
    {
        lock (_gate)
        {
            if (position.Epoch == _seen.Epoch && position.Offset <= _seen.Offset)
            {
                return false;
            }

            _seen = position;
            return true;
        }
    }
}
