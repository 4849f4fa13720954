namespace Mooring.Gateway.Transport.Tls;

/// <summary>Sessions that endpoints gave to one loop, so that the next connections to them are resumed. For the loop's thread.</summary>
/// <param name="endpointOf">Key of the endpoint behind a descriptor, or a negative number.</param>
internal sealed class TlsSessions(Func<int, long> endpointOf) : IDisposable
{
    /// <summary>Of one endpoint: connects that may be under way at a time and still each have a session.</summary>
    private const int MaxEach = 8;

    /// <summary>Endpoints remembered; beyond, the one seen first is forgotten. A session is 1 to 4 KiB.</summary>
    private const int MaxEndpoints = 1024;

    private readonly Dictionary<long, List<nint>> _sessions = [];
    private readonly Queue<long> _order = new();

    /// <summary>Takes over a reference to a session. False: it is still the caller's.</summary>
    public bool Keep(int descriptor, nint session)
    {
        var endpoint = endpointOf(descriptor);
        if (endpoint < 0)
        {
            return false;
        }

        if (!_sessions.TryGetValue(endpoint, out var kept))
        {
            if (_order.Count == MaxEndpoints)
            {
                Drop(_order.Dequeue());
            }

            _order.Enqueue(endpoint);
            _sessions[endpoint] = kept = [];
        }

        if (kept.Count == MaxEach)
        {
            OpenSsl.SessionFree(kept[0]);
            kept.RemoveAt(0);
        }

        kept.Add(session);
        return true;
    }

    /// <summary>Lets a new connection resume the endpoint's last session, if there is one that can be.</summary>
    public void Offer(nint ssl, long endpoint)
    {
        if (!_sessions.TryGetValue(endpoint, out var kept))
        {
            return;
        }

        while (kept.Count > 0)
        {
            var session = kept[^1];
            var good = OpenSsl.SessionIsResumable(session) == 1 && OpenSsl.SetSession(ssl, session) == 1;
            if (good && OpenSsl.SessionVersion(session) != SslVersion.Tls13)
            {
                // Before TLS 1.3 a session is good for any number of connections, and seldom renewed.
                return;
            }

            kept.RemoveAt(kept.Count - 1);
            OpenSsl.SessionFree(session);
            if (good)
            {
                return;
            }
        }
    }

    public void Dispose()
    {
        foreach (var session in _sessions.Values.SelectMany(static kept => kept))
        {
            OpenSsl.SessionFree(session);
        }

        _sessions.Clear();
        _order.Clear();
    }

    private void Drop(long endpoint)
    {
        if (_sessions.Remove(endpoint, out var kept))
        {
            kept.ForEach(OpenSsl.SessionFree);
        }
    }
}
