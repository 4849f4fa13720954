namespace Mooring.Gateway.Transport.Tls;

/// <summary>The last session that each endpoint gave to one loop, so that the next connection to it is resumed. For the loop's thread.</summary>
/// <param name="endpointOf">Key of the endpoint behind a descriptor, or a negative number.</param>
internal sealed class TlsSessions(Func<int, long> endpointOf) : IDisposable
{
    /// <summary>Beyond this the oldest go: a session is 1 to 4 KiB.</summary>
    private const int MaxSessions = 1024;

    private readonly Dictionary<long, nint> _sessions = [];
    private readonly Queue<long> _order = new();

    public int Count => _sessions.Count;

    /// <summary>Takes over a reference to a session. False: it is still the caller's.</summary>
    public bool Keep(int descriptor, nint session)
    {
        var endpoint = endpointOf(descriptor);
        if (endpoint < 0)
        {
            return false;
        }

        if (_sessions.TryGetValue(endpoint, out var before))
        {
            OpenSsl.SessionFree(before);
        }
        else
        {
            _order.Enqueue(endpoint);
            while (_order.Count > MaxSessions)
            {
                Drop(_order.Dequeue());
            }
        }

        _sessions[endpoint] = session;
        return true;
    }

    /// <summary>The session to resume, or 0. Stays this object's.</summary>
    public nint Find(long endpoint) =>
        _sessions.TryGetValue(endpoint, out var session) && OpenSsl.SessionIsResumable(session) == 1 ? session : 0;

    public void Dispose()
    {
        foreach (var session in _sessions.Values)
        {
            OpenSsl.SessionFree(session);
        }

        _sessions.Clear();
        _order.Clear();
    }

    private void Drop(long endpoint)
    {
        if (_sessions.Remove(endpoint, out var session))
        {
            OpenSsl.SessionFree(session);
        }
    }
}
