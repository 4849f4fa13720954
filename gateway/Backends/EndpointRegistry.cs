namespace Mooring.Gateway.Backends;

/// <summary>All endpoints by index, so that a channel in native memory can name one without a reference.</summary>
/// <remarks>
/// <see cref="this[int]"/> is for any thread; the rest is for the thread that applies configs. An index is used again only long after
/// its endpoint was retired and its last connection ended, since a loop may be between choosing an endpoint and counting on it.
/// </remarks>
internal sealed class EndpointRegistry
{
    private const long GraceMicroseconds = 60_000_000;
    private readonly List<(int Index, long Since)> _retired = [];
    private readonly Stack<int> _free = new();
    private EndpointState?[] _slots = new EndpointState?[64];
    private int _top;

    public EndpointState this[int index] => Volatile.Read(ref _slots)[index]!;

    public EndpointState Add(string id, EndpointTarget target, string backend = "", ushort backendIndex = 0)
    {
        if (!_free.TryPop(out var index))
        {
            index = _top++;
            if (index == _slots.Length)
            {
                var grown = new EndpointState?[index * 2];
                _slots.CopyTo(grown, 0);
                Volatile.Write(ref _slots, grown);
            }
        }

        var endpoint = new EndpointState(id, index, target) { Backend = backend, BackendIndex = backendIndex };
        Volatile.Write(ref _slots[index], endpoint);
        return endpoint;
    }

    /// <summary>The endpoint is in no set any more. It stays while connections to it are open.</summary>
    public void Retire(EndpointState endpoint, long now) => _retired.Add((endpoint.Index, now));

    /// <summary>The retired ones that still have connections.</summary>
    public IEnumerable<EndpointState> Leaving => _retired.Select(entry => _slots[entry.Index]!).Where(endpoint => endpoint.Connections > 0);

    /// <summary>Frees the retired ones that nobody can name any more.</summary>
    public void Sweep(long now)
    {
        _retired.RemoveAll(entry =>
        {
            if (now - entry.Since < GraceMicroseconds || _slots[entry.Index]!.Connections > 0)
            {
                return false;
            }

            _slots[entry.Index] = null;
            _free.Push(entry.Index);
            return true;
        });
    }
}
