namespace Mooring.Operator.Host.Sockets;

/// <summary>Decides which gateway receives from which of the sockets of the UDP ports. Pure but for its memory; not thread-safe.</summary>
/// <remarks>
/// The kernel gives a client always to the same socket, and one gateway alone reads it: so a client's datagrams never go to two gateways. What has
/// an owner stays with it as long as it serves and has no more than its share. A socket that changes hands is with nobody for
/// <see cref="Pause"/>, in which the old owner keeps its flows by sockets of their own; what arrives meanwhile waits in the socket.
/// </remarks>
internal sealed class ShardAssignment
{
    /// <summary>Between taking a socket from a living gateway and giving it to another.</summary>
    public static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    private readonly Dictionary<(int Port, int Number), Place> _places = [];

    /// <summary>Process id of the owner; 0: nobody at present.</summary>
    public int this[int port, int number] => _places.TryGetValue((port, number), out var place) ? place.Owner : 0;

    /// <summary>Brings the assignment up to date; true when it has changed.</summary>
    /// <param name="shards">Every socket there is.</param>
    /// <param name="serving">Process ids of the gateways that take new clients.</param>
    /// <param name="living">Those of all that run.</param>
    /// <param name="now">The time.</param>
    public bool Update(
        IReadOnlyCollection<(int Port, int Number)> shards,
        IReadOnlyCollection<int> serving,
        IReadOnlyCollection<int> living,
        DateTimeOffset now
    )
    {
        var changed = false;
        foreach (var gone in _places.Keys.Except(shards).ToList())
        {
            _places.Remove(gone);
        }

        foreach (var port in shards.GroupBy(static shard => shard.Port))
        {
            var numbers = port.Select(static shard => shard.Number).Order().ToList();
            numbers.ForEach(number => _places.TryAdd((port.Key, number), new Place(0, now)));
            changed |= Take(port.Key, numbers, serving, living, now);
            changed |= Give(port.Key, numbers, serving, now);
        }

        return changed;
    }

    private bool Take(int port, List<int> numbers, IReadOnlyCollection<int> serving, IReadOnlyCollection<int> living, DateTimeOffset now)
    {
        var changed = false;
        var most = serving.Count == 0 ? int.MaxValue : (numbers.Count + serving.Count - 1) / serving.Count;
        var least = serving.Count == 0 ? 0 : numbers.Count / serving.Count;
        foreach (var number in numbers.Where(number => _places[(port, number)].Owner is not 0 and var owner && !serving.Contains(owner)))
        {
            // A dead one has nothing to keep.
            _places[(port, number)] = new Place(0, living.Contains(_places[(port, number)].Owner) ? now + Pause : now);
            changed = true;
        }

        var owned = serving.ToDictionary(static pid => pid, pid => Owned(port, numbers, pid));
        var missing = owned.Values.Sum(count => Math.Max(0, least - count)) - Owned(port, numbers, 0);
        foreach (var number in numbers)
        {
            var owner = _places[(port, number)].Owner;
            if (owner != 0 && (owned[owner] > most || (owned[owner] > least && missing > 0)))
            {
                _places[(port, number)] = new Place(0, now + Pause);
                owned[owner]--;
                missing--;
                changed = true;
            }
        }

        return changed;
    }

    private bool Give(int port, List<int> numbers, IReadOnlyCollection<int> serving, DateTimeOffset now)
    {
        var changed = false;
        foreach (var number in numbers.Where(number => _places[(port, number)] is { Owner: 0 } place && IsFree(place, now)))
        {
            if (serving.Count == 0)
            {
                return changed;
            }

            var owner = serving
                .OrderBy(pid => Owned(port, numbers, pid))
                .ThenBy(pid => _places.Values.Count(place => place.Owner == pid))
                .ThenBy(static pid => pid)
                .First();
            _places[(port, number)] = new Place(owner, now);
            changed = true;
        }

        return changed;
    }

    // One of later than that: the clock was set back since.
    private static bool IsFree(Place place, DateTimeOffset now) => place.FreeAt <= now || place.FreeAt > now + Pause;

    private int Owned(int port, List<int> numbers, int pid) => numbers.Count(number => _places[(port, number)].Owner == pid);

    private readonly record struct Place(int Owner, DateTimeOffset FreeAt);
}
