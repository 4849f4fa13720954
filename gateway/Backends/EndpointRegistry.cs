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
    private readonly Dictionary<(string Backend, string Id), int> _retiredByName = [];
    private readonly Dictionary<(string Backend, string Address), int> _retiredByAddress = [];
    private int _top;

    /// <summary>Of all of them.</summary>
    public EndpointNews News { get; } = new();

    public EndpointState this[int index] => Volatile.Read(ref _slots)[index]!;

    /// <summary>
    /// Adds an endpoint; one of the same name that was retired and is still known comes back, with its counts. So does one at the same address, unless
    /// both have a name.
    /// </summary>
    public EndpointState Add(string id, EndpointTarget target, string backend = "", ushort backendIndex = 0)
    {
        if (Retired(backend, id, target) is { } revived)
        {
            _retired.RemoveAll(entry => entry.Index == revived.Index);
            Forget(revived);
            if (revived.Id != id)
            {
                revived.Rename(id);
            }

            revived.Target = target;
            revived.IsRetired = false;
            return revived;
        }

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

        var endpoint = new EndpointState(id, index, target)
        {
            Backend = backend,
            BackendIndex = backendIndex,
            News = News,
        };
        Volatile.Write(ref _slots[index], endpoint);
        return endpoint;
    }

    /// <summary>The endpoint is in no set any more. It stays while connections to it are open.</summary>
    public void Retire(EndpointState endpoint, long now)
    {
        _retired.Add((endpoint.Index, now));
        endpoint.IsRetired = true;
        _retiredByName.TryAdd((endpoint.Backend, endpoint.Id), endpoint.Index);
        _retiredByAddress.TryAdd((endpoint.Backend, endpoint.Target.Text), endpoint.Index);
    }

    /// <summary>The retired endpoint of this name, made up where there is none: a connection that was taken over goes there.</summary>
    public EndpointState Remember(string backend, string id, EndpointTarget target, ushort backendIndex, long now)
    {
        if (_retiredByName.TryGetValue((backend, id), out var known))
        {
            return _slots[known]!;
        }

        var endpoint = Add(id, target, backend, backendIndex);
        endpoint.LeavingSince = now;
        Retire(endpoint, now);
        return endpoint;
    }

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

            Forget(_slots[entry.Index]!);
            _slots[entry.Index] = null;
            _free.Push(entry.Index);
            return true;
        });
    }

    private EndpointState? Retired(string backend, string id, EndpointTarget target) =>
        _retiredByName.TryGetValue((backend, id), out var known) ? _slots[known]
        : _retiredByAddress.TryGetValue((backend, target.Text), out known) && !(_slots[known]!.Target.Named && target.Named) ? _slots[known]
        : null;

    /// <summary>It is not to be found among the retired any more.</summary>
    private void Forget(EndpointState endpoint)
    {
        if (_retiredByName.TryGetValue((endpoint.Backend, endpoint.Id), out var named) && named == endpoint.Index)
        {
            _retiredByName.Remove((endpoint.Backend, endpoint.Id));
        }

        var address = (endpoint.Backend, endpoint.Target.Text);
        if (_retiredByAddress.TryGetValue(address, out var there) && there == endpoint.Index)
        {
            _retiredByAddress.Remove(address);
        }
    }
}
