// Hot path: per turn. See tests/benchmarks.
namespace Mooring.Gateway.Hub.Resp;

/// <summary>What an event loop writes to servers in one of its turns, which goes at the turn's end in one piece for each connection, from the loop's own thread.</summary>
/// <remarks>By way of the thread pool it would cost two context switches a turn, and where there are many gateways on a host most turns have one client.</remarks>
internal sealed class RespTurn
{
    [ThreadStatic]
    private static RespTurn? _current;

    private readonly List<RespTransport> _written = [];

    /// <summary>The calling thread's; null: it is no loop's.</summary>
    public static RespTurn? Current => _current;

    /// <summary>The calling thread is a loop, which calls <see cref="End"/> after whatever may write.</summary>
    public static RespTurn Begin() => _current ??= new RespTurn();

    /// <summary>A connection has something to send.</summary>
    public void Add(RespTransport transport) => _written.Add(transport);

    /// <summary>Sends what was written.</summary>
    public void End()
    {
        if (_written.Count == 0)
        {
            return;
        }

        foreach (var transport in _written)
        {
            transport.Send();
        }

        _written.Clear();
    }
}
