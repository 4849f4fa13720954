using Mooring.Gateway.Listeners;

namespace Mooring.Gateway.Draining;

/// <summary>Listeners that configs have taken away, and how long what is open of them may stay. Pure. Not thread-safe.</summary>
internal sealed class GoneListeners
{
    // By then they are closed.
    private static readonly TimeSpan Closing = TimeSpan.FromMinutes(1);

    private readonly Dictionary<ushort, Entry> _entries = [];

    public bool Any => _entries.Count > 0;

    /// <summary>Brings up to date which there are: one that is new has the patience from now on, one that is back is as if it had never been away.</summary>
    public void Update(IReadOnlyList<GoneListener> gone, TimeSpan now, TimeSpan patience)
    {
        if (gone.Count == 0)
        {
            _entries.Clear();
            return;
        }

        foreach (var back in _entries.Keys.Where(index => !gone.Any(one => one.Index == index)).ToList())
        {
            _entries.Remove(back);
        }

        foreach (var one in gone)
        {
            if (!_entries.TryGetValue(one.Index, out var known))
            {
                _entries.Add(one.Index, new Entry(one, [new Life(one.Before, now + patience)]));
            }
            else if (known.Listener != one)
            {
                // Taken away once more, or back while some of an earlier life are left: who was there before does not stay longer for it, and who came since has as long.
                var soonest = known.Lives.Where(life => life.Before >= one.Before).Select(static life => (TimeSpan?)life.Deadline).Min();
                _entries[one.Index] = new Entry(
                    one,
                    [
                        .. known.Lives.Where(life => life.Before < one.Before && life.Deadline + Closing > now),
                        new Life(one.Before, soonest ?? now + patience),
                    ]
                );
            }
        }
    }

    /// <summary>Whether the connection's listener is gone.</summary>
    public bool Has(OpenConnection connection) => Find(connection) is not null;

    /// <summary>Until when it may stay; null: its listener is there.</summary>
    public TimeSpan? DeadlineOf(OpenConnection connection) =>
        Find(connection)?.Lives.FirstOrDefault(life => connection.Started < life.Before)?.Deadline;

    /// <summary>Those of which nothing is open.</summary>
    public IReadOnlyList<GoneListener> Without(IReadOnlyList<OpenConnection> open) =>
        [
            .. _entries
                .Values.Select(static entry => entry.Listener)
                .Except(open.Select(Find).OfType<Entry>().Select(static entry => entry.Listener)),
        ];

    private Entry? Find(OpenConnection connection) =>
        _entries.TryGetValue(connection.Listener, out var entry) && connection.Started < entry.Listener.Before ? entry : null;

    /// <param name="Listener">As it went last.</param>
    /// <param name="Lives">The times before that of which something may be open, and that one, in order.</param>
    private sealed record Entry(GoneListener Listener, IReadOnlyList<Life> Lives);

    /// <param name="Before">Connections that are older are of it, or of one before.</param>
    /// <param name="Deadline">Until when they may stay.</param>
    private sealed record Life(long Before, TimeSpan Deadline);
}
