using Mooring.Gateway.Limits.Overload;

namespace Mooring.Gateway.Listeners;

/// <summary>How many TLS handshakes of clients one loop has under way, how many there may be, and who waits for one of them to end.</summary>
/// <remarks>
/// Who waits has sent its ClientHello, which stays in the kernel, and holds a place in the line: within its handshake's time, and first come,
/// first served. For the loop's thread only, but where it says otherwise.
/// </remarks>
internal sealed class HandshakeLine(RelayLoop loop)
{
    private readonly LinkedList<int> _line = [];
    private readonly Dictionary<int, LinkedListNode<int>> _places = [];
    private int _most = HandshakeBudget.Most;
    private int _open;

    /// <summary>Handshakes that hold an <c>SSL</c>. Thread-safe.</summary>
    public int Open => Volatile.Read(ref _open);

    /// <summary>Clients in the line. Thread-safe.</summary>
    public int Waiting => _places.Count;

    /// <summary>Sets how many there may be at a time; those under way go on. Thread-safe.</summary>
    public void SetMost(int most)
    {
        Volatile.Write(ref _most, most);
        if (Waiting > 0)
        {
            loop.Post(CallNext);
        }
    }

    /// <summary>Counts another handshake. False: the client has a place in the line, and is looked at again when its turn comes.</summary>
    public bool TryBegin(int client)
    {
        // Nobody overtakes those who wait.
        if (HasRoom && (_line.First is not { } first || first.Value == client))
        {
            _open++;
            Leave(client);
            return true;
        }

        if (!_places.ContainsKey(client))
        {
            _places[client] = _line.AddLast(client);
        }

        return false;
    }

    /// <summary>One that was counted is over, one way or the other.</summary>
    public void End()
    {
        _open--;
        CallNext();
    }

    /// <summary>The client waits no more, if it did.</summary>
    public void Leave(int client)
    {
        if (_places.Count > 0 && _places.Remove(client, out var place))
        {
            _line.Remove(place);
            CallNext();
        }
    }

    private bool HasRoom => _open < Volatile.Read(ref _most);

    private void CallNext()
    {
        if (_line.First is { } first && HasRoom)
        {
            loop.Queue(first.Value);
        }
    }
}
