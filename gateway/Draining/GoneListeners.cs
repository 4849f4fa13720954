using Mooring.Gateway.Listeners;

namespace Mooring.Gateway.Draining;

/// <summary>Listeners that configs have taken away, and how long what is open of them may stay. Pure. Not thread-safe.</summary>
internal sealed class GoneListeners
{
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
                _entries.Add(one.Index, new Entry(one, now + patience));
            }
            else if (known.Listener != one)
            {
                // Taken away once more: nobody stays longer for it.
                _entries[one.Index] = known with
                {
                    Listener = one,
                };
            }
        }
    }

    /// <summary>Whether the connection's listener is gone.</summary>
    public bool Has(OpenConnection connection) => Find(connection) is not null;

    /// <summary>Until when it may stay; null: its listener is there.</summary>
    public TimeSpan? DeadlineOf(OpenConnection connection) => Find(connection)?.Deadline;

    /// <summary>Those of which nothing is open.</summary>
    public IReadOnlyList<GoneListener> Without(IReadOnlyList<OpenConnection> open) =>
        [
            .. _entries
                .Values.Select(static entry => entry.Listener)
                .Except(open.Select(Find).OfType<Entry>().Select(static entry => entry.Listener)),
        ];

    private Entry? Find(OpenConnection connection) =>
        _entries.TryGetValue(connection.Listener, out var entry) && connection.Started < entry.Listener.Before ? entry : null;

    private sealed record Entry(GoneListener Listener, TimeSpan Deadline);
}
