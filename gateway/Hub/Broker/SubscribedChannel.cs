using Mooring.Gateway.Hub.Delivery;
using Mooring.Gateway.Hub.Resp;

namespace Mooring.Gateway.Hub.Broker;

/// <summary>A channel that this gateway is subscribed to, and how far it has seen its stream. Thread-safe.</summary>
/// <param name="name">As Redis knows it.</param>
/// <param name="channel">As the Hub knows it.</param>
internal sealed class SubscribedChannel(string name, string channel) : RespSubscription(name)
{
    private static readonly Lock Gate = new(); // for all: it is held for a few instructions, by the one who reads and seldom another
    private StreamPosition _seen;

    /// <summary>As the Hub knows it.</summary>
    public string Channel => channel;

    /// <summary>The farthest publication that came.</summary>
    public StreamPosition Seen
    {
        get
        {
            lock (Gate)
            {
                return _seen;
            }
        }
    }

    /// <summary>Notes a publication. False: it is not beyond those before, so the stream may have gone back.</summary>
    public bool TrySee(StreamPosition position)
    {
        lock (Gate)
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
