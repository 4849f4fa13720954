namespace Mooring.Gateway.Hub.Broker;

/// <summary>Which of this gateway's own messages it has delivered itself, since Redis did not answer: should they come after all, they come twice.</summary>
/// <remarks>Thread-safe. Knows the last 4,096.</remarks>
internal sealed class LocalDeliveries
{
    private const int Max = 4096;

    private readonly Lock _gate = new();
    private readonly HashSet<ulong> _numbers = [];
    private readonly Queue<ulong> _order = new();

    public void Add(ulong number)
    {
        lock (_gate)
        {
            if (_numbers.Add(number))
            {
                _order.Enqueue(number);
                if (_order.Count > Max)
                {
                    _numbers.Remove(_order.Dequeue());
                }
            }
        }
    }

    public bool Contains(ulong number)
    {
        lock (_gate)
        {
            return _numbers.Contains(number);
        }
    }
}
