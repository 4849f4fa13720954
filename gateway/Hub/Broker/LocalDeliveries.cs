namespace Mooring.Gateway.Hub.Broker;

/// <summary>Which of this gateway's own messages its subscribers have had: each comes to them by Redis or, where that did not answer, from the gateway itself, whichever is first.</summary>
/// <remarks>Thread-safe. Knows those that are under way, and the last 4,096 that the gateway has delivered itself.</remarks>
internal sealed class LocalDeliveries
{
    private const int Max = 4096;

    private readonly Lock _gate = new();

    // Sent to Redis and not answered: whether they have come.
    private readonly Dictionary<ulong, bool> _underWay = [];
    private readonly HashSet<ulong> _numbers = [];
    private readonly Queue<ulong> _order = new();

    /// <summary>It is about to be sent to Redis.</summary>
    public void Begin(ulong number)
    {
        lock (_gate)
        {
            _underWay.Add(number, false);
        }
    }

    /// <summary>Nothing is waited for any more.</summary>
    public void End(ulong number)
    {
        lock (_gate)
        {
            _underWay.Remove(number);
        }
    }

    /// <summary>Redis did not answer. True: the gateway is to deliver it, and whatever comes of it later is dropped. False: it has come.</summary>
    public bool TryDeliver(ulong number)
    {
        lock (_gate)
        {
            if (_underWay.GetValueOrDefault(number))
            {
                return false;
            }

            if (_numbers.Add(number))
            {
                _order.Enqueue(number);
                if (_order.Count > Max)
                {
                    _numbers.Remove(_order.Dequeue());
                }
            }

            return true;
        }
    }

    /// <summary>It has come from Redis. False: the gateway has delivered it before.</summary>
    public bool TryReceive(ulong number)
    {
        lock (_gate)
        {
            if (_underWay.ContainsKey(number))
            {
                _underWay[number] = true;
            }

            return !_numbers.Contains(number);
        }
    }
}
